import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffDelayMs } from './backoff.ts';

const almostOne = 1 - Number.EPSILON;

describe('the delay before an attempt', () => {
  it('the delay before the first attempt is at most a tenth of a second', () => {
    expect(backoffDelayMs(0, 0)).toBe(0);
    expect(backoffDelayMs(0, 0.5)).toBe(50);
    expect(backoffDelayMs(0, almostOne)).toBe(99);
  });

  it('the delay before an attempt doubles from half a second to five seconds', () => {
    expect([1, 2, 3, 4, 5, 6, 50].map((attempt) => backoffDelayMs(attempt, 0.5))).toEqual([
      250, 500, 1000, 2000, 2500, 2500, 2500,
    ]);
  });

  it('messaging options accept other bounds', () => {
    expect(backoffDelayMs(1, 0.5, { minDelayMs: 20, maxDelayMs: 60 })).toBe(10);
    expect(backoffDelayMs(9, 0.5, { minDelayMs: 20, maxDelayMs: 60 })).toBe(30);
    expect(backoffDelayMs(0, 0.5, { maxDelayMs: 10 })).toBe(5);
  });

  it('the delay stays within its bounds, however long the outage', () => {
    fc.assert(
      fc.property(fc.nat({ max: 100_000 }), fc.double({ min: 0, max: almostOne, noNaN: true }), (attempt, random) => {
        const delayMs = backoffDelayMs(attempt, random);
        expect(Number.isInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThan(5000);
      }),
    );
  });

  it('the delay grows with randomness and attempt, and stays below the maximum', () => {
    const delays = fc.record({
      minDelayMs: fc.integer({ min: 100, max: 5000 }),
      factor: fc.integer({ min: 1, max: 50 }),
    });
    const chance = fc.double({ min: 0, max: almostOne, noNaN: true });
    fc.assert(
      fc.property(delays, fc.nat({ max: 40 }), chance, chance, ({ minDelayMs, factor }, attempt, one, other) => {
        const options = { minDelayMs, maxDelayMs: minDelayMs * factor };
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        const delay = backoffDelayMs(attempt, less, options);
        expect(delay).toBeLessThanOrEqual(backoffDelayMs(attempt, more, options));
        expect(delay).toBeLessThanOrEqual(backoffDelayMs(attempt + 1, less, options));
        expect(delay).toBeLessThan(options.maxDelayMs);
      }),
    );
  });
});
