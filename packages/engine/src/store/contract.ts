import type { Result, ResultStatus } from '@setpoint/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Override } from '../layer/overrides.ts';
import type { AuditEntry, Commit, OutboxRow, Store, StoredService, VersionRecord } from './store.ts';

/** What every store promises, tried on the new, empty ones that `open` gives. The clock says 1,790,000,000.9 s. */
export function describeStoreContract(name: string, open: () => Promise<Store>): void {
  describe(name, () => {
    describeWrites(open);
    describeReads(open);
    describeOutbox(open);
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

function describeModel(open: () => Promise<Store>): void {
  it('agrees with a model over random batches, right and wrong', async () => {
    const service = fc.constantFrom('api', 'web', 'jobs');
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ batch: fc.array(fc.tuple(service, intent), { maxLength: 5 }) }) },
      { weight: 1, arbitrary: fc.record({ sent: fc.record({ service, version: fc.nat(12) }) }) },
    );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await using store = await open();
      const model = createModel();
      for (const each of steps) {
        if ('sent' in each) {
          await store.markSent([each.sent]);
          model.markSent(each.sent);
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

/** The promise in its plainest form: one list of what was stored, and every question answered from it. */
function createModel() {
  const stored: Commit[] = [];
  const sent: OutboxRow[] = [];
  let requests = 0;

  const made = () =>
    stored.flatMap(({ service, next }) =>
      next?.record ? [{ service, record: next.record, overrides: next.overrides }] : [],
    );
  const of = (service: string) => made().filter((each) => each.service === service);
  const versionOf = (service: string) => of(service).length;
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
        return commit(service, at + 1, { requestId, overrides, deleted: kind === 'delete' });
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
    async expectSame(store: Store) {
      const latest = new Map<string, StoredService>();
      for (const { service, record, overrides } of made()) latest.set(service, { service, latest: record, overrides });
      expect(await store.services()).toEqual([...latest.keys()].sort().map((service) => latest.get(service)));
      expect(store.commitCount).toBe(made().length);
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
        const audit = stored.filter((each) => each.service === service).map((each) => each.audit);
        expect(await store.listAudit(service, 99)).toEqual(audit.reverse());
      }
      const ids = Array.from({ length: requests }, (_, i) => `r-${i + 1}`);
      const results = stored.map(({ audit }) => [audit.requestId, audit.result] as const);
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
}

/** A commit that brings `service` from the version before to `version`. */
export function commit(service: string, version: number, choices: CommitChoices = {}): Commit {
  const { author = 'alice', requestId, overrides = [], deleted = false, values = { port: 8000 + version } } = choices;
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
      committedAt: '2026-09-21T14:13:20.900Z',
    },
    changed: ['/port'],
    deleted,
  };
  return {
    service,
    expected: version - 1,
    next: { record, overrides },
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

const overrideOf = (version: number): Override => ({
  pointer: '/port',
  value: version,
  author: 'alice',
  reason: '',
  version,
  at: '2026-09-21T14:13:20.900Z',
});
