import type { Result, ResultStatus, Tag } from '@setpoint/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Override } from '../layer/overrides.ts';
import type {
  AuditEntry,
  Bookmark,
  Commit,
  HistoryPage,
  HistoryQuery,
  OutboxRow,
  Store,
  StoredService,
  StoredSources,
  VersionRecord,
} from './store.ts';

/** What every store promises, tried on the new, empty ones that `open` gives. The clock says 1,790,000,000.9 s. */
export function describeStoreContract(name: string, open: () => Promise<Store>): void {
  describe(name, () => {
    describeWrites(open);
    describeReads(open);
    describeOutbox(open);
    describeLayers(open);
    describeBookmarks(open);
    describeHistory(open);
    describeRetention(open);
    describeModel(open);
  });
}

/** The clock of the suite, in milliseconds. */
export const clock = (): number => 1_790_000_000_900;

function describeWrites(open: () => Promise<Store>): void {
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
    const batch = [commit('api', 2, { requestId: 'r-1' }), commit('web', 1), commit('jobs', 5), commit('web', 2)];
    expect(await store.append(batch)).toEqual({ kind: 'conflict', service: 'jobs', actual: 0 });
    expect(store.commitCount).toBe(1);
    expect((await store.services()).map(({ service }) => service)).toEqual(['api']);
    expect(await store.findVersion('api', 2)).toBeUndefined();
    expect(await store.findResults(['r-1'])).toEqual(new Map());
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
    expect([...(await store.findResults(['r-1', 'r-2'])).keys()]).toEqual(['r-1']);
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
      store.findResults([]),
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

function describeReads(open: () => Promise<Store>): void {
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
    await store.append([commit('api', 1, { requestId: 'r-1' }), commit('web', 1), answer('api', 1, 'denied', 'r-2')]);
    await store.append([
      { ...commit('api', 2), audit: { ...entry('api', 2, 'applied'), author: 'api.yaml', op: 'file' } },
    ]);
    const audit = await store.listAudit('api', 9);
    expect(audit.map(({ op, status, requestId }) => [op, status, requestId])).toEqual([
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
    await store.append([commit('api', 1, { requestId: 'r-1' }), answer('api', 1, 'rejected', 'r-2'), commit('api', 2)]);
    const results = await store.findResults(['r-2', 'never', 'r-1', 'r-2']);
    expect([...results.keys()].sort()).toEqual(['r-1', 'r-2']);
    expect(results.get('r-1')).toStrictEqual(resultOf('api', 1, 'applied'));
    expect(results.get('r-2')).toStrictEqual(resultOf('api', 1, 'rejected'));
    expect(await store.findResults([])).toEqual(new Map());
  });

  it('keeps the first answer to a request as its answer', async () => {
    await using store = await open();
    await store.append([answer('api', 0, 'rejected', 'r-1')]);
    await store.append([commit('api', 1, { requestId: 'r-1' })]);
    expect((await store.findResults(['r-1'])).get('r-1')?.status).toBe('rejected');
  });
}

function describeOutbox(open: () => Promise<Store>): void {
  it('holds what is to be published in the order it was stored', async () => {
    await using store = await open();
    await store.append([commit('web', 1), commit('api', 1)]);
    await store.append([commit('web', 2)]);
    expect(await store.pendingOutbox()).toEqual([
      { service: 'web', version: 1 },
      { service: 'api', version: 1 },
      { service: 'web', version: 2 },
    ]);
  });

  it('takes what was sent and what is older, of that service alone', async () => {
    await using store = await open();
    await store.append([commit('web', 1), commit('api', 1), commit('web', 2), commit('web', 3)]);
    await store.markSent([{ service: 'web', version: 2 }]);
    expect(await store.pendingOutbox()).toEqual([
      { service: 'api', version: 1 },
      { service: 'web', version: 3 },
    ]);
    await store.markSent([
      { service: 'api', version: 1 },
      { service: 'web', version: 3 },
    ]);
    expect(await store.pendingOutbox()).toEqual([]);
  });

  it('does not bring back what was sent when an older version is marked after it', async () => {
    await using store = await open();
    await store.append([commit('web', 1), commit('web', 2), commit('web', 3)]);
    await store.markSent([{ service: 'web', version: 2 }]);
    await store.markSent([{ service: 'web', version: 1 }]);
    expect(await store.pendingOutbox()).toEqual([{ service: 'web', version: 3 }]);
  });

  it('does not take versions that are only stored later', async () => {
    await using store = await open();
    await store.append([commit('web', 1)]);
    await store.markSent([
      { service: 'web', version: 7 },
      { service: 'ghost', version: 1 },
    ]);
    await store.append([commit('web', 2), commit('ghost', 1)]);
    expect(await store.pendingOutbox()).toEqual([
      { service: 'web', version: 2 },
      { service: 'ghost', version: 1 },
    ]);
  });

  it('keeps thousands of rows in order while most of them are sent', async () => {
    await using store = await open();
    for (let version = 1; version <= 3000; version += 100) {
      const versions = Array.from({ length: 100 }, (_, i) => version + i);
      await store.append(versions.flatMap((each) => [commit('api', each), commit('web', each)]));
      await store.markSent(versions.map((each) => ({ service: 'api', version: each })));
    }
    const pending = await store.pendingOutbox();
    expect(pending).toHaveLength(3000);
    expect(pending.at(0)).toEqual({ service: 'web', version: 1 });
    expect(pending.at(-1)).toEqual({ service: 'web', version: 3000 });
  });
}

function describeLayers(open: () => Promise<Store>): void {
  const file = { digest: 'sha256:file-1', content: { yaml_file: { port: 80 }, '/lines': [1, null] } };
  const edited = { digest: 'sha256:file-2', content: { yaml_file: { port: 81 } } };

  it('keeps the layers that every version was made of', async () => {
    await using store = await open();
    await store.append([
      commit('api', 1, { sources: file }),
      commit('web', 1, { sources: file, overrides: [overrideOf(1)] }),
      commit('api', 2, { sources: file, overrides: [overrideOf(2)] }),
    ]);
    await store.append([commit('api', 3, { sources: edited, overrides: [overrideOf(2)] })]);
    await store.append([commit('api', 4), commit('api', 5, { sources: file })]);
    expect(await store.findLayers('api', 1)).toStrictEqual({ overrides: [], sources: file.content });
    expect(await store.findLayers('api', 2)).toStrictEqual({ overrides: [overrideOf(2)], sources: file.content });
    expect(await store.findLayers('api', 3)).toStrictEqual({ overrides: [overrideOf(2)], sources: edited.content });
    expect(await store.findLayers('api', 4)).toStrictEqual({ overrides: [] });
    expect(await store.findLayers('api', 5)).toStrictEqual({ overrides: [], sources: file.content });
    expect(await store.findLayers('web', 1)).toStrictEqual({ overrides: [overrideOf(1)], sources: file.content });
    expect(await store.findLayers('api', 6)).toBeUndefined();
    expect(await store.findLayers('ghost', 1)).toBeUndefined();
  });

  it('keeps the overrides of a version although operators set others without a new one', async () => {
    await using store = await open();
    await store.append([commit('api', 1, { overrides: [overrideOf(1)] })]);
    await store.append([{ ...answer('api', 1, 'unchanged'), next: { overrides: [overrideOf(2)] } }]);
    expect(await store.findLayers('api', 1)).toEqual({ overrides: [overrideOf(1)] });
    expect((await store.services())[0]?.overrides).toEqual([overrideOf(2)]);
    await store.append([commit('api', 2, { overrides: [overrideOf(3)] })]);
    expect((await store.services())[0]?.overrides).toEqual([overrideOf(3)]);
  });

  it('keeps nothing of the sources of a batch with a conflict', async () => {
    await using store = await open();
    await store.append([commit('api', 1)]);
    await store.append([commit('api', 2, { sources: file }), commit('web', 7)]);
    await store.append([commit('api', 2)]);
    expect(await store.findLayers('api', 2)).toEqual({ overrides: [] });
  });
}

function describeBookmarks(open: () => Promise<Store>): void {
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

function describeHistory(open: () => Promise<Store>): void {
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

function describeRetention(open: () => Promise<Store>): void {
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
        commit('api', version, { at: at(version), requestId: `r-${version}` }),
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
    expect((await store.listAudit('api', 99)).map(({ requestId }) => requestId)).toEqual(['r-10', 'r-9', 'r-8']);
    expect([...(await store.findResults(['r-7', 'r-8'])).keys()]).toEqual(['r-8']);
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

function describeModel(open: () => Promise<Store>): void {
  it('agrees with a model over random batches, right and wrong', async () => {
    const service = fc.constantFrom('api', 'web', 'jobs');
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ batch: fc.array(fc.tuple(service, intent), { maxLength: 5 }) }) },
      { weight: 1, arbitrary: fc.record({ sent: fc.record({ service, version: fc.nat(12) }) }) },
      { weight: 1, arbitrary: fc.record({ bookmarks: fc.array(anyMark(service), { maxLength: 3 }) }) },
      { weight: 1, arbitrary: fc.record({ keepVersions: fc.nat(4), chunk: fc.integer({ min: 1, max: 3 }) }) },
    );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await using store = await open();
      const model = createModel();
      for (const each of steps) {
        if ('sent' in each) {
          await store.markSent([each.sent]);
          model.markSent(each.sent);
        } else if ('bookmarks' in each) {
          const marked = { ...answer('bookmarks', 0, 'applied'), bookmarks: each.bookmarks };
          expect(await store.append([marked])).toEqual(model.append([marked]));
        } else if ('chunk' in each) {
          const { versions } = await store.prune(each);
          expect(versions).toBe(model.prune(each.keepVersions));
        } else {
          const batch = model.batchOf(each.batch);
          expect(await store.append(batch)).toEqual(model.append(batch));
        }
      }
      await model.expectSame(store);
    });
    await fc.assert(property, { numRuns: 60 });
  });
}

type Intent = { readonly kind: 'commit' | 'delete' | 'answer'; readonly off: number; readonly override: boolean };

const intent: fc.Arbitrary<Intent> = fc.record({
  kind: fc.constantFrom('commit', 'commit', 'commit', 'delete', 'answer'),
  // Mostly right, now and then one too low or too high.
  off: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1) }),
  override: fc.boolean(),
});

/** Few names, so that they meet. */
const anyMark = (service: fc.Arbitrary<string>): fc.Arbitrary<Bookmark> => {
  const name = fc.constantFrom('a', 'b');
  const version = fc.integer({ min: 1, max: 6 });
  return fc.oneof(
    fc.tuple(service, name, version).map(([of, tag, at]) => tagOf(of, tag, at)),
    fc.record({ kind: fc.constant('untag'), service, tag: name }),
    fc.tuple(name, fc.dictionary(service, version)).map(([profile, services]) => profileOf(profile, services)),
    fc.record({ kind: fc.constant('drop_profile'), profile: name }),
    fc.tuple(name, version).map(([draft, base]) => draftOf(draft, base)),
    fc.record({ kind: fc.constant('drop_draft'), service: fc.constant('api'), draft: name }),
  );
};

/** The promise in its plainest form: one list of what was stored, and every question answered from it. */
function createModel() {
  const stored: Commit[] = [];
  const sent: OutboxRow[] = [];
  const gone = new Set<string>();
  let requests = 0;

  const all = () =>
    stored.flatMap(({ service, next }, index) =>
      next?.record ? [{ service, ...next, record: next.record, index }] : [],
    );
  const isKept = ({ service, record }: { service: string; record: VersionRecord }) =>
    !gone.has(`${service} ${record.snapshot.version}`);
  const made = () => all().filter(isKept);
  const of = (service: string) => made().filter((each) => each.service === service);
  const versionOf = (service: string) => all().filter((each) => each.service === service).length;
  const bookmarks = () => stored.flatMap(({ bookmarks }) => bookmarks ?? []);
  /** Of each name what was said last. */
  const lastOf = <T>(pick: (bookmark: Bookmark) => readonly [string, T | undefined] | undefined): T[] =>
    [
      ...new Map(
        bookmarks().flatMap((bookmark) => [pick(bookmark) ?? []].filter((entry) => entry.length > 0) as [string, T][]),
      ),
    ]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, value]) => value ?? []);
  const tags = () =>
    lastOf((bookmark) => {
      if (bookmark.kind === 'tag') return [`${bookmark.tag.service} ${bookmark.tag.tag}`, bookmark.tag];
      return bookmark.kind === 'untag' ? [`${bookmark.service} ${bookmark.tag}`, undefined] : undefined;
    });
  const profiles = () =>
    lastOf((bookmark) => {
      if (bookmark.kind === 'profile') return [bookmark.profile.profile, bookmark.profile];
      return bookmark.kind === 'drop_profile' ? [bookmark.profile, undefined] : undefined;
    });
  const drafts = () =>
    lastOf((bookmark) => {
      if (bookmark.kind === 'draft') return [bookmark.draft.draft, bookmark.draft];
      return bookmark.kind === 'drop_draft' ? [bookmark.draft, undefined] : undefined;
    });
  const isNamed = (service: string, version: number) =>
    tags().some((tag) => tag.service === service && tag.version === version) ||
    profiles().some(({ services }) => services[service] === version) ||
    drafts().some((draft) => draft.service === service && draft.base === version);
  const answers = () => stored.filter(({ service, next }) => !next?.record || isKept({ service, record: next.record }));
  const isSent = ({ service, version }: OutboxRow) =>
    sent.some((row) => row.service === service && row.version >= version);

  return {
    batchOf(intents: readonly (readonly [string, Intent])[]): Commit[] {
      const steps = new Map<string, number>();
      return intents.map(([service, { kind, off, override }]) => {
        const at = versionOf(service) + (steps.get(service) ?? 0) + off;
        requests += 1;
        const requestId = `r-${requests}`;
        if (kind === 'answer') return answer(service, at, 'rejected', requestId);
        steps.set(service, (steps.get(service) ?? 0) + 1);
        const overrides = override ? [overrideOf(at + 1)] : [];
        // Three kinds of sources, or none, in turns of several versions.
        const turn = Math.floor(requests / 3) % 4;
        const sources = { digest: `sha256:s-${turn}`, content: { turn } };
        const deleted = kind === 'delete';
        return commit(service, at + 1, { requestId, overrides, deleted, ...(turn > 0 && { sources }) });
      });
    },
    append(batch: readonly Commit[]) {
      const before = stored.length;
      for (const each of batch) {
        if (each.expected === versionOf(each.service)) stored.push(each);
        else {
          stored.length = before;
          return { kind: 'conflict', service: each.service, actual: versionOf(each.service) };
        }
      }
      return { kind: 'stored' };
    },
    markSent({ service, version }: OutboxRow) {
      sent.push({ service, version: Math.min(version, versionOf(service)) });
    },
    prune(keepVersions: number) {
      const before = gone.size;
      for (const service of ['api', 'web', 'jobs']) {
        const old = of(service).slice(0, -Math.max(1, keepVersions));
        for (const { record } of old) {
          const { version } = record.snapshot;
          if (!isNamed(service, version)) gone.add(`${service} ${version}`);
        }
      }
      return gone.size - before;
    },
    async expectSame(store: Store) {
      const latest = new Map<string, StoredService>();
      for (const { service, record, overrides } of made()) latest.set(service, { service, latest: record, overrides });
      expect(await store.services()).toEqual([...latest.keys()].sort().map((service) => latest.get(service)));
      expect(store.commitCount).toBe(all().length);
      expect(await store.tags()).toEqual(tags());
      expect(await store.profiles()).toEqual(profiles());
      expect(await store.drafts()).toEqual(drafts().map(({ patch: _, ...summary }) => summary));
      const commits = all().flatMap((each, i) => (isKept(each) ? [i + 1] : []));
      expect((await store.listHistory({ limit: 999 })).map(({ commit }) => commit)).toEqual(commits.reverse());
      const rows = made().map(({ service, record }) => ({ service, version: record.snapshot.version }));
      expect(await store.pendingOutbox()).toEqual(rows.filter((row) => !isSent(row)));
      for (const service of ['api', 'web', 'jobs']) {
        const history = await store.listVersions(service, { limit: 99 });
        expect(history.map(({ snapshot }) => snapshot.digest)).toEqual(
          of(service)
            .map(({ record }) => record.snapshot.digest)
            .reverse(),
        );
        for (const { record } of of(service)) {
          expect(await store.findVersion(service, record.snapshot.version)).toEqual(record);
        }
        for (const { record, overrides, sources } of of(service)) {
          const layers = { overrides, ...(sources && { sources: sources.content }) };
          expect(await store.findLayers(service, record.snapshot.version)).toEqual(layers);
        }
        const missing = (await store.prunedRanges(service)).flatMap(({ first, last }) =>
          Array.from({ length: last - first + 1 }, (_, i) => `${service} ${first + i}`),
        );
        expect(missing).toEqual([...gone].filter((each) => each.startsWith(service)).sort(byVersion));
        const audit = answers()
          .filter((each) => each.service === service)
          .map((each) => each.audit);
        expect(await store.listAudit(service, 99)).toEqual(audit.reverse());
      }
      const ids = Array.from({ length: requests }, (_, i) => `r-${i + 1}`);
      const results = answers().flatMap(({ audit }) =>
        audit.requestId === undefined ? [] : [[audit.requestId, audit.result] as const],
      );
      expect(await store.findResults(ids)).toEqual(new Map(results));
    },
  };
}

export interface CommitChoices {
  readonly author?: string;
  readonly requestId?: string;
  readonly overrides?: readonly Override[];
  readonly deleted?: boolean;
  readonly values?: VersionRecord['snapshot']['values'];
  readonly sources?: StoredSources;
  readonly changed?: readonly string[];
  /** RFC 3339. */
  readonly at?: string;
}

/** A commit that brings `service` from the version before to `version`. */
export function commit(service: string, version: number, choices: CommitChoices = {}): Commit {
  const { author = 'alice', requestId, overrides = [], deleted = false, values = { port: 8000 + version } } = choices;
  const { sources, changed = ['/port'], at: committedAt = '2026-09-21T14:13:20.900Z' } = choices;
  const record: VersionRecord = {
    snapshot: {
      service,
      epoch: 1_790_000_000,
      version,
      digest: `sha256:${service}-${version}`,
      previous: version > 1 ? { version: version - 1, digest: `sha256:${service}-${version - 1}` } : null,
      values: deleted ? {} : values,
      restartRequired: [],
      secrets: [],
      author,
      reason: '',
      committedAt,
    },
    changed,
    deleted,
  };
  return {
    service,
    expected: version - 1,
    next: { record, overrides, ...(sources && { sources }) },
    audit: entry(service, version, 'applied', requestId),
  };
}

/** An answer to be kept about a service that stays at `version`. */
export function answer(service: string, version: number, status: ResultStatus, requestId?: string): Commit {
  return { service, expected: version, audit: entry(service, version, status, requestId) };
}

function entry(service: string, version: number, status: ResultStatus, requestId?: string): AuditEntry {
  return {
    at: '2026-09-21T14:13:20.900Z',
    service,
    ...(requestId !== undefined && { requestId }),
    author: 'alice',
    op: 'merge',
    status,
    reason: 'because',
    result: resultOf(service, version, status),
  };
}

function resultOf(service: string, version: number, status: ResultStatus): Result {
  return {
    status,
    service,
    epoch: 1_790_000_000,
    version,
    digest: `sha256:${service}-${version}`,
    changed: status === 'applied' ? ['/port'] : [],
    restartRequired: [],
    warnings: [],
  };
}

const made = { author: 'alice', reason: 'because', at: '2026-09-21T14:13:20.900Z' };

export function tagOf(service: string, tag: string, version: number): Bookmark & { readonly kind: 'tag' } {
  return { kind: 'tag', tag: { service, tag, version, ...made } };
}

function profileOf(
  profile: string,
  services: Readonly<Record<string, number>>,
): Bookmark & { readonly kind: 'profile' } {
  return { kind: 'profile', profile: { profile, services, ...made } };
}

/** Of the service `api`. */
function draftOf(draft: string, base: number): Bookmark & { readonly kind: 'draft' } {
  return { kind: 'draft', draft: { service: 'api', draft, base, ...made, patch: { port: base } } };
}

const byVersion = (a: string, b: string): number => Number(a.split(' ')[1]) - Number(b.split(' ')[1]);

const overrideOf = (version: number): Override => ({
  pointer: '/port',
  value: version,
  author: 'alice',
  reason: '',
  version,
  at: '2026-09-21T14:13:20.900Z',
});
