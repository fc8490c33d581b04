import type { Logger } from './logger.ts';

/** The same logger, whose methods never throw: a full disk, or a stream that was closed, costs lines and nothing else. */
export function guardLogger(logger: Logger): Logger {
  const guard =
    (level: keyof Logger) =>
    (fields: object, message: string): void => {
      try {
        // One of the user's may be a promise in disguise.
        const answer: unknown = logger[level](fields, message);
        if (answer instanceof Promise) answer.catch(() => undefined);
      } catch {
        // There is nobody left to tell.
      }
    };
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') };
}
