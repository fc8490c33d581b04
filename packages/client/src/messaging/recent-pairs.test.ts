import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRecentPairs } from './recent-pairs.ts';

const text = fc.constantFrom(...Array.from({ length: 40 }, (_, n) => `text ${n}`), '', 'a'.repeat(600));
const step = fc.record({
  kind: fc.constantFrom('has', 'add', 'add', 'add'),
  text,
  owner: fc.constantFrom('a', 'b', ''),
  afterMs: fc.constantFrom(0, 0, 1, 9, 50),
});

it('recent pairs know what a list of the last pairs knows, at any bounds', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 400 }),
      fc.integer({ min: 1, max: 150 }),
      fc.integer({ min: 1, max: 400 }),
      (steps, maxEntries, ttlMs) => {
        const pairs = createRecentPairs(ttlMs, maxEntries);
        let listed: { readonly key: string; readonly atMs: number }[] = [];
        let nowMs = 0;
        for (const { kind, text: of, owner, afterMs } of steps) {
          nowMs += afterMs;
          const key = JSON.stringify([of, owner]);
          listed = listed.filter(({ atMs }) => nowMs - atMs < ttlMs);
          const isListed = listed.some((pair) => pair.key === key);
          expect(pairs.has(of, owner, nowMs)).toBe(isListed);
          if (kind === 'has' || isListed) continue;
          pairs.add(of, owner, nowMs);
          listed = [...listed, { key, atMs: nowMs }].slice(-maxEntries);
        }
      },
    ),
    { numRuns: 500 },
  );
});

it('recent pairs find each of many pairs, and none that was never added', () => {
  const pairs = createRecentPairs(1000, 10_000);
  for (let n = 0; n < 10_000; n += 1) pairs.add(`${n}`, 'a', 0);
  const known = Array.from({ length: 10_000 }, (_, n) => pairs.has(`${n}`, 'a', 1));
  expect(known.every(Boolean)).toBe(true);
  expect([pairs.has('0', 'b', 1), pairs.has('10000', 'a', 1), pairs.has('0', 'a', 1000)]).toEqual([
    false,
    false,
    false,
  ]);
});
