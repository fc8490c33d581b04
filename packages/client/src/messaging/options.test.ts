import { expect, it } from 'vitest';
import { resolveMessagingOptions } from './options.ts';

it('messaging options have a default for every bound', () => {
  expect(resolveMessagingOptions()).toEqual({
    outboxMaxMessages: 1000,
    outboxMaxBytes: 16_777_216,
    outboxPolicy: 'drop-oldest',
    maxAgeMs: 30_000,
    maxPendingRequests: 1000,
  });
});

it('tells every fault at once', () => {
  const faults: string[] = [];
  const wrong = { outboxMaxMessages: 0, outboxMaxBytes: Number.NaN, outboxPolicy: 'none', maxAgeMs: 2 ** 31 } as never;
  resolveMessagingOptions(wrong, (option, message) => faults.push(`${option} ${message}`));
  expect(faults).toEqual([
    'messaging/outboxMaxMessages must be a whole number from 1 to 1000000',
    'messaging/outboxMaxBytes must be a whole number from 1 to 4294967296',
    'messaging/outboxPolicy must be drop-oldest or refuse',
    'messaging/maxAgeMs must be 1 to 2147483647',
  ]);
});
