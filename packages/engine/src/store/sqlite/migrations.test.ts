import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { answer, clock, commit } from '@setpoint/engine/store-suite';
import { afterAll, expect, it } from 'vitest';
import type { Commit } from '../store.ts';
import { openSqliteStore } from './index.ts';
import { migrate, migrations } from './migrations.ts';

const folder = mkdtempSync(join(tmpdir(), 'setpoint-migrations-'));
afterAll(() => rmSync(folder, { recursive: true }));

const override = {
  pointer: '/port',
  value: 1,
  author: 'ann',
  reason: '',
  version: 1,
  at: '2026-09-21T14:13:20.900Z',
};

/** What the release with the first schema wrote for these commits. */
function writeFirstSchema(file: string, commits: readonly Commit[]): void {
  using db = new DatabaseSync(file);
  migrate(db, migrations.slice(0, 1));
  db.exec('INSERT INTO lineage VALUES (1790000000)');
  const insertVersion = db.prepare('INSERT INTO version (service, version, summary, "values") VALUES (?, ?, ?, ?)');
  const insertAudit = db.prepare('INSERT INTO audit (service, request_id, status, entry) VALUES (?, ?, ?, ?)');
  const putOverrides = db.prepare('REPLACE INTO overrides VALUES (?, ?)');
  for (const { service, next, audit } of commits) {
    insertAudit.run(service, audit.requestKey ?? null, audit.status, JSON.stringify(audit));
    if (!next?.record) continue;
    const { values, ...snapshot } = next.record.snapshot;
    const { changed, deleted } = next.record;
    const summary = JSON.stringify({ snapshot, changed, deleted });
    insertVersion.run(service, snapshot.version, summary, JSON.stringify(values));
    if (next.overrides.length > 0) putOverrides.run(service, JSON.stringify(next.overrides));
  }
  db.exec("INSERT INTO sent VALUES ('api', 2)");
}

const minute = (count: number) => new Date(Date.UTC(2026, 8, 21, 14, count)).toISOString();

const commits = [
  commit('api', 1, { at: minute(1), author: 'ann', requestKey: 'r-1' }),
  commit('web', 1, { at: minute(2), author: 'bob', overrides: [override] }),
  commit('api', 2, { at: minute(4), author: 'bob', requestKey: 'r-2' }),
  // The clock was set back.
  commit('api', 3, { at: minute(3), author: 'ann', requestKey: 'r-3', overrides: [override] }),
];

it('opens a file of the first schema and keeps everything that is in it', async () => {
  const file = join(folder, 'first.db');
  writeFirstSchema(file, commits);
  await using store = await openSqliteStore({ file, now: clock });
  expect(store.epoch).toBe(1_790_000_000);
  expect(store.commitCount).toBe(4);
  expect(await store.services()).toEqual([
    { service: 'api', latest: commits[3]?.next?.record, overrides: [override] },
    { service: 'web', latest: commits[1]?.next?.record, overrides: [override] },
  ]);
  for (const { service, expected, next } of commits) {
    expect(await store.findVersion(service, expected + 1)).toEqual(next?.record);
  }
  expect((await store.listAudit('api', 9)).map(({ requestKey }) => requestKey)).toEqual(['r-3', 'r-2', 'r-1']);
  expect([...(await store.findAnswers(['r-1', 'r-2', 'r-3'])).keys()]).toEqual(['r-1', 'r-2', 'r-3']);
  expect(await store.pendingOutbox()).toEqual([
    { service: 'web', version: 1 },
    { service: 'api', version: 3 },
  ]);
});

it('answers what is asked of its history as if it had always kept it', async () => {
  const file = join(folder, 'history.db');
  writeFirstSchema(file, commits);
  await using store = await openSqliteStore({ file, now: clock });
  const found = async (query: object) => (await store.listHistory({ limit: 9, ...query })).map(({ commit }) => commit);
  expect(await found({ author: 'bob' })).toEqual([3, 2]);
  expect(await found({ since: minute(4) })).toEqual([4, 3]);
  expect((await store.findVersionAt('api', minute(2)))?.snapshot.version).toBe(1);
  expect((await store.findVersionAt('api', minute(4)))?.snapshot.version).toBe(3);
});

it('knows the layers of the present versions, and not those of others', async () => {
  const file = join(folder, 'layers.db');
  writeFirstSchema(file, commits);
  await using store = await openSqliteStore({ file, now: clock });
  expect(await store.findLayers('api', 3)).toEqual({ overrides: [override] });
  expect(await store.findLayers('web', 1)).toEqual({ overrides: [override] });
  expect(await store.findLayers('api', 2)).toBeUndefined();
});

it('goes on from there, and prunes what was there before with its answers', async () => {
  const file = join(folder, 'prune.db');
  writeFirstSchema(file, commits);
  await using store = await openSqliteStore({ file, now: clock });
  expect(await store.append([commit('api', 4), commit('web', 2)])).toEqual({ kind: 'stored' });
  expect((await store.services()).map(({ overrides }) => overrides)).toEqual([[], []]);
  expect(await store.prune({ keepVersions: 2 })).toEqual({ versions: 2, answers: 2, sources: 0 });
  expect([...(await store.findAnswers(['r-1', 'r-2', 'r-3'])).keys()]).toEqual(['r-3']);
  expect(await store.prunedRanges('api')).toEqual([{ service: 'api', first: 1, last: 2, digest: 'sha256:api-2' }]);
});

it('prunes a version too of which nobody knows the answer', async () => {
  const file = join(folder, 'answer.db');
  writeFirstSchema(file, commits);
  {
    using db = new DatabaseSync(file);
    db.exec('DELETE FROM audit WHERE number = 1');
  }
  await using store = await openSqliteStore({ file, now: clock });
  expect(await store.prune({ keepVersions: 2 })).toEqual({ versions: 1, answers: 0, sources: 0 });
});

it('tells answers that made a version from those that made none, whatever they say', async () => {
  const file = join(folder, 'marked.db');
  writeFirstSchema(file, [...commits, ...[1, 2, 3].map((i) => answer('api', 3, 'applied', `tag-${i}`))]);
  await using store = await openSqliteStore({ file, now: clock, maxOtherAnswers: 1 });
  const ids = ['r-1', 'r-2', 'r-3', 'tag-1', 'tag-2', 'tag-3'];
  expect([...(await store.findAnswers(ids)).keys()]).toEqual(['r-1', 'r-2', 'r-3', 'tag-3']);
});
