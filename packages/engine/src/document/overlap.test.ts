import { isOverlapping } from '@setpoint/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOverlapTest, createWithinTest, placesAround } from './overlap.ts';

describe('placesAround', () => {
  it.each([
    ['', []],
    ['/a', ['']],
    ['/', ['']],
    ['/a/b/c', ['/a/b', '/a', '']],
    ['/a//b', ['/a/', '/a', '']],
  ])('goes from %j outwards', (pointer, around) => {
    expect(placesAround(pointer)).toEqual(around);
  });
});

describe('createOverlapTest', () => {
  it.each([
    ['/a', true],
    ['/a/b', true],
    ['', true],
    ['/c/d/e', true],
    ['/c', true],
    ['/c/x', false],
    ['/ab', false],
  ])('judges %j', (pointer, overlaps) => {
    expect(createOverlapTest(['/a', '/c/d'])(pointer)).toBe(overlaps);
  });

  it('overlaps with nothing where there are no places', () => {
    expect(createOverlapTest([])('')).toBe(false);
  });

  it('says the same as comparing with each', () => {
    const pointer = fc
      .array(fc.constantFrom('a', 'b', ''), { maxLength: 4 })
      .map((names) => names.map((name) => `/${name}`).join(''));
    fc.assert(
      fc.property(fc.array(pointer), pointer, (places, asked) => {
        expect(createOverlapTest(places)(asked)).toBe(places.some((place) => isOverlapping(place, asked)));
      }),
    );
  });
});

describe('createWithinTest', () => {
  it.each([
    ['/a', true],
    ['/a/b', true],
    ['', false],
    ['/ab', false],
    ['/c/d/e', true],
    ['/c', false],
  ])('judges %j', (pointer, within) => {
    expect(createWithinTest(['/a', '/c/d'])(pointer)).toBe(within);
  });
});
