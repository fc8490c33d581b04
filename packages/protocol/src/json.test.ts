import { describe, expect, it } from 'vitest';
import { deepFreeze, findUnsafeJson, isEqualJson, isJsonObject } from './json.ts';

const lists = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

describe('isJsonObject', () => {
  it.each([[{}], [{ a: 1 }]])('accepts %j as an object', (value) => {
    expect(isJsonObject(value)).toBe(true);
  });

  it.each([[null], [[]], ['text'], [1], [undefined]])('does not accept %j as an object', (value) => {
    expect(isJsonObject(value)).toBe(false);
  });
});

describe('findUnsafeJson', () => {
  it.each([[null], [1], ['text'], [{}], [{ a: [{ b: null }] }], [{ constructor: 1 }]])(
    'finds nothing unsafe in %j',
    (value) => {
      expect(findUnsafeJson(value)).toBeUndefined();
    },
  );

  it('accepts lists and objects nested 64 levels deep, and refuses a deeper one', () => {
    expect(findUnsafeJson(lists(64))).toBeUndefined();
    expect(findUnsafeJson(lists(65))).toBe('nests deeper than 64 levels');
    expect(findUnsafeJson(lists(100_000))).toBe('nests deeper than 64 levels');
  });

  it('finds a member named "__proto__" at any depth', () => {
    expect(findUnsafeJson(JSON.parse('{"a":[{"__proto__":{"admin":true}}]}'))).toBe('has a member named "__proto__"');
  });

  it('finds a number that JSON can write but a double cannot hold', () => {
    expect(findUnsafeJson(JSON.parse('{"a":[1e400]}'))).toBe('has a number that is too large');
    expect(findUnsafeJson(JSON.parse('-1e400'))).toBe('has a number that is too large');
    expect(findUnsafeJson(Number.NaN)).toBe('has a number that is too large');
    expect(findUnsafeJson(JSON.parse('{"a":1e308}'))).toBeUndefined();
  });
});

describe('deepFreeze', () => {
  it('freezes everything inside a document and returns the document', () => {
    const document = { list: [{ deep: true }], text: 'a' };
    expect(deepFreeze(document)).toBe(document);
    expect([document, document.list, document.list[0]].map((value) => Object.isFrozen(value))).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('freezes the members of an object that is itself frozen already', () => {
    const document = Object.freeze({ inside: { deep: true } });
    deepFreeze(document);
    expect(Object.isFrozen(document.inside)).toBe(true);
  });

  it('returns a value that cannot be frozen unchanged', () => {
    expect(deepFreeze(null)).toBe(null);
    expect(deepFreeze('text')).toBe('text');
  });
});

describe('isEqualJson', () => {
  it.each([
    [1, 1],
    [null, null],
    [undefined, undefined],
    [
      [1, { a: 2 }],
      [1, { a: 2 }],
    ],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [0, -0],
  ])('finds %j and %j equal', (a, b) => {
    expect(isEqualJson(a, b)).toBe(true);
  });

  it.each([
    [1, 2],
    [1, '1'],
    [null, {}],
    [{}, null],
    [{}, []],
    [[], {}],
    [undefined, null],
    [
      [1, 2],
      [2, 1],
    ],
    [[1], [1, 2]],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, { a: 2 }],
    [{ toString: 1 }, { constructor: 1 }],
  ])('finds %j and %j different', (a, b) => {
    expect(isEqualJson(a, b)).toBe(false);
  });
});
