import type { ConfigurationOptions } from './configuration.ts';

/** Who is told of something can't harm what is done. */
export function unharmed<T>(options: ConfigurationOptions<T>): ConfigurationOptions<T> {
  const { onListenerFailed, onOutcome, onFirst, onRevertFailed, onStaleness } = options;
  const safe =
    <A extends readonly unknown[]>(tell: (...told: A) => void, failed: (cause: unknown) => void) =>
    (...told: A): void => {
      try {
        tell(...told);
      } catch (cause) {
        failed(cause);
      }
    };
  const complain = safe(onListenerFailed, () => {});
  return {
    ...options,
    onListenerFailed: complain,
    onFirst: safe(onFirst, complain),
    onOutcome: safe(onOutcome, complain),
    onRevertFailed: safe(onRevertFailed, complain),
    onStaleness: safe(onStaleness, complain),
  };
}
