import { describe, expect, it } from 'vitest';
import { count, digest, name, note, pointer, time, version } from './fields.ts';

describe('a time', () => {
  it.each([['2026-06-01T00:00:00Z'], ['2026-06-01T00:00:00.123456Z'], ['2024-02-29T23:59:59-11:30']])(
    'can be %s',
    (text) => {
      expect(time.safeParse(text).success).toBe(true);
    },
  );

  it.each([
    ['2026-06-01'],
    ['2026-06-01T00:00Z'],
    ['2026-06-01T00:00:00'],
    ['2026-06-01 00:00:00Z'],
    ['2026-06-01T24:00:00Z'],
    ['2025-02-29T00:00:00Z'],
    ['2026-06-01T00:00:00+0200'],
  ])('cannot be %s', (text) => {
    expect(time.safeParse(text).success).toBe(false);
  });
});

describe('a pointer', () => {
  it.each([[''], ['/'], ['/a'], ['/a//b'], ['/~0~1'], ['/a\nb'], ['/ü/0']])('can be %j', (text) => {
    expect(pointer.safeParse(text).success).toBe(true);
  });

  it.each([['a'], ['/~'], ['/~2'], ['/a~'], ['~0'], ['#/a']])('cannot be %j', (text) => {
    expect(pointer.safeParse(text).success).toBe(false);
  });
});

describe('a number', () => {
  it('must be an integer that a double holds exactly', () => {
    expect([0, 1, 2 ** 53 - 1].map((value) => count.safeParse(value).success)).toEqual([true, true, true]);
    expect([-1, 0.5, 2 ** 53, Number.POSITIVE_INFINITY].map((value) => count.safeParse(value).success)).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect([1, 0].map((value) => version.safeParse(value).success)).toEqual([true, false]);
  });
});

describe('a text', () => {
  it('is checked as a name, a digest or a note', () => {
    expect(name.safeParse('vad_2').success).toBe(true);
    expect(name.safeParse('vad\n').success).toBe(false);
    expect(digest.safeParse(`sha256:${'0'.repeat(64)}`).success).toBe(true);
    expect(digest.safeParse('0'.repeat(64)).success).toBe(false);
    expect(note.safeParse('x'.repeat(1000)).success).toBe(true);
    expect(note.safeParse('x'.repeat(1001)).success).toBe(false);
  });
});
