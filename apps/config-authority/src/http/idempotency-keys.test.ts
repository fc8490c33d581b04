import { describe, expect, it } from 'vitest';
import { createAskedBefore } from './idempotency-keys.ts';

describe('what was asked before', () => {
  it('is known by its id and by what it is, in any order of members', () => {
    const asked = createAskedBefore();
    expect(asked.isAnother('a', { op: 'merge', patch: { x: 1, y: 2 } })).toBe(false);
    expect(asked.isAnother('a', { patch: { y: 2, x: 1 }, op: 'merge' })).toBe(false);
    expect(asked.isAnother('a', { op: 'merge', patch: { x: 1 } })).toBe(true);
    expect(asked.isAnother('a', { op: 'merge', patch: { x: 1, y: 2 } })).toBe(false);
    expect(asked.isAnother('b', { op: 'merge', patch: { x: 1 } })).toBe(false);
  });

  it('is forgotten when there is too much of it', () => {
    const asked = createAskedBefore(2);
    for (const id of ['a', 'b', 'c']) asked.isAnother(id, { n: 1 });
    expect([asked.isAnother('c', { n: 2 }), asked.isAnother('a', { n: 2 })]).toEqual([true, false]);
  });
});
