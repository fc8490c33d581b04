import type { Store } from '@setpoint/engine';
import { expect, it } from 'vitest';
import { answer, commit, draftOf, profileOf, tagOf } from './fixtures.ts';

export function describeRetention(open: () => Promise<Store>): void {
  const at = (day: number) => new Date(Date.UTC(2026, 8, day)).toISOString();

  const versionsIn = async (store: Store, service: string) => {
    const versions: number[] = [];
    for await (const { snapshot } of store.versionsOf(service)) versions.push(snapshot.version);
    return versions;
  };

  /** Ten versions of two services, one a day. */
  async function fill(store: Store): Promise<void> {
    const versions = Array.from({ length: 10 }, (_, i) => i + 1);
    await store.append(
      versions.flatMap((version) => [
        commit('api', version, { at: at(version), requestKey: `r-${version}` }),
        commit('web', version, { at: at(version), sources: { digest: `sha256:s-${version}`, content: { version } } }),
      ]),
    );
  }

  it('keeps so many of each service, and says what went', async () => {
    await using store = await open();
    await fill(store);
    expect(await store.prune({ keepVersions: 3 })).toEqual({ versions: 14, answers: 14, sources: 7 });
    expect(await versionsIn(store, 'api')).toEqual([8, 9, 10]);
    expect(await versionsIn(store, 'web')).toEqual([8, 9, 10]);
    expect(await store.findVersion('api', 7)).toBeUndefined();
    expect(await store.findLayers('web', 7)).toBeUndefined();
    expect(await store.findLayers('web', 8)).toEqual({ overrides: [], sources: { version: 8 } });
    expect((await store.listHistory({ limit: 99 })).map(({ commit }) => commit)).toEqual([20, 19, 18, 17, 16, 15]);
    expect((await store.listAudit('api', 99)).map(({ requestKey }) => requestKey)).toEqual(['r-10', 'r-9', 'r-8']);
    expect([...(await store.findAnswers(['r-7', 'r-8'])).keys()]).toEqual(['r-8']);
    expect((await store.pendingOutbox()).map(({ version }) => version)).toEqual([8, 8, 9, 9, 10, 10]);
    expect(store.commitCount).toBe(20);
    expect(await store.prune({ keepVersions: 3 })).toEqual({ versions: 0, answers: 0, sources: 0 });
  });

  it('leaves a gap that the chain can be followed over', async () => {
    await using store = await open();
    await fill(store);
    await store.append([{ ...answer('api', 10, 'applied'), bookmarks: [tagOf('api', 'stable', 4)] }]);
    await store.prune({ keepVersions: 3 });
    expect(await store.prunedRanges('api')).toEqual([
      { service: 'api', first: 1, last: 3, digest: 'sha256:api-3' },
      { service: 'api', first: 5, last: 7, digest: 'sha256:api-7' },
    ]);
    expect((await store.findVersion('api', 8))?.snapshot.previous).toEqual({ version: 7, digest: 'sha256:api-7' });
    await store.append([
      { ...answer('api', 10, 'applied'), bookmarks: [{ kind: 'untag', service: 'api', tag: 'stable' }] },
    ]);
    await store.prune({ keepVersions: 2 });
    expect(await store.prunedRanges('api')).toEqual([{ service: 'api', first: 1, last: 8, digest: 'sha256:api-8' }]);
    expect(await store.prunedRanges('ghost')).toEqual([]);
  });

  it('keeps what is young, and takes only what fails both criteria', async () => {
    await using store = await open();
    await fill(store);
    await store.prune({ keepVersions: 9, keepSince: at(5) });
    expect(await versionsIn(store, 'api')).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await store.prune({ keepVersions: 1, keepSince: at(5) });
    expect(await versionsIn(store, 'api')).toEqual([5, 6, 7, 8, 9, 10]);
    await store.prune({ keepSince: at(7) });
    expect(await versionsIn(store, 'api')).toEqual([7, 8, 9, 10]);
  });

  it('takes nothing where nothing is asked for, or all are few', async () => {
    await using store = await open();
    await fill(store);
    expect(await store.prune({})).toEqual({ versions: 0, answers: 0, sources: 0 });
    expect(await store.prune({ keepVersions: 11 })).toEqual({ versions: 0, answers: 0, sources: 0 });
    expect(await store.prune({ keepSince: at(1) })).toEqual({ versions: 0, answers: 0, sources: 0 });
  });

  it('never takes the present version, one with a name, or one that a draft was begun from', async () => {
    await using store = await open();
    await fill(store);
    const bookmarks = [
      tagOf('api', 'stable', 2),
      profileOf('night', { api: 4, web: 5 }),
      profileOf('day', { web: 5 }),
      draftOf('tuning', 6),
    ];
    await store.append([{ ...answer('api', 10, 'applied'), bookmarks }]);
    await store.prune({ keepVersions: 0, keepSince: at(30), chunk: 2 });
    expect(await versionsIn(store, 'api')).toEqual([2, 4, 6, 10]);
    expect(await versionsIn(store, 'web')).toEqual([5, 10]);
    expect(await store.findLayers('web', 5)).toEqual({ overrides: [], sources: { version: 5 } });
    await store.append([commit('api', 11, { deleted: true })]);
    await store.append([{ ...answer('api', 11, 'applied'), bookmarks: [{ kind: 'drop_profile', profile: 'night' }] }]);
    await store.prune({ keepVersions: 0 });
    expect(await versionsIn(store, 'api')).toEqual([2, 6, 11]);
    expect(await store.append([commit('api', 12)])).toEqual({ kind: 'stored' });
  });

  it('keeps sources as long as any version has them', async () => {
    await using store = await open();
    const same = { digest: 'sha256:same', content: { same: true } };
    await store.append([
      commit('api', 1, { sources: same }),
      commit('api', 2, { sources: { digest: 'sha256:other', content: {} } }),
      commit('api', 3),
      commit('web', 1, { sources: same }),
    ]);
    expect(await store.prune({ keepVersions: 1 })).toEqual({ versions: 2, answers: 2, sources: 1 });
    expect(await store.findLayers('web', 1)).toEqual({ overrides: [], sources: { same: true } });
    expect(await store.findLayers('api', 3)).toEqual({ overrides: [] });
    await store.append([commit('api', 4, { sources: { digest: 'sha256:other', content: { again: 1 } } })]);
    expect(await store.findLayers('api', 4)).toEqual({ overrides: [], sources: { again: 1 } });
  });

  it('may be asked to prune while it does', async () => {
    await using store = await open();
    await fill(store);
    const counts = await Promise.all([
      store.prune({ keepVersions: 4, chunk: 2 }),
      store.prune({ keepVersions: 2, chunk: 3 }),
    ]);
    expect(counts[0].versions + counts[1].versions).toBe(16);
    expect(await versionsIn(store, 'api')).toEqual([9, 10]);
  });

  it('lets others write meanwhile, and spares what they name', async () => {
    await using store = await open();
    await fill(store);
    const pruned = store.prune({ keepVersions: 1, chunk: 1 });
    const tagged = store.append([{ ...answer('web', 10, 'applied'), bookmarks: [tagOf('web', 'stable', 9)] }]);
    const stored = store.append([commit('api', 11)]);
    expect([await tagged, await stored]).toEqual([{ kind: 'stored' }, { kind: 'stored' }]);
    const { versions } = await pruned;
    const left = [...(await versionsIn(store, 'api')), ...(await versionsIn(store, 'web'))];
    expect(versions + left.length).toBe(21);
    expect((await store.services()).map(({ latest }) => latest.snapshot.version)).toEqual([11, 10]);
  });
}
