import { expect, it } from 'vitest';
import { createRecentIds } from './recent-ids.ts';

it('remembers the last ids, as many as it was told to', () => {
  const ids = createRecentIds(2);
  ids.add('a');
  ids.add('b');
  ids.add('a');
  expect([ids.has('a'), ids.has('b'), ids.has('c')]).toEqual([true, true, false]);
  ids.add('c');
  expect([ids.has('a'), ids.has('b'), ids.has('c')]).toEqual([false, true, true]);
});
