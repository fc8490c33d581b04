import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf, stringifySorted } from './digest.ts';
import type { JsonValue } from './json.ts';

describe('stringifySorted', () => {
  it('sorts the members of every object and leaves lists as they are', () => {
    expect(stringifySorted({ b: [{ d: 1, c: 2 }, 3, 1], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1},3,1]}');
  });

  it('sorts member names that look like numbers as text', () => {
    expect(stringifySorted({ b: 1, '10': 2, '9': 3, '-': 4 })).toBe('{"-":4,"10":2,"9":3,"b":1}');
  });

  it('sorts by UTF-16 code units, as RFC 8785 does', () => {
    const example = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };
    expect(Object.values(JSON.parse(stringifySorted(example)) as object)).toHaveLength(7);
    expect(stringifySorted(example)).toBe(
      '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}',
    );
  });

  it('keeps a member named "__proto__"', () => {
    expect(stringifySorted(JSON.parse('{"b":1,"__proto__":{"a":2}}'))).toBe('{"__proto__":{"a":2},"b":1}');
  });

  it('leaves out a member that is undefined, as JSON does', () => {
    expect(stringifySorted({ a: undefined, b: 1 } as unknown as JsonValue)).toBe('{"b":1}');
  });

  it('writes strings, numbers and literals as JSON.stringify does', () => {
    const json = '["\u00fc\\n\\"",1e+30,-0.5,0,true,false,null,"\\ud800"]';
    expect(stringifySorted(['ü\n"', 1e30, -0.5, -0, true, false, null, '\ud800'])).toBe(json);
  });
});

describe('digestOf', () => {
  it('is the SHA-256 of the sorted text', () => {
    expect(digestOf({})).toBe('sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
    expect(digestOf({ b: 2, a: 1 })).toBe('sha256:43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777');
  });

  it('Wire-06-Digest-Of-Content: does not depend on the order of members', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.infiniteStream(fc.nat()), (value, random) => {
        expect(digestOf(shuffleMembers(value as JsonValue, random))).toBe(digestOf(value as JsonValue));
      }),
    );
  });

  it('Wire-06-Digest-Of-Content: gives different digests to documents that differ as JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const same = JSON.stringify(normalised(a)) === JSON.stringify(normalised(b));
        expect(digestOf(a as JsonValue) === digestOf(b as JsonValue)).toBe(same);
      }),
    );
  });
});

/** A model: objects as lists of their members, sorted. */
function normalised(value: unknown): unknown {
  if (Array.isArray(value)) return ['list', ...value.map(normalised)];
  if (typeof value !== 'object' || value === null) return value;
  return [
    'object',
    ...Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, normalised(member)]),
  ];
}

function shuffleMembers(value: JsonValue, random: Iterator<number>): JsonValue {
  if (Array.isArray(value)) return value.map((item) => shuffleMembers(item as JsonValue, random));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, member]) => ({
    key,
    member: shuffleMembers(member as JsonValue, random),
    rank: random.next().value as number,
  }));
  members.sort((a, b) => a.rank - b.rank);
  return Object.fromEntries(members.map(({ key, member }) => [key, member]));
}
