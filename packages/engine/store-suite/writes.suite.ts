import type { Store } from '@setpoint/engine';
import { expect, it } from 'vitest';
import { answer, commit } from './fixtures.ts';

export function describeWrites(open: () => Promise<Store>): void {
  it('starts empty, in the epoch of its creation', async () => {
    await using store = await open();
    expect(store.epoch).toBe(1_790_000_000);
    expect(store.commitCount).toBe(0);
    expect(await store.services()).toEqual([]);
    expect(await store.pendingOutbox()).toEqual([]);
  });

  it('lets one of two racing writers win', async () => {
    await using store = await open();
    const write = (author: string) => store.append([commit('api', 1, { author })]);
    const [a, b] = await Promise.all([write('alice'), write('bob')]);
    expect([a.kind, b.kind].sort()).toEqual(['conflict', 'stored']);
    expect(store.commitCount).toBe(1);
    expect(await store.listAudit('api', 10)).toHaveLength(1);
  });

  it('names the service and its version on a conflict', async () => {
    await using store = await open();
    await store.append([commit('api', 1), commit('api', 2)]);
    expect(await store.append([commit('api', 2)])).toEqual({ kind: 'conflict', service: 'api', actual: 2 });
    expect(await store.append([commit('api', 4)])).toEqual({ kind: 'conflict', service: 'api', actual: 2 });
    expect(await store.append([commit('web', 2)])).toEqual({ kind: 'conflict', service: 'web', actual: 0 });
  });

  it('stores nothing of a batch with a conflict anywhere', async () => {
    await using store = await open();
    await store.append([commit('api', 1)]);
    const batch = [commit('api', 2, { requestKey: 'r-1' }), commit('web', 1), commit('jobs', 5), commit('web', 2)];
    expect(await store.append(batch)).toEqual({ kind: 'conflict', service: 'jobs', actual: 0 });
    expect(store.commitCount).toBe(1);
    expect((await store.services()).map(({ service }) => service)).toEqual(['api']);
    expect(await store.findVersion('api', 2)).toBeUndefined();
    expect(await store.findAnswers(['r-1'])).toEqual(new Map());
    expect(await store.listAudit('web', 10)).toEqual([]);
    expect(await store.pendingOutbox()).toEqual([{ service: 'api', version: 1 }]);
  });

  it('does not count what a batch would have made as the actual version', async () => {
    await using store = await open();
    const batch = [commit('api', 1), commit('api', 1)];
    expect(await store.append(batch)).toEqual({ kind: 'conflict', service: 'api', actual: 0 });
  });

  it('takes several commits of one service in a batch, each on the one before', async () => {
    await using store = await open();
    const batch = [
      commit('api', 1),
      commit('web', 1),
      commit('api', 2),
      answer('api', 2, 'rejected'),
      commit('api', 3),
    ];
    expect(await store.append(batch)).toEqual({ kind: 'stored' });
    expect(store.commitCount).toBe(4);
    expect((await store.findVersion('api', 3))?.snapshot.previous).toEqual({ version: 2, digest: 'sha256:api-2' });
    expect((await store.findVersion('api', 2))?.snapshot.previous).toEqual({ version: 1, digest: 'sha256:api-1' });
    expect((await store.findVersion('api', 1))?.snapshot.previous).toBeNull();
  });

  it('stores an empty batch', async () => {
    await using store = await open();
    expect(await store.append([])).toEqual({ kind: 'stored' });
  });

  it('keeps an answer without a version, and checks its expectation too', async () => {
    await using store = await open();
    await store.append([commit('api', 1)]);
    expect(await store.append([answer('api', 1, 'rejected', 'r-1')])).toEqual({ kind: 'stored' });
    expect(await store.append([answer('api', 2, 'rejected', 'r-2')])).toEqual({
      kind: 'conflict',
      service: 'api',
      actual: 1,
    });
    expect(store.commitCount).toBe(1);
    expect(await store.pendingOutbox()).toEqual([{ service: 'api', version: 1 }]);
    expect([...(await store.findAnswers(['r-1', 'r-2'])).keys()]).toEqual(['r-1']);
  });

  it('keeps an answer about a service that does not exist without making it exist', async () => {
    await using store = await open();
    await store.append([answer('ghost', 0, 'rejected', 'r-1')]);
    expect(await store.services()).toEqual([]);
    expect(await store.listAudit('ghost', 10)).toHaveLength(1);
  });

  it('refuses everything once it is closed, and closes twice', async () => {
    const store = await open();
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    const calls = [
      store.services(),
      store.append([]),
      store.findAnswers([]),
      store.findVersion('api', 1),
      store.listVersions('api', { limit: 1 }),
      store.listAudit('api', 1),
      store.pendingOutbox(),
      store.markSent([]),
      store.findVersionAt('api', '2026-09-21T14:13:20.900Z'),
      store.findLayers('api', 1),
      store.listHistory({ limit: 1 }),
      store.versionsOf('api')[Symbol.asyncIterator]().next(),
      store.prunedRanges('api'),
      store.tags(),
      store.findTag('api', 'stable'),
      store.profiles(),
      store.findProfile('night'),
      store.drafts(),
      store.findDraft('api', 'tuning'),
      store.prune({}),
      store.backup(),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'stopped' });
  });
}
