import type { Bookmark, Store } from '@setpoint/engine';
import type { Tag } from '@setpoint/protocol';
import { expect, it } from 'vitest';
import { answer, commit, draftOf, profileOf, tagOf } from './fixtures.ts';

export function describeBookmarks(open: () => Promise<Store>): void {
  it('gives tags sorted by service and name, the last of a name', async () => {
    await using store = await open();
    await store.append([
      { ...commit('web', 1), bookmarks: [tagOf('web', 'stable', 1)] },
      { ...commit('api', 1), bookmarks: [tagOf('api', 'v-2', 1), tagOf('api', 'v-1', 1)] },
      commit('api', 2),
    ]);
    await store.append([{ ...answer('api', 2, 'applied'), bookmarks: [tagOf('api', 'v-2', 2)] }]);
    const named = (tags: readonly Tag[]) => tags.map(({ service, tag, version }) => [service, tag, version]);
    expect(named(await store.tags())).toEqual([
      ['api', 'v-1', 1],
      ['api', 'v-2', 2],
      ['web', 'stable', 1],
    ]);
    expect(named(await store.tags('api'))).toEqual([
      ['api', 'v-1', 1],
      ['api', 'v-2', 2],
    ]);
    expect(await store.tags('ghost')).toEqual([]);
    expect(await store.findTag('web', 'stable')).toStrictEqual({
      service: 'web',
      tag: 'stable',
      version: 1,
      author: 'alice',
      reason: 'because',
      at: '2026-09-21T14:13:20.900Z',
    });
    expect(await store.findTag('web', 'v-1')).toBeUndefined();
  });

  it('takes bookmarks in their order, and away what is there', async () => {
    await using store = await open();
    const bookmarks: Bookmark[] = [
      { kind: 'untag', service: 'api', tag: 'stable' },
      { kind: 'drop_profile', profile: 'night' },
      { kind: 'drop_draft', service: 'api', draft: 'tuning' },
    ];
    await store.append([{ ...answer('api', 0, 'applied'), bookmarks }]);
    await store.append([
      {
        ...commit('api', 1),
        bookmarks: [tagOf('api', 'stable', 1), profileOf('night', { api: 1 }), draftOf('tuning', 1)],
      },
    ]);
    expect([await store.tags(), await store.profiles(), await store.drafts()].map(({ length }) => length)).toEqual([
      1, 1, 1,
    ]);
    await store.append([{ ...answer('api', 1, 'applied'), bookmarks: [...bookmarks, tagOf('api', 'later', 1)] }]);
    expect(await store.profiles()).toEqual([]);
    expect(await store.drafts()).toEqual([]);
    expect((await store.tags()).map(({ tag }) => tag)).toEqual(['later']);
  });

  it('writes no bookmark of a batch with a conflict', async () => {
    await using store = await open();
    await store.append([{ ...commit('api', 1), bookmarks: [tagOf('api', 'stable', 1)] }, commit('web', 5)]);
    expect(await store.tags()).toEqual([]);
  });

  it('gives profiles sorted by name', async () => {
    await using store = await open();
    const bookmarks = [
      profileOf('night', { api: 1 }),
      profileOf('day', { api: 1, web: 2 }),
      profileOf('night', { api: 2 }),
    ];
    await store.append([{ ...answer('authority', 0, 'applied'), bookmarks }]);
    expect((await store.profiles()).map(({ profile, services }) => [profile, services])).toEqual([
      ['day', { api: 1, web: 2 }],
      ['night', { api: 2 }],
    ]);
    expect(await store.findProfile('day')).toStrictEqual({
      profile: 'day',
      services: { api: 1, web: 2 },
      author: 'alice',
      reason: 'because',
      at: '2026-09-21T14:13:20.900Z',
    });
    expect(await store.findProfile('noon')).toBeUndefined();
    expect(await store.services()).toEqual([]);
  });

  it('gives drafts sorted by service and name, and their content one by one', async () => {
    await using store = await open();
    const bookmarks = [draftOf('tuning', 1), draftOf('colours', 1), draftOf('tuning', 2)];
    await store.append([{ ...answer('api', 0, 'applied'), bookmarks }]);
    expect(await store.drafts()).toStrictEqual([
      { service: 'api', draft: 'colours', base: 1, author: 'alice', reason: 'because', at: '2026-09-21T14:13:20.900Z' },
      { service: 'api', draft: 'tuning', base: 2, author: 'alice', reason: 'because', at: '2026-09-21T14:13:20.900Z' },
    ]);
    expect(await store.drafts('web')).toEqual([]);
    expect(await store.drafts('api')).toHaveLength(2);
    expect((await store.findDraft('api', 'tuning'))?.patch).toEqual({ port: 2 });
    expect(await store.findDraft('api', 'tuning')).toStrictEqual(draftOf('tuning', 2).draft);
    expect(await store.findDraft('web', 'tuning')).toBeUndefined();
  });
}
