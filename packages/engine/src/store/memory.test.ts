import { answer, clock, commit, describeStore, tagOf } from '@setpoint/engine/store-suite';
import { expect, it } from 'vitest';
import { createMemoryStore } from './memory.ts';

describeStore('the store in memory', async () => createMemoryStore({ now: clock }));

it('takes its epoch from the clock of the machine where none is given', async () => {
  const before = Math.floor(Date.now() / 1000);
  await using store = createMemoryStore();
  expect(store.epoch).toBeGreaterThanOrEqual(before);
});

it('forgets the oldest answers other than `applied` past its bound', async () => {
  await using store = createMemoryStore({ maxOtherAnswers: 2 });
  await store.append([commit('api', 1, { requestKey: 'r-0' })]);
  await store.append([answer('api', 1, 'rejected')]);
  await store.append([1, 2, 3, 4].map((i) => answer('api', 1, 'rejected', `r-${i}`)));
  expect([...(await store.findAnswers(['r-0', 'r-1', 'r-2', 'r-3', 'r-4'])).keys()]).toEqual(['r-0', 'r-3', 'r-4']);
  expect((await store.listAudit('api', 9)).map(({ requestKey }) => requestKey)).toEqual(['r-4', 'r-3', 'r-0']);
});

it('forgets the oldest answers that made no version past its bound, also those of what was applied', async () => {
  await using store = createMemoryStore({ maxOtherAnswers: 2 });
  await store.append([commit('api', 1, { requestKey: 'r-0' })]);
  await store.append(
    [1, 2, 3, 4, 5].map((i) => ({ ...answer('api', 1, 'applied', `r-${i}`), bookmarks: [tagOf('api', `v-${i}`, 1)] })),
  );
  expect((await store.listAudit('api', 9)).map(({ requestKey }) => requestKey)).toEqual(['r-5', 'r-4', 'r-0']);
  expect(await store.tags('api')).toHaveLength(5);
});
