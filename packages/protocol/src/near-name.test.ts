import { expect, it } from 'vitest';
import { findNearName } from './near-name.ts';

it.each([
  ['treshold', ['gain', 'threshold'], 'threshold'],
  ['THRESHOLD', ['threshold'], 'threshold'],
  ['sampelRate', ['sampleRateHz', 'sampleRate'], 'sampleRate'],
  ['startTimeout', ['url', 'startTimeoutMs'], 'startTimeoutMs'],
  ['uri', ['url', 'service'], 'url'],
  ['ab', ['abc'], 'abc'],
])('findNearName takes "%s" for the misspelt one of %j', (text, names, near) => {
  expect(findNearName(text, names)).toBe(near);
});

it.each([
  ['ab', ['xyz']],
  ['x', ['y']],
  ['x', ['xy']],
  ['', ['a']],
  ['colour', ['threshold']],
  ['a', []],
  ['a'.repeat(101), ['a'.repeat(102)]],
])('findNearName finds no name like "%s" among %j', (text, names) => {
  expect(findNearName(text, names)).toBeUndefined();
});
