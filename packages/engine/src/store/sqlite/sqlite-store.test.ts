import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { answer, clock, commit, describeStore, tagOf } from '@setpoint/engine/store-suite';
import { SetpointError } from '@setpoint/protocol';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../store.ts';
import { openSqliteStore, type SqliteStoreOptions } from './index.ts';
import { migrate } from './migrations.ts';

const folder = mkdtempSync(join(tmpdir(), 'setpoint-store-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
let file = '';
beforeEach(() => {
  file = newFile();
});

function newFile(): string {
  files += 1;
  return join(folder, `store-${files}.db`);
}

const open = (options: Partial<SqliteStoreOptions> = {}): Promise<Store> =>
  openSqliteStore({ file, now: clock, ...options });

describeStore('the store in SQLite', () => openSqliteStore({ file: newFile(), now: clock }));
describeStore('the store in SQLite, opened again after every write', () => openAgainAndAgain(newFile()));

describe('a file that is opened again', () => {
  it('keeps its epoch', async () => {
    await (await open())[Symbol.asyncDispose]();
    await using store = await open({ now: () => 1_800_000_000_000 });
    expect(store.epoch).toBe(1_790_000_000);
  });

  it('takes the epoch from the clock of the machine where none is given', async () => {
    const before = Math.floor(Date.now() / 1000);
    await using store = await openSqliteStore({ file });
    expect(store.epoch).toBeGreaterThanOrEqual(before);
  });

  it('holds every version that a killed process said was stored', async () => {
    for (let round = 1; round <= 5; round += 1) {
      const writer = spawnWriter(`
        for (let version = store.commitCount + 1; ; ) {
          const batch = Array.from({ length: 1 + (version % 7) }, () => commit('api', version++));
          if ((await store.append(batch)).kind === 'stored') writeSync(1, version - 1 + '\\n');
        }
      `);
      const output = readLines(writer);
      await output.count(40 * round);
      writer.kill('SIGKILL');
      await once(writer, 'close');
      const printed = output.lines.map(Number);
      await using store = await open();
      expect(store.commitCount).toBeGreaterThanOrEqual(printed.at(-1) ?? Number.NaN);
      for (const version of printed) expect(await store.findVersion('api', version)).toBeDefined();
      expect((await store.services())[0]?.latest.snapshot.version).toBe(store.commitCount);
      expect(await store.listAudit('api', 1_000_000)).toHaveLength(store.commitCount);
      expect((await store.pendingOutbox()).length).toBe(store.commitCount);
    }
  });

  it('publishes again what was sent in the last moments before a crash, and not what was sent long before', async () => {
    const writer = spawnWriter(`
      for (let version = 1; version <= 1100; version++) {
        await store.append([commit('api', version)]);
        await store.markSent([{ service: 'api', version }]);
      }
      writeSync(1, 'sent\\n');
      process.kill(process.pid, 'SIGKILL');
    `);
    await once(writer, 'close');
    await using store = await open();
    const pending = await store.pendingOutbox();
    expect([pending.at(0), pending.at(-1)]).toEqual([
      { service: 'api', version: 1001 },
      { service: 'api', version: 1100 },
    ]);
  });

  it('forgets the oldest answers other than `applied` past its bound', async () => {
    const ids = Array.from({ length: 2000 }, (_, i) => `r-${i}`);
    {
      await using store = await open({ maxOtherAnswers: 500 });
      await store.append([commit('api', 1, { requestKey: 'kept' })]);
      await store.append(ids.map((id) => answer('api', 1, 'rejected', id)));
      expect([...(await store.findAnswers(ids)).keys()]).toEqual(ids.slice(1500));
    }
    await using store = await open({ maxOtherAnswers: 3 });
    expect([...(await store.findAnswers(ids)).keys()]).toEqual(['r-1997', 'r-1998', 'r-1999']);
    expect((await store.listAudit('api', 9)).map(({ requestKey }) => requestKey)).toEqual([
      'r-1999',
      'r-1998',
      'r-1997',
      'kept',
    ]);
  });

  it('forgets the oldest answers that made no version past its bound, also those of what was applied', async () => {
    const ids = Array.from({ length: 2000 }, (_, i) => `r-${i}`);
    {
      await using store = await open({ maxOtherAnswers: 500 });
      await store.append([commit('api', 1, { requestKey: 'kept' })]);
      await store.append(
        ids.map((id) => ({ ...answer('api', 1, 'applied', id), bookmarks: [tagOf('api', 'stable', 1)] })),
      );
      expect([...(await store.findAnswers(ids)).keys()]).toEqual(ids.slice(1500));
    }
    await using store = await open({ maxOtherAnswers: 2 });
    const kept = await store.listAudit('api', 9);
    expect(kept.map(({ requestKey, status }) => [requestKey, status])).toEqual([
      ['r-1999', 'applied'],
      ['r-1998', 'applied'],
      ['kept', 'applied'],
    ]);
    expect(await store.tags('api')).toHaveLength(1);
  });
});

describe('a file that another process has open', () => {
  it('is refused, naming the process, and free once that was killed', async () => {
    const holder = spawnWriter(`writeSync(1, 'open\\n'); setInterval(() => {}, 1000)`);
    await readLines(holder).count(1);
    const failure = await failureOf(open());
    expect(failure.code).toBe('store_locked');
    expect(failure.message).toContain(`process ${holder.pid} on `);
    expect(failure.message).toContain('Stop that process');
    holder.kill('SIGKILL');
    await once(holder, 'close');
    await using store = await open();
    expect(await store.append([commit('api', 1)])).toEqual({ kind: 'stored' });
  });

  it('is won by one of several that start at once', async () => {
    const starters = Array.from({ length: 4 }, () =>
      spawnWriter(`writeSync(1, 'open\\n'); setInterval(() => {}, 1000)`),
    );
    const outcomes = await Promise.all(starters.map((starter) => readLines(starter).first()));
    expect(outcomes.filter((line) => line === 'open')).toHaveLength(1);
    expect(outcomes.filter((line) => line === 'store_locked')).toHaveLength(3);
    for (const starter of starters) starter.kill('SIGKILL');
  });

  it('is refused to a second store of the same process, which does not loosen the lock of the first', async () => {
    await using store = await open();
    expect((await failureOf(open())).code).toBe('store_locked');
    const other = spawnWriter('');
    expect(await readLines(other).first()).toBe('store_locked');
    expect(await store.append([commit('api', 1)])).toEqual({ kind: 'stored' });
  });

  it('is refused while somebody reads it with a tool of SQLite', async () => {
    await (await open())[Symbol.asyncDispose]();
    using reader = new DatabaseSync(file);
    reader.exec('BEGIN; SELECT * FROM version');
    const failure = await failureOf(open());
    expect(failure.code).toBe('store_locked');
    expect(failure.message).toContain(`${file} is open in another process: `);
  });

  it('is free once it was closed', async () => {
    await (await open())[Symbol.asyncDispose]();
    expect(existsSync(`${file}-owner`)).toBe(false);
    await using _store = await open();
    expect(readFileSync(`${file}-owner`, 'utf8')).toContain(`process ${process.pid} on `);
  });
});

describe('a file that is not sound', () => {
  it('is refused where it holds something else', async () => {
    for (const content of [
      'xx',
      'x'.repeat(512),
      'listen: 8080\n',
      'x'.repeat(5000),
      'SQLite format 3\0'.repeat(300),
    ]) {
      writeFileSync(file, content);
      const failure = await failureOf(open());
      expect(failure.code).toBe('store_damaged');
      expect(failure.message).toContain('restore a backup');
      expect(failure.message).toContain(`${file} is damaged`);
      expect(readFileSync(file, 'utf8')).toBe(content);
    }
  });

  it('is refused where its end is missing', async () => {
    await fill(file);
    const { size } = statSync(file);
    for (const rest of [size - 1, size - 2000, size - 4096, size - 4097, Math.floor(size / 2), 4096, 512, 511, 100]) {
      const copy = newFile();
      copyFileSync(file, copy);
      truncateSync(copy, rest);
      expect((await failureOf(open({ file: copy }))).code, `${rest} of ${size} bytes`).toBe('store_damaged');
    }
  });

  it('never fails with anything but a SetpointError, whichever bytes are wrong', async () => {
    await fill(file);
    const sound = readFileSync(file);
    let refused = 0;
    for (let seed = 1; seed <= 150; seed += 1) {
      const copy = newFile();
      writeFileSync(copy, damage(sound, seed));
      const failure = await rejectionOf(readAll(copy));
      if (failure === undefined) continue;
      expect(failure, `seed ${seed}`).toBeInstanceOf(SetpointError);
      expect((failure as SetpointError).code).toMatch(/^store_(damaged|newer|unavailable)$/);
      refused += 1;
    }
    expect(refused).toBeGreaterThan(20);
  });

  it('is refused where a text in it is no JSON', async () => {
    await fill(file);
    change(`UPDATE version SET summary = '{' WHERE version = 2; UPDATE audit SET entry = 'null'`);
    await using store = await open();
    expect(await store.findVersion('api', 1)).toBeDefined();
    for (const call of [
      store.findVersion('api', 2),
      store.listVersions('api', { limit: 99 }),
      store.listAudit('api', 9),
    ]) {
      expect((await failureOf(call)).code).toBe('store_damaged');
    }
  });

  it('is refused where it is a database of another program, which stays as it was', async () => {
    change('CREATE TABLE users (name TEXT)');
    const before = readFileSync(file);
    const failure = await failureOf(open());
    expect(failure.code).toBe('store_damaged');
    expect(failure.message).toContain('a database of another program');
    expect(readFileSync(file)).toEqual(before);
  });

  it('is refused where another program gave it its id', async () => {
    change('PRAGMA application_id = 7');
    expect((await failureOf(open())).code).toBe('store_damaged');
  });

  it('is refused where a newer release wrote it', async () => {
    await fill(file);
    change('PRAGMA user_version = 1000');
    const failure = await failureOf(open());
    expect(failure.code).toBe('store_newer');
    expect(failure.message).toContain('schema 1000, this one knows 3');
  });

  it('is refused where its tables are gone', async () => {
    await fill(file);
    change('DROP TABLE sent');
    expect((await failureOf(open())).code).toBe('store_damaged');
    change('DROP TABLE lineage');
    expect((await failureOf(open())).code).toBe('store_damaged');
  });
});

describe('a place that can not be written', () => {
  it('is refused: a folder, a folder that is missing, a file for a folder', async () => {
    mkdirSync(file);
    writeFileSync(`${file}.txt`, '');
    for (const bad of [file, join(folder, 'missing', 'store.db'), join(`${file}.txt`, 'store.db')]) {
      const failure = await failureOf(open({ file: bad }));
      expect(failure.code, bad).toBe('store_unavailable');
      expect(failure.message).toContain(bad);
    }
  });

  it('is refused: no right to the folder, or to the file', async () => {
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o777 });
    chmodSync(folder, 0o755);
    chmodSync(closed, 0o777);
    const inside = join(closed, 'store.db');
    // Root may write everywhere, so it asks as nobody.
    const asNobody = process.getuid?.() === 0 ? { uid: 65_534 } : {};
    const attempt = () => readLines(spawnWriter(`writeSync(1, 'open\\n')`, { file: inside, ...asNobody })).first();
    expect(await attempt()).toBe('open');
    chmodSync(inside, 0o400);
    expect(await attempt()).toBe('store_unavailable');
    rmSync(inside);
    chmodSync(closed, 0o555);
    expect(await attempt()).toBe('store_unavailable');
    chmodSync(closed, 0o755);
  });

  it('stores nothing of a batch when the file is full, and goes on when there is room', async () => {
    await using store = await open({ maxFileBytes: 200_000 });
    await store.append([commit('api', 1)]);
    const large = commit('api', 2, { values: { text: 'x'.repeat(300_000) }, requestKey: 'r-1' });
    const failure = await failureOf(store.append([commit('web', 1), large]));
    expect(failure.code).toBe('store_unavailable');
    expect(failure.message).toContain('database or disk is full');
    expect(failure.cause).toBeInstanceOf(Error);
    expect(store.commitCount).toBe(1);
    expect(await store.findVersion('web', 1)).toBeUndefined();
    expect(await store.findAnswers(['r-1'])).toEqual(new Map());
    expect(await store.append([commit('web', 1), commit('api', 2)])).toEqual({ kind: 'stored' });
    expect((await store.services()).map(({ latest }) => latest.snapshot.version)).toEqual([2, 1]);
  });

  it('rolls back a batch that fails in its middle', async () => {
    await fill(file);
    change(`CREATE TRIGGER bad BEFORE INSERT ON version WHEN NEW.service = 'bad' BEGIN SELECT RAISE(FAIL, 'no'); END`);
    await using store = await open();
    const batch = [commit('web', 1, { overrides: [] }), commit('bad', 1), commit('jobs', 1)];
    expect((await failureOf(store.append(batch))).code).toBe('store_unavailable');
    expect(await store.findVersion('web', 1)).toBeUndefined();
    expect(await store.append([commit('web', 1)])).toEqual({ kind: 'stored' });
  });

  it('closes although what was sent could not be written', async () => {
    await fill(file);
    change(`CREATE TRIGGER bad BEFORE INSERT ON sent BEGIN SELECT RAISE(ABORT, 'no'); END`);
    {
      await using store = await open();
      await store.markSent([{ service: 'api', version: 20 }]);
      expect(await store.pendingOutbox()).toEqual([]);
    }
    await using store = await open();
    expect(await store.pendingOutbox()).toHaveLength(20);
  });

  it('says so when a question fails that has nothing to do with damage', async () => {
    await using store = await open();
    expect((await failureOf(store.listAudit('api', Number.NaN))).code).toBe('store_unavailable');
  });
});

describe('what the file looks like', () => {
  it('is readable for its owner only, its log too, whatever the umask', async () => {
    const writer = spawnWriter(
      `await store.append([commit('api', 1)]); writeSync(1, 'open\\n'); setInterval(() => {}, 1000)`,
      { before: 'process.umask(0);' },
    );
    await readLines(writer).count(1);
    const modes = ['', '-wal', '-owner'].map((suffix) => (statSync(file + suffix).mode & 0o777).toString(8));
    expect(modes).toEqual(['600', '600', '600']);
    expect(existsSync(`${file}-shm`)).toBe(false);
    writer.kill('SIGKILL');
    await once(writer, 'close');
  });

  it('takes from others the right to read it', async () => {
    await fill(file);
    chmodSync(file, 0o664);
    await using _store = await open();
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
  });

  it('is one file once it is closed', async () => {
    await fill(file);
    expect(['', '-wal', '-shm', '-owner', '-journal'].map((suffix) => existsSync(file + suffix))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it('is made out of an empty file, as a process leaves it that died before the first migration', async () => {
    writeFileSync(file, '');
    change('PRAGMA journal_mode = WAL');
    await using store = await open();
    expect(store.epoch).toBe(1_790_000_000);
    expect(await store.append([commit('api', 1)])).toEqual({ kind: 'stored' });
  });

  it('carries the id of this program and the number of its schema', async () => {
    await fill(file);
    using db = new DatabaseSync(file);
    expect(db.prepare('PRAGMA application_id').get()).toEqual({ application_id: 1_399_157_840 });
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 3 });
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
  });

  it('goes from schema to schema in steps, each all or nothing', () => {
    using db = new DatabaseSync(file);
    const first = 'CREATE TABLE a (x); INSERT INTO a VALUES (1)';
    migrate(db, [first]);
    expect(() =>
      migrate(db, [first, 'CREATE TABLE b (x)', 'CREATE TABLE c (x); INSERT INTO missing VALUES (1)']),
    ).toThrow('no such table: missing');
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
    expect(db.prepare('SELECT name FROM sqlite_schema ORDER BY name').all()).toEqual([{ name: 'a' }, { name: 'b' }]);
    migrate(db, [first, 'CREATE TABLE b (x)', 'CREATE TABLE c (x)']);
    expect(db.prepare('SELECT count(*) AS count FROM a').get()).toEqual({ count: 1 });
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 3 });
  });
});

/** A store whose every write is followed by closing the file and opening it again. */
async function openAgainAndAgain(path: string): Promise<Store> {
  let store = await openSqliteStore({ file: path, now: clock });
  let turn: Promise<unknown> = Promise.resolve();
  async function reopen(): Promise<void> {
    // A closed store stays closed.
    if ((await store.pendingOutbox().catch(() => undefined)) === undefined) return;
    await store[Symbol.asyncDispose]();
    store = await openSqliteStore({ file: path, now: () => 1_800_000_000_000 });
  }
  function andReopen<T>(write: () => Promise<T>): Promise<T> {
    const written = turn.then(write);
    turn = written.then(reopen, reopen);
    return turn.then(() => written);
  }
  return {
    get epoch() {
      return store.epoch;
    },
    get commitCount() {
      return store.commitCount;
    },
    services: () => store.services(),
    append: (batch) => andReopen(() => store.append(batch)),
    findAnswers: (ids) => store.findAnswers(ids),
    findVersion: (service, version) => store.findVersion(service, version),
    listVersions: (service, page) => store.listVersions(service, page),
    listAudit: (service, limit) => store.listAudit(service, limit),
    findVersionAt: (service, at) => store.findVersionAt(service, at),
    findLayers: (service, version) => store.findLayers(service, version),
    listHistory: (query) => store.listHistory(query),
    versionsOf: (service) => store.versionsOf(service),
    prunedRanges: (service) => store.prunedRanges(service),
    tags: (service) => store.tags(service),
    findTag: (service, tag) => store.findTag(service, tag),
    profiles: () => store.profiles(),
    findProfile: (profile) => store.findProfile(profile),
    drafts: (service) => store.drafts(service),
    findDraft: (service, draft) => store.findDraft(service, draft),
    prune: (retention) => andReopen(() => store.prune(retention)),
    backup: () => store.backup(),
    pendingOutbox: () => store.pendingOutbox(),
    markSent: (rows) => andReopen(() => store.markSent(rows)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** Twenty versions of one service, a page or so each. */
async function fill(path: string): Promise<void> {
  await using store = await openSqliteStore({ file: path, now: clock });
  for (let version = 1; version <= 20; version += 1) {
    await store.append([commit('api', version, { values: { text: 'x'.repeat(2000) }, requestKey: `r-${version}` })]);
  }
}

async function readAll(path: string): Promise<void> {
  await using store = await openSqliteStore({ file: path, now: clock });
  await store.services();
  await store.listAudit('api', 99);
  await store.listVersions('api', { limit: 99 });
  await store.findAnswers(['r-1', 'r-20']);
  for (let version = 1; version <= 20; version += 1) await store.findVersion('api', version);
}

/** One to eight bytes of the file set to others; the same ones for the same seed. */
function damage(sound: Buffer, seed: number): Buffer {
  const bytes = Buffer.from(sound);
  let state = seed;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let i = random(8); i >= 0; i -= 1) bytes[random(bytes.length)] = random(256);
  return bytes;
}

/** Changes the file behind the back of the store. */
function change(sql: string): void {
  using db = new DatabaseSync(file);
  db.exec(sql);
}

const rejectionOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

async function failureOf(call: Promise<unknown>): Promise<SetpointError> {
  const failure = await rejectionOf(call);
  expect(failure).toBeInstanceOf(SetpointError);
  return failure as SetpointError;
}

interface WriterOptions {
  readonly file?: string;
  readonly before?: string;
  readonly uid?: number;
}

/** A process that opens the store and runs `body`; it prints the code of the error where that fails. */
function spawnWriter(body: string, options: WriterOptions = {}): ChildProcess {
  const { before = '', uid } = options;
  const source = `
    import { writeSync } from 'node:fs';
    import { openSqliteStore } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    const commit = (service, version) => ({
      service,
      expected: version - 1,
      next: { overrides: [], record: { changed: [], deleted: false, snapshot: { service, version, values: { version }, author: 'ann', committedAt: '2026-09-21T14:13:20.900Z' } } },
      audit: { service, status: 'applied', requestKey: 'r-' + version, result: { status: 'applied', version } },
    });
    ${before}
    try {
      const store = await openSqliteStore({ file: ${JSON.stringify(options.file ?? file)}, now: () => 1_790_000_000_900 });
      ${body}
    } catch (error) {
      writeSync(1, (error.code ?? error) + '\\n');
    }
  `;
  return spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(uid !== undefined && { uid }),
  });
}

/** The whole lines that a process has printed so far. */
function readLines(writer: ChildProcess) {
  const lines: string[] = [];
  let rest = '';
  writer.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    writer.emit('lines');
  });
  async function count(wanted: number): Promise<void> {
    while (lines.length < wanted) await once(writer, 'lines');
  }
  return {
    lines,
    count,
    async first(): Promise<string | undefined> {
      await count(1);
      return lines[0];
    },
  };
}
