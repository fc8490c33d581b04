import { describe, expect, it } from 'vitest';
import { parseFlagKey } from './flag-key.ts';

describe('a flag key', () => {
  it.each([
    ['/vad/threshold', ['vad', 'threshold']],
    ['vad.threshold', ['vad', 'threshold']],
    ['threshold', ['threshold']],
    ['', []],
    ['/', ['']],
    ['/a~1b/c.d', ['a/b', 'c.d']],
    ['models.0.name', ['models', '0', 'name']],
  ])('%j is a way of names', (key, names) => {
    expect(parseFlagKey(key)).toEqual(names);
  });

  it.each(['/a~2', 'a..b', '.a', 'a.'])('%j can not be read', (key) => {
    expect(() => parseFlagKey(key)).toThrow(expect.objectContaining({ code: 'pointer_invalid' }));
  });
});
