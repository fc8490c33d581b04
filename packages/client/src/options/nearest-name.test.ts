import { expect, it } from 'vitest';
import { nearestName } from './nearest-name.ts';

const names = ['url', 'service', 'startTimeoutMs', 'keepaliveSeconds'];

it.each([
  ['startTimeout', 'startTimeoutMs'],
  ['starttimeoutms', 'startTimeoutMs'],
  ['keepAliveSecs', 'keepaliveSeconds'],
  ['servcie', 'service'],
  ['uri', 'url'],
])('takes %s for a slip of %s', (text, name) => {
  expect(nearestName(text, names)).toBe(name);
});

it.each(['', 'a', 'xyz', 'timeout', 'logger', 's'.repeat(101)])('takes %s for no slip', (text) => {
  expect(nearestName(text, names)).toBeUndefined();
});
