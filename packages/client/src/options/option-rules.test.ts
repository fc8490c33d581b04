import { expect, it } from 'vitest';
import { findNearName } from './option-rules.ts';

const names = ['url', 'service', 'startTimeoutMs', 'keepaliveSeconds'];

it.each([
  ['startTimeout', 'startTimeoutMs'],
  ['starttimeoutms', 'startTimeoutMs'],
  ['keepAliveSecs', 'keepaliveSeconds'],
  ['servcie', 'service'],
  ['uri', 'url'],
])('findNearName takes %s for a misspelt %s', (text, name) => {
  expect(findNearName(text, names)).toBe(name);
});

it.each(['', 'a', 'xyz', 'timeout', 'logger', 's'.repeat(101)])('findNearName finds no name near to "%s"', (text) => {
  expect(findNearName(text, names)).toBeUndefined();
});
