import type { HistoryPage, HistoryQuery, Store, VersionRecord } from '@setpoint/engine';
import { expect, it } from 'vitest';
import { commit } from './fixtures.ts';

export function describeHistory(open: () => Promise<Store>): void {
  const at = (minute: number) => new Date(Date.UTC(2026, 8, 21, 14, minute)).toISOString();

  /** Commits 1 to 6, a minute apart. */
  async function fill(store: Store): Promise<void> {
    await store.append([
      commit('api', 1, { author: 'ann', at: at(1), changed: ['/mqtt/host', '/port'] }),
      commit('web', 1, { author: 'bob', at: at(2), changed: ['/port'] }),
      commit('api', 2, { author: 'bob', at: at(3), changed: ['/mqtt'] }),
    ]);
    await store.append([
      commit('api', 3, { author: 'ann', at: at(4), changed: ['/mqtt/port'] }),
      commit('web', 2, { author: 'ann', at: at(5), changed: ['/mqtt/host/name'] }),
      commit('api', 4, { author: 'bob', at: at(6), deleted: true, changed: [''] }),
    ]);
  }

  it('finds the version of a moment', async () => {
    await using store = await open();
    await fill(store);
    const versionAt = async (service: string, moment: string) =>
      (await store.findVersionAt(service, moment))?.snapshot.version;
    expect(await versionAt('api', at(0))).toBeUndefined();
    expect(await versionAt('web', at(1))).toBeUndefined();
    expect(await versionAt('api', at(1))).toBe(1);
    expect(await versionAt('api', '2026-09-21T14:02:59.999Z')).toBe(1);
    expect(await versionAt('api', '2026-09-21T16:03:00+02:00')).toBe(2);
    expect(await versionAt('web', at(4))).toBe(1);
    expect(await versionAt('web', at(99))).toBe(2);
    expect(await store.findVersionAt('api', at(6))).toMatchObject({ deleted: true, snapshot: { version: 4 } });
    expect(await versionAt('ghost', at(9))).toBeUndefined();
  });

  it('takes no version for older than the one before it when the clock was set back', async () => {
    await using store = await open();
    await store.append([commit('api', 1, { at: at(10) })]);
    await store.append([commit('api', 2, { at: at(5) })]);
    await store.append([commit('web', 1, { at: at(6) }), commit('api', 3, { at: at(11) })]);
    expect(await store.findVersionAt('api', at(9))).toBeUndefined();
    expect((await store.findVersionAt('api', at(10)))?.snapshot.version).toBe(2);
    expect((await store.listHistory({ since: at(10), limit: 9 })).map(({ commit }) => commit)).toEqual([4, 3, 2, 1]);
    expect((await store.listHistory({ since: at(11), limit: 9 })).map(({ commit }) => commit)).toEqual([4]);
  });

  it('lists the history across services, newest commit first', async () => {
    await using store = await open();
    await fill(store);
    const commits = async (query: Partial<HistoryQuery>) =>
      (await store.listHistory({ limit: 9, ...query })).map(({ commit }) => commit);
    expect(await commits({})).toEqual([6, 5, 4, 3, 2, 1]);
    expect(await commits({ limit: 2 })).toEqual([6, 5]);
    expect(await commits({ limit: 0 })).toEqual([]);
    expect(await commits({ limit: 2, before: 5 })).toEqual([4, 3]);
    expect(await commits({ service: 'web' })).toEqual([5, 2]);
    expect(await commits({ service: 'api', before: 6, limit: 2 })).toEqual([4, 3]);
    expect(await commits({ author: 'ann' })).toEqual([5, 4, 1]);
    expect(await commits({ author: 'ann', before: 5, limit: 1 })).toEqual([4]);
    expect(await commits({ author: 'ann', service: 'api' })).toEqual([4, 1]);
    expect(await commits({ author: 'an' })).toEqual([]);
    expect(await commits({ since: at(4) })).toEqual([6, 5, 4]);
    expect(await commits({ since: at(4), author: 'ann' })).toEqual([5, 4]);
    expect(await commits({ since: at(7) })).toEqual([]);
    expect(await commits({ service: 'ghost' })).toEqual([]);
    const [newest] = await store.listHistory({ service: 'web', limit: 1 });
    const { values: _, ...snapshot } = (await store.findVersion('web', 2))?.snapshot ?? {};
    expect(newest).toStrictEqual({ commit: 5, snapshot, changed: ['/mqtt/host/name'], deleted: false });
  });

  it('finds what changed a place, something in it, or something around it', async () => {
    await using store = await open();
    await fill(store);
    const commits = async (pointer: string, query: Partial<HistoryQuery> = {}) =>
      (await store.listHistory({ limit: 9, pointer, ...query })).map(({ commit }) => commit);
    expect(await commits('/mqtt/host')).toEqual([6, 5, 3, 1]);
    expect(await commits('/mqtt')).toEqual([6, 5, 4, 3, 1]);
    expect(await commits('/mqtt/host/name')).toEqual([6, 5, 3, 1]);
    expect(await commits('/mq')).toEqual([6]);
    expect(await commits('')).toEqual([6, 5, 4, 3, 2, 1]);
    expect(await commits('/port', { author: 'bob', limit: 1 })).toEqual([6]);
    expect(await commits('/port', { service: 'web' })).toEqual([2]);
  });

  it('filters the history of one service alike', async () => {
    await using store = await open();
    await fill(store);
    const versions = async (page: Partial<HistoryPage>) =>
      (await store.listVersions('api', { limit: 9, ...page })).map(({ snapshot }) => snapshot.version);
    expect(await versions({ author: 'ann' })).toEqual([3, 1]);
    expect(await versions({ author: 'ann', before: 3 })).toEqual([1]);
    expect(await versions({ since: at(3) })).toEqual([4, 3, 2]);
    expect(await versions({ pointer: '/mqtt/host', limit: 2 })).toEqual([4, 2]);
    expect(await versions({ pointer: '/mqtt/host', author: 'bob', since: at(4) })).toEqual([4]);
  });

  it('finds a few among thousands, whichever way it is asked', async () => {
    await using store = await open();
    const versions = Array.from({ length: 1200 }, (_, i) => i + 1);
    const rare = (version: number) => version % 500 === 0;
    await store.append(
      versions.map((version) =>
        commit('api', version, rare(version) ? { author: 'eve', changed: ['/rare'] } : { author: 'ann' }),
      ),
    );
    for (const filter of [{ author: 'eve' }, { pointer: '/rare' }, { author: 'eve', pointer: '/rare' }]) {
      for (const query of [filter, { ...filter, service: 'api' }]) {
        expect((await store.listHistory({ ...query, limit: 9 })).map(({ commit }) => commit)).toEqual([1000, 500]);
        expect((await store.listHistory({ ...query, limit: 1 })).map(({ commit }) => commit)).toEqual([1000]);
      }
      expect((await store.listVersions('api', { ...filter, limit: 9 })).length).toBe(2);
    }
  });

  it('gives the versions of a service oldest first, what is stored meanwhile included', async () => {
    await using store = await open();
    await store.append([...Array.from({ length: 600 }, (_, i) => commit('api', i + 1)), commit('web', 1)]);
    const seen: VersionRecord[] = [];
    for await (const record of store.versionsOf('api')) seen.push(record);
    expect(seen.map(({ snapshot }) => snapshot.version)).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
    expect(seen[0]).toStrictEqual(await store.findVersion('api', 1));
    const none = [];
    for await (const record of store.versionsOf('ghost')) none.push(record);
    expect(none).toEqual([]);
  });
}
