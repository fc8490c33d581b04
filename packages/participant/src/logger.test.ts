import { expect, it } from 'vitest';
import { guardLogger } from './logger.ts';

it('a guarded logger logs with the other one, as its own methods', () => {
  const lines: unknown[] = [];
  class Lines {
    readonly #lines = lines;
    debug = (): void => undefined;
    info = (): void => undefined;
    warn(fields: object, message: string): void {
      this.#lines.push([fields, message]);
    }
    error = (): void => undefined;
  }
  guardLogger(new Lines()).warn({ service: 'vad' }, 'told');
  expect(lines).toEqual([[{ service: 'vad' }, 'told']]);
});

it('a guarded logger lets no promise of the other one fail alone', async () => {
  const unhandled: unknown[] = [];
  const listen = (cause: unknown): void => void unhandled.push(cause);
  process.on('unhandledRejection', listen);
  const late = (): Promise<never> => Promise.reject(new Error('ENOSPC'));
  guardLogger({ debug: late, info: late, warn: late, error: late }).warn({}, 'told');
  await new Promise((next) => setImmediate(next));
  process.off('unhandledRejection', listen);
  expect(unhandled).toEqual([]);
});

it('a guarded logger throws at no level', () => {
  const broken = (): void => {
    throw new Error('ENOSPC');
  };
  const { debug, info, warn, error } = guardLogger({ debug: broken, info: broken, warn: broken, error: broken });
  for (const log of [debug, info, warn, error]) expect(() => log({}, 'told')).not.toThrow();
});
