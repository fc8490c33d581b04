import { expect, it } from 'vitest';
import { createThrottle } from './throttle.ts';

it('a throttle lets one event of a key pass per interval, and reports how many it held back', () => {
  let now = 0;
  const throttle = createThrottle({ perMs: 1000, now: () => now });
  expect([throttle.admit('a'), throttle.admit('a'), throttle.admit('a')]).toEqual([0, undefined, undefined]);
  now = 999;
  expect(throttle.admit('a')).toBeUndefined();
  now = 1000;
  expect([throttle.admit('a'), throttle.admit('a')]).toEqual([3, undefined]);
  now = 2000;
  expect(throttle.admit('a')).toBe(1);
});

it('a throttle counts each key by itself', () => {
  const throttle = createThrottle({ perMs: 1000, now: () => 0 });
  expect([throttle.admit('a'), throttle.admit('b'), throttle.admit('a')]).toEqual([0, 0, undefined]);
});

it('a throttle remembers a thousand keys and forgets the oldest', () => {
  const throttle = createThrottle({ perMs: 1000, now: () => 0 });
  for (let key = 0; key < 1000; key++) throttle.admit(`${key}`);
  expect(throttle.admit('0')).toBeUndefined();
  throttle.admit('another');
  expect([throttle.admit('1'), throttle.admit('0')]).toEqual([undefined, 0]);
});
