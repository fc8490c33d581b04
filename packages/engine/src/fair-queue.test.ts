import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from './fair-queue.ts';

describe('a fair queue', () => {
  it('Isolation-20-Fair-Queue: gives each lane its turn, whatever another one brings', () => {
    const queue = new FairQueue<string>({ maxWaiting: 10_000, maxWaitingPerLane: 5_000 });
    for (let i = 0; i < 5_000; i += 1) queue.offer('flood', `f${i}`);
    queue.offer('honest', 'h0');
    queue.offer('honest', 'h1');
    expect(queue.take(4).map(({ item }) => item)).toEqual(['f0', 'h0', 'f1', 'h1']);
    expect(queue.size).toBe(4_998);
  });

  it('Isolation-20-Fair-Queue: refuses what is past the bound of a lane, or of all', () => {
    const queue = new FairQueue<number>({ maxWaiting: 3, maxWaitingPerLane: 2 });
    expect([1, 2, 3].map((item) => queue.offer('a', item))).toEqual([true, true, false]);
    expect([4, 5].map((item) => queue.offer('b', item))).toEqual([true, false]);
  });

  it('keeps the order of each lane and loses nothing, also of what is put back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom('a', 'b', 'c'), fc.nat(4)), { maxLength: 60 }),
        fc.nat(3),
        (steps, kept) => {
          const queue = new FairQueue<number>({ maxWaiting: 100, maxWaitingPerLane: 100 });
          const taken: Record<string, number[]> = { a: [], b: [], c: [] };
          let count = 0;
          for (const step of steps) {
            if (typeof step === 'string') queue.offer(step, ++count);
            else {
              const batch = queue.take(step);
              queue.putBack(batch.slice(kept));
              for (const { lane, item } of batch.slice(0, kept)) taken[lane]?.push(item);
            }
          }
          for (const { lane, item } of queue.take(1000)) taken[lane]?.push(item);
          expect(queue.size).toBe(0);
          expect(
            Object.values(taken)
              .flat()
              .sort((x, y) => x - y),
          ).toEqual(Array.from({ length: count }, (_, i) => i + 1));
          for (const items of Object.values(taken)) expect(items).toEqual(items.toSorted((x, y) => x - y));
        },
      ),
    );
  });
});
