import type { Override, Store, VersionRecord } from '@setpoint/engine';
import { expect, it } from 'vitest';
import { answer, commit, entry, resultOf } from './fixtures.ts';

export function describeReads(open: () => Promise<Store>): void {
  it('keeps what operators set without a new version', async () => {
    await using store = await open();
    const override = {
      pointer: '/port',
      value: 1,
      author: 'ann',
      reason: '',
      version: 2,
      at: '2026-09-21T14:13:20.900Z',
    };
    await store.append([commit('api', 1)]);
    await store.append([{ ...answer('api', 1, 'unchanged'), next: { overrides: [override] } }]);
    expect(await store.services()).toMatchObject([{ service: 'api', overrides: [override] }]);
    expect(store.commitCount).toBe(1);
    expect(await store.pendingOutbox()).toEqual([{ service: 'api', version: 1 }]);
  });

  it('gives back a version as it was stored', async () => {
    await using store = await open();
    const record: VersionRecord = {
      snapshot: {
        service: 'api',
        epoch: 1_790_000_000,
        version: 1,
        digest: 'sha256:01',
        previous: null,
        values: {
          'ключ "quoted"': 'line\nfeed \u0000 \ud83d\ude00 \u2028',
          nested: { list: [1, -2.5, 1e300, null, true, {}, []] },
          ['__proto__']: { polluted: false },
        },
        restartRequired: ['/nested/list'],
        secrets: ['/a~1b'],
        author: 'alice',
        reason: "it's; DROP TABLE version --",
        committedAt: '2026-09-21T14:13:20.900Z',
      },
      changed: ['/nested', '/nested/list'],
      deleted: false,
    };
    await store.append([{ ...commit('api', 1), next: { record, overrides: [] } }]);
    expect(await store.findVersion('api', 1)).toStrictEqual(record);
    expect(await store.findVersion('api', 2)).toBeUndefined();
    expect(await store.findVersion('web', 1)).toBeUndefined();
    expect((await store.services())[0]?.latest).toStrictEqual(record);
  });

  it('gives services sorted by name, each with its latest version and overrides', async () => {
    await using store = await open();
    const override: Override = {
      pointer: '/port',
      value: 8080,
      author: 'alice',
      reason: 'moved',
      version: 1,
      at: '2026-09-21T14:13:20.900Z',
    };
    const hidden: Override = { pointer: '/debug', author: 'bob', reason: '', version: 1, at: override.at };
    await store.append([
      commit('web', 1, { overrides: [override, hidden] }),
      commit('api-2', 1),
      commit('api', 1, { overrides: [hidden] }),
      commit('api', 2, { overrides: [] }),
    ]);
    expect(
      (await store.services()).map(({ service, latest, overrides }) => [service, latest.snapshot.version, overrides]),
    ).toEqual([
      ['api', 2, []],
      ['api-2', 1, []],
      ['web', 1, [override, hidden]],
    ]);
    await store.append([commit('web', 2, { overrides: [hidden] }), commit('api', 3, { overrides: [override] })]);
    expect((await store.services()).map(({ overrides }) => overrides)).toEqual([[override], [], [hidden]]);
    await store.append([commit('web', 3, { overrides: [] })]);
    expect((await store.services()).map(({ overrides }) => overrides)).toEqual([[override], [], []]);
  });

  it('keeps a deleted service where it stands, so that its versions go on', async () => {
    await using store = await open();
    await store.append([commit('api', 1), commit('api', 2, { deleted: true })]);
    expect((await store.services())[0]?.latest).toMatchObject({ deleted: true, snapshot: { version: 2, values: {} } });
    expect(await store.append([commit('api', 1)])).toEqual({ kind: 'conflict', service: 'api', actual: 2 });
    expect(await store.append([commit('api', 3)])).toEqual({ kind: 'stored' });
    expect((await store.listVersions('api', { limit: 9 })).map(({ deleted }) => deleted)).toEqual([false, true, false]);
  });

  it('pages through the history, newest first, without the documents', async () => {
    await using store = await open();
    await store.append([1, 2, 3, 4, 5].flatMap((version) => [commit('api', version), commit('web', version)]));
    const page = async (limit: number, before?: number) =>
      (await store.listVersions('api', { limit, ...(before !== undefined && { before }) })).map(
        ({ snapshot }) => snapshot.version,
      );
    expect(await page(2)).toEqual([5, 4]);
    expect(await page(2, 4)).toEqual([3, 2]);
    expect(await page(9, 2)).toEqual([1]);
    expect(await page(9, 1)).toEqual([]);
    expect(await page(0)).toEqual([]);
    expect(await page(9)).toEqual([5, 4, 3, 2, 1]);
    expect(await store.listVersions('ghost', { limit: 9 })).toEqual([]);
    expect(await store.listVersions('web', { limit: 1 })).toStrictEqual([
      {
        snapshot: {
          service: 'web',
          epoch: 1_790_000_000,
          version: 5,
          digest: 'sha256:web-5',
          previous: { version: 4, digest: 'sha256:web-4' },
          restartRequired: [],
          secrets: [],
          author: 'alice',
          reason: '',
          committedAt: '2026-09-21T14:13:20.900Z',
        },
        changed: ['/port'],
        deleted: false,
      },
    ]);
  });

  it('gives the audit of a service newest first, refusals and files included', async () => {
    await using store = await open();
    await store.append([commit('api', 1, { requestKey: 'r-1' }), commit('web', 1), answer('api', 1, 'denied', 'r-2')]);
    await store.append([
      { ...commit('api', 2), audit: { ...entry('api', 2, 'applied'), author: 'api.yaml', op: 'file' } },
    ]);
    const audit = await store.listAudit('api', 9);
    expect(audit.map(({ op, status, requestKey }) => [op, status, requestKey])).toEqual([
      ['file', 'applied', undefined],
      ['merge', 'denied', 'r-2'],
      ['merge', 'applied', 'r-1'],
    ]);
    expect(audit[1]).toStrictEqual(entry('api', 1, 'denied', 'r-2'));
    expect((await store.listAudit('api', 2)).map(({ op }) => op)).toEqual(['file', 'merge']);
    expect(await store.listAudit('ghost', 9)).toEqual([]);
  });

  it('finds what was answered to requests, and leaves out the others', async () => {
    await using store = await open();
    await store.append([
      commit('api', 1, { requestKey: 'r-1' }),
      answer('api', 1, 'rejected', 'r-2'),
      commit('api', 2),
    ]);
    const results = await store.findAnswers(['r-2', 'never', 'r-1', 'r-2']);
    expect([...results.keys()].sort()).toEqual(['r-1', 'r-2']);
    expect(results.get('r-1')?.result).toStrictEqual(resultOf('api', 1, 'applied'));
    expect(results.get('r-2')?.result).toStrictEqual(resultOf('api', 1, 'rejected'));
    expect(await store.findAnswers([])).toEqual(new Map());
  });

  it('keeps the first answer to a request as its answer', async () => {
    await using store = await open();
    await store.append([answer('api', 0, 'rejected', 'r-1')]);
    await store.append([commit('api', 1, { requestKey: 'r-1' })]);
    expect((await store.findAnswers(['r-1'])).get('r-1')?.result.status).toBe('rejected');
  });
}
