import { expect, it } from 'vitest';
import { createSkewWatch } from './clock-skew.ts';

/** What is told of this clock's distances, in seconds, beacon by beacon. */
function told(...skews: readonly number[]): number[] {
  const said: number[] = [];
  const compare = createSkewWatch((skewMs) => said.push(skewMs / 1000));
  for (const skew of skews) compare(1_000_000, 1_000_000 + skew * 1000);
  return said;
}

it('is told once for each episode, in both directions', () => {
  expect(told(0, 11, 12, 13, 14)).toEqual([12]);
  expect(told(-11, -12, -13)).toEqual([-12]);
  expect(told(20, 21, 0, 22, 23)).toEqual([21, 23]);
});

it('is not told up to ten seconds, nor for one beacon that was long on its way', () => {
  expect(told(10, 10, -10, -10)).toEqual([]);
  expect(told(30, 0, 30, 0)).toEqual([]);
});

it('is nothing that a time which is none could tell', () => {
  expect(told(Number.NaN, Number.NaN, Number.NaN)).toEqual([]);
});
