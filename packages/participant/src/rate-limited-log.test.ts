import { expect, it } from 'vitest';
import { createRateLimitedLog } from './logger.ts';

it('one line of a kind is logged a minute, and the next one says how many were left out', () => {
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
