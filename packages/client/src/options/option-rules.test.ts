import { expect, it } from 'vitest';
import { findNearName } from './option-rules.ts';

const names = ['url', 'service', 'startTimeoutMs', 'keepaliveSeconds'];

it.each([
  ['startTimeout', 'startTimeoutMs'],
  ['starttimeoutms', 'startTimeoutMs'],
  ['keepAliveSecs', 'keepaliveSeconds'],
  ['servcie', 'service'],
  ['uri', 'url'],
])('takes %s for a slip of %s', (text, name) => {
  expect(findNearName(text, names)).toBe(name);
});

it.each(['', 'a', 'xyz', 'timeout', 'logger', 's'.repeat(101)])('takes %s for no slip', (text) => {
  expect(findNearName(text, names)).toBeUndefined();
});
