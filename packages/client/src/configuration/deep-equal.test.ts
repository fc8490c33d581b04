import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isDeepEqual } from './deep-equal.ts';

/** What a schema may make of a document. */
const output = fc.anything({ withDate: true, withMap: true, withSet: true, withBigInt: true, withNullPrototype: true });

describe('isDeepEqual', () => {
  it('isDeepEqual finds a copy equal', () => {
    fc.assert(
      fc.property(fc.clone(output, 2), ([a, b]) => {
        expect(isDeepEqual(a, b)).toBe(true);
      }),
    );
  });

  it('isDeepEqual finds nothing equal that Node finds different', () => {
    fc.assert(
      fc.property(output, output, (a, b) => {
        if (isDeepEqual(a, b)) expect(isDeepStrictEqual(a, b)).toBe(true);
      }),
    );
  });

  it.each([
    ['zero and minus zero', 0, -0],
    ['a list and an object', [], {}],
    ['an object without a prototype', {}, Object.create(null)],
    ['another date', new Date(0), new Date(1)],
    ['another order of a map', new Map([[1, 2]]), new Map([[2, 1]])],
    ['a member that is undefined', { a: undefined }, { b: undefined }],
    ['objects that it does not know', new Error('a'), new Error('a')],
  ])('isDeepEqual finds %s different', (_what, a, b) => {
    expect(isDeepEqual(a, b)).toBe(false);
  });

  it.each([
    ['an expression', /a/g, /a/g],
    ['bytes', Uint8Array.of(1), Uint8Array.of(1)],
    ['an address, which writes itself', new URL('http://a'), new URL('http://a')],
  ])('isDeepEqual finds %s equal when it is made twice', (_what, a, b) => {
    expect(isDeepEqual({ a }, { a: b })).toBe(true);
  });

  it('isDeepEqual leaves objects of other classes to the given comparison', () => {
    class Other {}
    expect(isDeepEqual([new Other()], [new Other()], () => true)).toBe(true);
  });
});
