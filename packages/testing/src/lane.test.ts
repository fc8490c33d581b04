import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLane } from './lane.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it('keeps a message whose delay is longer than a timer can last until its time', () => {
  const set = vi.spyOn(globalThis, 'setTimeout');
  const arrived: string[] = [];
  createLane().carry(3_000_000_000, () => arrived.push('late'));
  vi.advanceTimersByTime(2_999_999_999);
  expect(arrived).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(arrived).toEqual(['late']);
  expect(set.mock.calls.map(([, ms]) => ms)).toEqual([2_147_483_647, 852_516_353]);
});
