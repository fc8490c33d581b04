import { expect, it } from 'vitest';
import { createRateLimitedLog, guardLogger } from './logger.ts';

it('a guarded logger calls the methods of the logger on the logger itself', () => {
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

it('a guarded logger leaves no rejected promise of the logger unhandled', async () => {
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

it('a rate-limited log writes one line of a kind per minute, and the next one says how many were left out', () => {
  let now = 0;
  const lines: unknown[] = [];
  const put = (fields: object, message: string): void => void lines.push([message, fields]);
  const log = createRateLimitedLog({ debug: put, info: put, warn: put, error: put }, () => now);
  for (const kind of ['a', 'a', 'b', 'a']) log('warn', kind, { kind }, 'told');
  now = 60_000;
  log('error', 'a', { kind: 'a' }, 'told again');
  expect(lines).toEqual([
    ['told', { kind: 'a' }],
    ['told', { kind: 'b' }],
    ['told again', { kind: 'a', leftOut: 2 }],
  ]);
});
