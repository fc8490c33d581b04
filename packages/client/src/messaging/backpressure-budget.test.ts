import { expect, it } from 'vitest';
import { createBackpressureBudget } from './backpressure-budget.ts';

it('the backpressure budget allows two seconds in one go and a fifth of all time, for all subscriptions together', () => {
  let nowMs = 0;
  let held = 0;
  const { tryHold, isSpent } = createBackpressureBudget(
    () => {
      held += 1;
      return () => {
        held -= 1;
      };
    },
    () => nowMs,
  );
  const [first, second] = [tryHold(), tryHold()];
  expect(held).toBe(2);
  nowMs += 1999;
  expect(isSpent()).toBe(false);
  nowMs += 1;
  expect(isSpent()).toBe(true);
  expect(tryHold()).toBeUndefined();
  first?.();
  second?.();
  expect(held).toBe(0);
  nowMs += 500;
  const third = tryHold();
  nowMs += 100;
  expect(isSpent()).toBe(true);
  third?.();
  nowMs += 60_000;
  tryHold();
  nowMs += 2000;
  expect(isSpent()).toBe(true);
});
