import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileLinearPattern } from './linear-pattern.ts';

const part = fc.constantFrom(
  'a',
  'b',
  '-',
  '.',
  '\\d',
  '\\D',
  '\\w',
  '\\W',
  '\\s',
  '\\S',
  '\\.',
  '\\/',
  '\\n',
  '\\u0041',
  '\\x41',
  '\\u{1f600}',
  '\\0',
  '\\cJ',
  '\\p{L}',
  '\\P{Lu}',
  '[ab]',
  '[^ab]',
  '[\\s\\d]',
  '[^\\s]',
  '[a-c\\-]',
  '[[]',
  '[\\]]',
  '[\\b]',
  '\\b',
  '^',
  '$',
);
const quantified = fc
  .tuple(part, fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,3}', '*?'))
  .map(([piece, quantity]) => (/^(\^|\$|\\b)$/.test(piece) ? piece : `${piece}${quantity}`));
const group = fc
  .array(quantified, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join(''))
  .chain((inner) => fc.constantFrom(inner, `(${inner})`, `(?:${inner}|x)`, `(?<n>${inner})?`));
const pattern = fc
  .array(group, { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join('|'))
  .filter((text) => text.split('(?<n>').length < 3);
// Without letters past U+FFFF: for them V8 denies that `[^ab]$` matches, which ECMA-262 says it does.
const text = fc.string({
  unit: fc.constantFrom(
    'a',
    'b',
    'c',
    'A',
    'x',
    '-',
    '.',
    '/',
    '[',
    ']',
    '1',
    ' ',
    '\u00a0',
    '\u2028',
    '\n',
    '\r',
    '\b',
    '\0',
    'é',
  ),
  maxLength: 8,
});

describe('a linear pattern', () => {
  it('Isolation-10-Linear-Patterns: matches what a regular expression of ECMA-262 matches', () => {
    fc.assert(
      fc.property(pattern, text, (source, given) => {
        expect(compileLinearPattern(source).test(given)).toBe(new RegExp(source, 'u').test(given));
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['(?=a)b', 'looking ahead or behind'],
    ['(?<!a)b', 'looking ahead or behind'],
    ['(a)\\1', '\\1'],
    ['(?<x>a)\\k<x>', '\\k<x>'],
    ['[]', 'an empty class'],
    ['(', 'Unterminated group'],
  ])('Isolation-10-Linear-Patterns: is refused for %s', (source, message) => {
    expect(() => compileLinearPattern(source)).toThrow(message);
  });

  it('Isolation-10-Linear-Patterns: takes no longer than the text for a pattern that would backtrack for years', () => {
    expect(compileLinearPattern('^(a+)+$').test(`${'a'.repeat(20_000)}!`)).toBe(false);
  });
});
