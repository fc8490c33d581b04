import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEqualJson, type JsonValue } from './json.ts';
import {
  appendToken,
  changedPointers,
  formatPointer,
  isOverlapping,
  isWithin,
  parsePointer,
  readPointer,
} from './pointer.ts';

describe('parsePointer', () => {
  it.each([
    ['', []],
    ['/', ['']],
    ['/a/b', ['a', 'b']],
    ['/a//b', ['a', '', 'b']],
    ['/m~0n/a~1b', ['m~n', 'a/b']],
    ['/~01', ['~1']],
    ['/0/ /"', ['0', ' ', '"']],
  ])('splits %j into %j', (pointer, tokens) => {
    expect(parsePointer(pointer)).toEqual(tokens);
  });

  it.each([['a'], ['a/b'], ['/~'], ['/~2'], ['/a~'], ['#/a']])('refuses %j as a pointer', (pointer) => {
    expect(() => parsePointer(pointer)).toThrow(expect.objectContaining({ code: 'pointer_invalid' }));
  });
});

describe('formatPointer', () => {
  it('escapes "/" and "~" in names', () => {
    expect(formatPointer(['a/b', 'm~n', '~1', '', 3])).toBe('/a~1b/m~0n/~01//3');
    expect(formatPointer([])).toBe('');
  });

  it('Wire-08-Pointer-Round-Trip: a formatted pointer parses to the names it was made of', () => {
    const token = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('~', '/', '0', '1') }));
    fc.assert(
      fc.property(fc.array(token), (tokens) => {
        expect(parsePointer(formatPointer(tokens))).toEqual(tokens);
      }),
    );
  });

  it('Wire-08-Pointer-Round-Trip: a pointer that parses is formatted to the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('~', '/', '0', '1', 'a') }), (text) => {
        if (!isParsable(text)) return;
        expect(formatPointer(parsePointer(text))).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });
});

function isParsable(text: string): boolean {
  try {
    parsePointer(text);
    return true;
  } catch {
    return false;
  }
}

describe('appendToken', () => {
  it('appends one escaped name to a pointer', () => {
    expect(appendToken('', 'a/b')).toBe('/a~1b');
    expect(appendToken('/list', 0)).toBe('/list/0');
  });
});

describe('readPointer', () => {
  const document = { a: { 'x/y': [10, { b: null }] }, '': 'empty' };

  it.each([
    ['/a/x~1y/0', 10],
    ['/a/x~1y/1/b', null],
    ['/', 'empty'],
  ])('reads the value at %s', (pointer, value) => {
    expect(readPointer(document, pointer)).toBe(value);
  });

  it('reads the whole document at ""', () => {
    expect(readPointer(document, '')).toBe(document);
  });

  it.each([
    ['/missing'],
    ['/a/x~1y/2'],
    ['/a/x~1y/00'],
    ['/a/x~1y/-'],
    ['/a/x~1y/length'],
    ['/toString'],
    ['/a/x~1y/0/deeper'],
  ])('returns undefined for %s', (pointer) => {
    expect(readPointer(document, pointer)).toBeUndefined();
  });
});

describe('isWithin', () => {
  it('tells whether a pointer equals another or lies inside it', () => {
    expect(isWithin('/a/b', '/a')).toBe(true);
    expect(isWithin('/a', '/a')).toBe(true);
    expect(isWithin('/a', '')).toBe(true);
    expect(isWithin('/ab', '/a')).toBe(false);
    expect(isWithin('/a', '/a/b')).toBe(false);
  });
});

describe('isOverlapping', () => {
  it('tells whether either of two pointers contains the other', () => {
    expect(isOverlapping('/a', '/a/b')).toBe(true);
    expect(isOverlapping('/a/b', '/a')).toBe(true);
    expect(isOverlapping('/a/b', '/a/c')).toBe(false);
  });
});

describe('changedPointers', () => {
  const parse = (json: string): JsonValue => JSON.parse(json) as JsonValue;

  it.each([
    ['nothing in equal documents', '{"a":{"b":1},"c":[1]}', '{"c":[1],"a":{"b":1}}', []],
    ['a member that differs', '{"a":{"b":1,"c":2}}', '{"a":{"b":9,"c":2}}', ['/a/b']],
    ['an added member and a removed one', '{"a":1}', '{"b":1}', ['/a', '/b']],
    ['a list as one value', '{"a":[{"b":1}]}', '{"a":[{"b":2}]}', ['/a']],
    ['an object in place of a list', '{"a":[]}', '{"a":{}}', ['/a']],
    ['an added object as one pointer', '{}', '{"a":{"b":1}}', ['/a']],
    ['null as a value', '{"a":null}', '{}', ['/a']],
    ['names that need an escape', '{"a/b":{"~":1}}', '{"a/b":{"~":2}}', ['/a~1b/~0']],
    ['the whole document when it is not an object', '1', '{}', ['']],
    [
      'names that every JavaScript object has',
      '{}',
      '{"constructor":{"a":1},"toString":{}}',
      ['/constructor', '/toString'],
    ],
    ['an added member named "__proto__"', '{}', '{"__proto__":{"a":1}}', ['/__proto__']],
    ['a removed empty member named "__proto__"', '{"__proto__":{}}', '{}', ['/__proto__']],
  ])('finds %s', (_what, before, after, changed) => {
    expect(changedPointers(parse(before), parse(after))).toEqual(changed);
  });

  it('returns "" for an added and for a removed document', () => {
    expect(changedPointers(undefined, {})).toEqual(['']);
    expect(changedPointers({}, undefined)).toEqual(['']);
    expect(changedPointers(undefined, undefined)).toEqual([]);
  });

  const key = fc.constantFrom('a', 'b', 'c', 'a/b', '~', '', '0');
  const document: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue; object: JsonValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom<JsonValue>(null, 0, 1, 'x', true),
      tie('object'),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
    object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  })).object;

  it('Wire-07-Changed-Pointers: setting the new values at the changed pointers turns the old document into the new one', () => {
    fc.assert(
      fc.property(document, document, (before, after) => {
        const rebuilt = changedPointers(before, after).reduce<JsonValue | undefined>(
          (built, pointer) => write(built, parsePointer(pointer), readPointer(after, pointer)),
          before,
        );
        expect(isEqualJson(rebuilt, after)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('Wire-07-Changed-Pointers: the list is empty only for equal documents, and no pointer lies inside another', () => {
    fc.assert(
      fc.property(document, document, (before, after) => {
        const changed = changedPointers(before, after);
        expect(changed.length === 0).toBe(isEqualJson(before, after));
        expect(changed.filter((x, i) => changed.some((y, j) => i !== j && isWithin(x, y)))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});

/** A model of setting one value: returns a copy of `document` with `value` at the pointer, or without it. */
function write(
  document: JsonValue | undefined,
  [token, ...rest]: readonly string[],
  value: JsonValue | undefined,
): JsonValue | undefined {
  if (token === undefined) return value;
  const { [token]: inner, ...others } = document as Record<string, JsonValue>;
  const next = write(inner, rest, value);
  return next === undefined ? others : { ...others, [token]: next };
}
