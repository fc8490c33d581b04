import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Readable } from 'node:stream';
import { clock, commit, tagOf } from '@setpoint/engine/store-suite';
import { SetpointError } from '@setpoint/protocol';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../store.ts';
import { openSqliteStore, restoreSqliteStore } from './index.ts';

const root = mkdtempSync(join(tmpdir(), 'setpoint-restore-'));
afterAll(() => rmSync(root, { recursive: true }));

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'));
  file = join(folder, 'store.db');
});

const later = (): number => 1_800_000_000_000;
const open = (path = file): Promise<Store> => openSqliteStore({ file: path, now: clock });
const restore = (backup: string, now = later) => restoreSqliteStore({ backup, file, now });

const override = { pointer: '/port', value: 1, author: 'ann', reason: '', version: 2, at: '2026-09-21T14:13:20.900Z' };
const sources = { digest: 'sha256:s-1', content: { yaml_file: { port: 80 } } };

/** A store with a deleted service and one with layers, backed up, after which it goes on. */
async function fill(): Promise<string> {
  await using store = await open();
  await store.append([
    { ...commit('api', 1), bookmarks: [tagOf('api', 'stable', 1)] },
    commit('api', 2, { overrides: [override], sources, requestKey: 'r-2' }),
    commit('web', 1),
    commit('web', 2, { deleted: true }),
  ]);
  await store.markSent([{ service: 'api', version: 1 }]);
  const backup = await store.backup();
  await store.append([commit('api', 3, { values: { port: 3 } }), commit('jobs', 1)]);
  return join(folder, 'backups', backup.file);
}

describe('a restored database', () => {
  it('Version-10-Restore-Wins: holds what the backup held, and a version more of every service in a new epoch', async () => {
    const backup = await fill();
    const replaced = join(folder, 'store.db.before-restore-20270115T080000000Z');
    expect(await restore(backup)).toEqual({
      epoch: 1_800_000_000,
      services: 2,
      replaced: `${file}.before-restore-20270115T080000000Z`,
    });
    await using store = await open();
    expect(store.epoch).toBe(1_800_000_000);
    const reason = 'restored from store-20260921T141320900Z-commit-4.db: commit 4 of 2026-09-21T14:13:20.900Z';
    expect(await store.services()).toEqual([
      {
        service: 'api',
        latest: {
          snapshot: {
            ...commit('api', 2).next?.record?.snapshot,
            epoch: 1_800_000_000,
            version: 3,
            previous: { version: 2, digest: 'sha256:api-2' },
            author: 'restore',
            reason,
            committedAt: '2027-01-15T08:00:00.000Z',
          },
          changed: [],
          deleted: false,
        },
        overrides: [override],
      },
      {
        service: 'web',
        latest: expect.objectContaining({
          snapshot: expect.objectContaining({ version: 3, epoch: 1_800_000_000, values: {} }),
          deleted: true,
        }),
        overrides: [],
      },
    ]);
    expect(await store.findVersion('api', 2)).toEqual(commit('api', 2).next?.record);
    expect(await store.findLayers('api', 3)).toEqual({ overrides: [override], sources: sources.content });
    expect(await store.pendingOutbox()).toEqual([
      { service: 'api', version: 3 },
      { service: 'web', version: 3 },
    ]);
    expect((await store.tags()).map(({ tag }) => tag)).toEqual(['stable']);
    expect([...(await store.findAnswers(['r-2'])).keys()]).toEqual(['r-2']);
    expect((await store.listAudit('api', 1))[0]).toMatchObject({
      author: 'restore',
      op: 'restore',
      status: 'applied',
      reason,
    });
    expect(existsSync(replaced)).toBe(true);
  });

  it('keeps the one that it replaced as it was, private as before, and leaves nothing else', async () => {
    const backup = await fill();
    const { replaced = '' } = await restore(backup);
    expect(readdirSync(folder).sort()).toEqual(['backups', 'store.db', 'store.db.before-restore-20270115T080000000Z']);
    expect([file, replaced].map((path) => (statSync(path).mode & 0o777).toString(8))).toEqual(['600', '600']);
    await using store = await open(replaced);
    expect(store.epoch).toBe(1_790_000_000);
    expect((await store.findVersion('api', 3))?.snapshot.values).toEqual({ port: 3 });
  });

  it('has a newer epoch than the backup and the database, whatever the clock says', async () => {
    const backup = await fill();
    expect((await restore(backup, clock)).epoch).toBe(1_790_000_001);
    expect((await restore(backup, () => 1_790_000_002_000)).epoch).toBe(1_790_000_002);
    expect((await restore(backup, () => 1_000_000)).epoch).toBe(1_790_000_003);
  });

  it('is made where there was none', async () => {
    const backup = await fill();
    rmSync(file);
    expect(await restore(backup)).toEqual({ epoch: 1_800_000_000, services: 2 });
    await using store = await open();
    expect((await store.services()).map(({ service }) => service)).toEqual(['api', 'web']);
  });

  it('takes its time from the clock of the machine where none is given', async () => {
    const backup = await fill();
    const before = Math.floor(Date.now() / 1000);
    expect((await restoreSqliteStore({ backup, file })).epoch).toBeGreaterThanOrEqual(before);
  });

  it('is made of an empty store too, and of hundreds of services', async () => {
    await using source = await open(join(folder, 'source.db'));
    const { file: empty } = await source.backup();
    expect(await restore(join(folder, 'backups', empty))).toEqual({ epoch: 1_800_000_000, services: 0 });
    await source.append(Array.from({ length: 250 }, (_, i) => commit(`s-${i}`, 1)));
    const { file: many } = await source.backup();
    expect(await restore(join(folder, 'backups', many), () => 1_800_000_001_000)).toMatchObject({ services: 250 });
    await using store = await open();
    expect(await store.pendingOutbox()).toHaveLength(250);
  });

  it('is made of a copy of a database that was killed, log and all', async () => {
    const writer = spawnScript(`
      const store = await openSqliteStore({ file: ${JSON.stringify(file)} });
      await store.append(${JSON.stringify([commit('api', 1)])});
      process.kill(process.pid, 'SIGKILL');
    `);
    await once(writer, 'close');
    const copy = join(folder, 'copy.db');
    for (const suffix of ['', '-wal']) copyFileSync(file + suffix, copy + suffix);
    expect(statSync(`${copy}-wal`).size).toBeGreaterThan(0);
    await restore(copy);
    await using store = await open();
    expect((await store.services()).map(({ latest }) => latest.snapshot.version)).toEqual([2]);
  });
});

describe('a restore that can not be', () => {
  it('is refused while another process has the database open', async () => {
    const backup = await fill();
    await using store = await open();
    expect((await failureOf(restore(backup))).code).toBe('store_locked');
    expect((await store.findVersion('api', 3))?.snapshot.values).toEqual({ port: 3 });
    expect(existsSync(`${file}.restoring`)).toBe(false);
  });

  it('is refused where the backup is not sound, and changes nothing', async () => {
    const backup = await fill();
    const before = readFileSync(file);
    const bad = join(folder, 'bad.db');
    const foreign = join(folder, 'foreign.db');
    copyFileSync(backup, bad);
    truncateSync(bad, statSync(bad).size - 4096);
    writeFileSync(join(folder, 'empty.db'), '');
    writeFileSync(join(folder, 'text.db'), 'x'.repeat(5000));
    change(foreign, 'CREATE TABLE users (name TEXT)');
    copyFileSync(backup, join(folder, 'tables.db'));
    change(join(folder, 'tables.db'), 'DROP TABLE sent');
    for (const name of ['tables.db', 'bad.db', 'empty.db', 'text.db', 'foreign.db']) {
      const failure = await failureOf(restore(join(folder, name)));
      expect(failure.code, name).toBe('store_damaged');
      expect(failure.message).toContain(`${join(folder, name)} can not be restored, nothing was changed`);
      expect(failure.message).not.toContain('restoring');
    }
    expect(readFileSync(file)).toEqual(before);
    expect(readdirSync(folder).filter((name) => name.startsWith('store.db'))).toEqual(['store.db']);
    await using store = await open();
    expect(await store.findVersion('api', 3)).toBeDefined();
  });

  it('is refused where a newer release wrote the backup', async () => {
    const backup = await fill();
    change(backup, 'PRAGMA user_version = 1000');
    expect((await failureOf(restore(backup))).code).toBe('store_newer');
  });

  it('is refused where there is no backup, and makes no database', async () => {
    expect((await failureOf(restore(join(folder, 'missing.db')))).code).toBe('store_unavailable');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused where the backup is the database itself', async () => {
    await fill();
    expect((await failureOf(restore(file))).code).toBe('options_invalid');
  });

  it('is refused where what it names is the database of a store that is open, here or in another process', async () => {
    const running = join(folder, 'running.db');
    {
      await using store = await open(running);
      await store.append([commit('api', 1)]);
      const failure = await failureOf(restore(running));
      expect(failure.code).toBe('store_locked');
      expect(failure.message).toContain('running.db is open in process');
      expect(failure.message).toContain('setpoint backup');
      // The lock of the store itself did not go with the try.
      expect((await failureOf(open(running))).code).toBe('store_locked');
      await store.append([commit('api', 2)]);
    }
    const writer = spawnScript(`
      const store = await openSqliteStore({ file: ${JSON.stringify(running)} });
      await store.append(${JSON.stringify([commit('api', 3)])});
      process.stdout.write('open');
      setTimeout(() => store.epoch, 60_000);
    `);
    await once(writer.stdout as Readable, 'data');
    expect((await failureOf(restore(running))).code).toBe('store_locked');
    writer.kill('SIGKILL');
    await once(writer, 'close');
    const left = readdirSync(folder).sort();
    expect(left).toEqual(['running.db', 'running.db-owner', 'running.db-wal']);
    await restore(running);
    await using store = await open();
    expect((await store.services()).map(({ latest }) => latest.snapshot.version)).toEqual([4]);
    expect(readdirSync(folder).filter((name) => name.startsWith('running'))).toEqual(left);
  });

  it('is refused in the place of a database of another program', async () => {
    const backup = await fill();
    rmSync(file);
    change(file, 'CREATE TABLE users (name TEXT)');
    expect((await failureOf(restore(backup))).message).toContain('a database of another program');
  });

  it('is refused where the name of the replaced one is taken', async () => {
    const backup = await fill();
    mkdirSync(`${file}.before-restore-20270115T080000000Z`);
    expect((await failureOf(restore(backup))).code).toBe('store_unavailable');
    await using store = await open();
    expect(await store.findVersion('api', 3)).toBeDefined();
  });
});

describe('a database that is replaced', () => {
  it('may be damaged, and its log does not get into the new one', async () => {
    const backup = await fill();
    writeFileSync(file, 'x'.repeat(5000));
    writeFileSync(`${file}-wal`, 'what was in the log');
    const { replaced = '' } = await restore(backup);
    expect(readFileSync(replaced, 'utf8')).toBe('x'.repeat(5000));
    expect(existsSync(`${file}-wal`)).toBe(false);
    await using store = await open();
    expect(await store.services()).toHaveLength(2);
  });

  it('may be of a newer release', async () => {
    const backup = await fill();
    change(file, 'PRAGMA user_version = 1000; UPDATE lineage SET epoch = 1900000000');
    expect((await restore(backup)).epoch).toBe(1_900_000_001);
  });

  it('may be empty, or have begun and no epoch yet', async () => {
    const backup = await fill();
    writeFileSync(file, '');
    expect(await restore(backup)).toEqual({ epoch: 1_800_000_000, services: 2 });
    change(file, 'DELETE FROM lineage');
    expect((await restore(backup, () => 1_800_000_001_000)).epoch).toBe(1_800_000_001);
  });

  it('is there whole, or the new one is, whenever the restore is killed', async () => {
    const backup = await fill();
    const original = readFileSync(file);
    for (let count = 0; count < 10; count += 1) {
      for (const name of readdirSync(folder)) if (name.startsWith('store.db')) rmSync(join(folder, name));
      writeFileSync(file, original);
      const restorer = spawnScript(`
        for (let second = 1_800_000_000; ; second += 1) {
          writeSync(1, '.');
          await restoreSqliteStore({ backup: ${JSON.stringify(backup)}, file: ${JSON.stringify(file)}, now: () => second * 1000 });
        }
      `);
      let begun = 0;
      while (begun <= count) begun += String((await once(restorer.stdout as Readable, 'data'))[0]).length;
      restorer.kill('SIGKILL');
      await once(restorer, 'close');
      await using store = await open();
      const isOld = store.epoch === 1_790_000_000;
      expect(isOld ? 0 : store.epoch - 1_799_999_999).toBeGreaterThanOrEqual(begun - 1);
      const latest = (await store.services()).map(({ service, latest: { snapshot } }) => [service, snapshot.version]);
      const [before, after] = [
        { api: 3, jobs: 1, web: 2 },
        { api: 3, web: 3 },
      ];
      expect(Object.fromEntries(latest)).toEqual(isOld ? before : after);
    }
  });
});

function spawnScript(body: string): ChildProcess {
  const source = `
    import { writeSync } from 'node:fs';
    import { openSqliteStore, restoreSqliteStore } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    ${body}
  `;
  return spawn(process.execPath, ['--input-type=module', '--eval', source], { stdio: ['ignore', 'pipe', 'inherit'] });
}

function change(path: string, sql: string): void {
  using db = new DatabaseSync(path);
  db.exec(sql);
}

async function failureOf(call: Promise<unknown>): Promise<SetpointError> {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(SetpointError);
  return failure as SetpointError;
}
