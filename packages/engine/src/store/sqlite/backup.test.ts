import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { clock, commit } from '@setpoint/engine/store-suite';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { openSqliteStore } from './index.ts';

const root = mkdtempSync(join(tmpdir(), 'setpoint-backup-'));
afterAll(() => rmSync(root, { recursive: true }));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'));
});

const open = () => openSqliteStore({ file: join(folder, 'store.db'), now: clock });
const backups = () => join(folder, 'backups');

it('is a database of its own, private, named by its time and its last commit', async () => {
  await using store = await open();
  await store.append([commit('api', 1), commit('api', 2), commit('web', 1)]);
  const { file, bytes } = await store.backup();
  expect(file).toBe('store-20260921T141320900Z-commit-3.db');
  expect(readdirSync(backups())).toEqual([file]);
  const stats = statSync(join(backups(), file));
  expect(stats.size).toBe(bytes);
  expect((stats.mode & 0o777).toString(8)).toBe('600');
  expect((statSync(backups()).mode & 0o777).toString(8)).toBe('700');
  using copy = new DatabaseSync(join(backups(), file), { readOnly: true });
  expect(copy.prepare('SELECT service, version FROM version ORDER BY commit_number').all()).toEqual([
    { service: 'api', version: 1 },
    { service: 'api', version: 2 },
    { service: 'web', version: 1 },
  ]);
  expect(copy.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
});

it('Version-09-Online-Backup: lets the store go on, and is sound whatever is written meanwhile', async () => {
  await using store = await open();
  const values = { text: 'x'.repeat(100_000) };
  await store.append(Array.from({ length: 200 }, (_, i) => commit('api', i + 1, { values })));
  let isDone = false;
  const backedUp = store.backup().finally(() => {
    isDone = true;
  });
  let version = 200;
  while (!isDone) {
    version += 1;
    expect(await store.append([commit('api', version, { values: { version } })])).toEqual({ kind: 'stored' });
    await new Promise((next) => setImmediate(next));
  }
  const { file } = await backedUp;
  expect(version).toBeGreaterThan(201);
  await using copy = await openSqliteStore({ file: join(backups(), file), now: clock });
  expect(copy.commitCount).toBeGreaterThanOrEqual(200);
  expect(copy.commitCount).toBeLessThanOrEqual(version);
  expect(file).toContain(`-commit-${copy.commitCount}.db`);
  expect(await copy.findVersion('api', copy.commitCount)).toEqual(await store.findVersion('api', copy.commitCount));
});

it('is made once for all who ask at the same time', async () => {
  await using store = await open();
  await store.append([commit('api', 1)]);
  const [first, second] = await Promise.all([store.backup(), store.backup()]);
  expect(second).toEqual(first);
  await store.append([commit('api', 2)]);
  expect((await store.backup()).file).toBe('store-20260921T141320900Z-commit-2.db');
  expect(readdirSync(backups())).toHaveLength(2);
});

it('is finished before the store closes', async () => {
  const store = await open();
  await store.append([commit('api', 1)]);
  const backedUp = store.backup();
  await store[Symbol.asyncDispose]();
  expect((await backedUp).file).toBe('store-20260921T141320900Z-commit-1.db');
  await expect(store.services()).rejects.toMatchObject({ code: 'stopped' });
});

it('may fail while the store closes', async () => {
  const store = await open();
  writeFileSync(backups(), 'a file');
  const failed = expect(store.backup()).rejects.toMatchObject({ code: 'store_unavailable' });
  await store[Symbol.asyncDispose]();
  await failed;
});

it('is not made of half a database', async () => {
  await using store = await open();
  await store.append([commit('api', 1, { values: { text: 'x'.repeat(100_000) } })]);
  await store.backup();
  truncateSync(join(folder, 'store.db'), 50_000);
  await expect(store.backup()).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringMatching(/the database ends after 50000 of \d+ bytes/),
  });
  expect(readdirSync(backups())).toHaveLength(1);
});

it('clears away what one that was killed left', async () => {
  mkdirSync(backups());
  writeFileSync(join(backups(), 'store.partial'), 'half');
  writeFileSync(join(backups(), 'store.partial-journal'), 'half');
  await using store = await open();
  await store.append([commit('api', 1)]);
  const { file } = await store.backup();
  expect(readdirSync(backups())).toEqual([file]);
});

it('fails and leaves nothing where it can not be written', async () => {
  await using store = await open();
  await store.append([commit('api', 1)]);
  writeFileSync(backups(), 'a file');
  await expect(store.backup()).rejects.toMatchObject({ code: 'store_unavailable' });
  rmSync(backups());
  mkdirSync(join(backups(), 'store-20260921T141320900Z-commit-1.db'), { recursive: true });
  await expect(store.backup()).rejects.toMatchObject({ code: 'store_unavailable' });
  expect(readdirSync(backups())).toEqual(['store-20260921T141320900Z-commit-1.db']);
  chmodSync(backups(), 0o700);
  expect(await store.append([commit('api', 2)])).toEqual({ kind: 'stored' });
});
