import { describe, expect, it } from 'vitest';
import { createIdempotencyKeys } from './idempotency-keys.ts';

describe('an idempotency key', () => {
  it('matches a request with the same id and content, in any order of members', () => {
    const asked = createIdempotencyKeys();
    expect(asked.isReused('a', { op: 'merge', patch: { x: 1, y: 2 } })).toBe(false);
    expect(asked.isReused('a', { patch: { y: 2, x: 1 }, op: 'merge' })).toBe(false);
    expect(asked.isReused('a', { op: 'merge', patch: { x: 1 } })).toBe(true);
    expect(asked.isReused('a', { op: 'merge', patch: { x: 1, y: 2 } })).toBe(false);
    expect(asked.isReused('b', { op: 'merge', patch: { x: 1 } })).toBe(false);
  });

  it('is forgotten, the oldest first, when there are too many', () => {
    const asked = createIdempotencyKeys(2);
    for (const id of ['a', 'b', 'c']) asked.isReused(id, { n: 1 });
    expect([asked.isReused('c', { n: 2 }), asked.isReused('a', { n: 2 })]).toEqual([true, false]);
  });
});
