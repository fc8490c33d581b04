import { chmodSync, closeSync, linkSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SetpointError } from '@setpoint/protocol';
import { syncPath } from './disk-files.ts';
import { applicationId, migrate, migrations, readPragma } from './migrations.ts';
import { readOwner, removeOwner, writeOwner } from './owner-note.ts';
import { busy, damaged, describe, isDamage, openingError, sqliteCode, unavailable } from './sqlite-errors.ts';

/** An open database file that is ours alone, sound, private and of the newest schema. */
export interface StoreFile {
  readonly db: DatabaseSync;
  /** Absolute. */
  readonly path: string;
  /** What a failure to read is to the caller. */
  unreadable(cause: unknown): SetpointError;
  /** What a failure to write is to the caller. */
  unwritable(cause: unknown): SetpointError;
  /**
   * A descriptor to read the file itself with, which nobody else may close: with any descriptor that a process closes,
   * all its locks on the file go.
   */
  reader(): number;
  close(): void;
}

export interface StoreFileOptions {
  readonly file: string;
  readonly nowMs: number;
  readonly maxBytes: number | undefined;
  /** A file that no store was ever in is refused as damaged, instead of becoming a new one. @default false */
  readonly isExisting?: boolean;
}

/** @throws SetpointError `store_unavailable`, `store_locked`, `store_damaged`, `store_newer` */
export function openStoreFile({ file, nowMs, maxBytes, isExisting = false }: StoreFileOptions): StoreFile {
  const path = resolve(file);
  makePrivate(path);
  const isComplete = isWithoutLog(path);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 250 });
    lock(db);
    refuseForeign(db, path);
    refuseDamaged(db, path, isComplete);
    if (isExisting && readPragma(db, 'user_version') === 0) throw damaged(path, new Error('there is no store in it'));
    configure(db, maxBytes);
    migrate(db);
    beginLineage(db, nowMs);
  } catch (error) {
    db?.close();
    throw openingError(path, error);
  }
  writeOwner(path, nowMs);
  return createStoreFile(db, path);
}

function createStoreFile(db: DatabaseSync, path: string): StoreFile {
  let reader: number | undefined;
  return {
    db,
    path,
    unreadable(cause) {
      // What SQLite can read and is no JSON, or has not the shape, was changed by somebody else.
      const isUnsound = sqliteCode(cause) === undefined || isDamage(cause);
      return isUnsound
        ? damaged(path, cause)
        : new SetpointError('store_unavailable', `The store could not be read (${describe(cause)})`, { cause });
    },
    unwritable: (cause) =>
      new SetpointError('store_unavailable', `The store could not be written (${describe(cause)})`, { cause }),
    reader() {
      reader ??= openSync(path, 'r');
      return reader;
    },
    close() {
      removeOwner(path);
      db.close();
      if (reader !== undefined) closeSync(reader);
    },
  };
}

/** A database that is about to be replaced: nobody else has it open. */
export interface HeldFile {
  /** Undefined where there is none in it, or none that can be read. */
  readonly epoch: number | undefined;
  /**
   * Puts another file in its place, and keeps it as `kept`. Returns where it is; undefined where there was nothing to
   * keep.
   */
  replaceBy(other: string, kept: string): string | undefined;
  release(isReplaced: boolean): void;
}

/**
 * Takes a database file for replacing it; one that is damaged too, and a place where there is none yet.
 * @throws SetpointError `store_unavailable`, `store_locked`; `store_damaged` where it is one of another program
 */
export function holdStoreFile(path: string): HeldFile {
  const isNew = makePrivate(path);
  const isEmpty = statSync(path).size === 0;
  let db: DatabaseSync | undefined;
  let epoch: number | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 250 });
    lock(db);
    refuseForeign(db, path, Number.POSITIVE_INFINITY);
    epoch = readEpoch(db);
  } catch (error) {
    db?.close();
    if (!isDamage(error)) throw openingError(path, error);
    db = undefined;
  }
  return {
    epoch,
    replaceBy(other, kept) {
      try {
        if (db) closeLog(db);
        replace(path, other, isEmpty ? undefined : kept);
        return isEmpty ? undefined : kept;
      } catch (cause) {
        throw unavailable(path, cause);
      }
    },
    release(isReplaced) {
      if (isNew && !isReplaced) rmSync(path);
      db?.close();
    },
  };
}

/**
 * Keeps a database that is about to be copied from being opened by a store, until it is released. What is no database
 * of SQLite, or lies where nobody may write, is not kept: its copy tells.
 * @throws SetpointError `store_locked` where a store has it open: a copy of what is being written is not sound
 */
export function keepFromStores(path: string): Disposable {
  const isThere = (suffix: string): boolean => statSync(path + suffix, { throwIfNoEntry: false }) !== undefined;
  if (!isThere('')) return { [Symbol.dispose]: () => undefined };
  // A reader makes what a log needs; it goes again while the lock still keeps others from needing it.
  const made = ['-wal', '-shm'].filter((suffix) => !isThere(suffix));
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 250 });
    db.exec('BEGIN; SELECT 1 FROM sqlite_schema');
  } catch (cause) {
    if (sqliteCode(cause) === busy) {
      db?.close();
      const message = `${path} is open in ${readOwner(path)}: restore what "setpoint backup" writes, or stop that process first`;
      throw new SetpointError('store_locked', message, { cause });
    }
  }
  return {
    [Symbol.dispose]() {
      for (const suffix of made) rmSync(path + suffix, { force: true });
      db?.close();
    },
  };
}

function readEpoch(db: DatabaseSync): number | undefined {
  const hasLineage = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'lineage'").get() !== undefined;
  const epoch = hasLineage ? db.prepare('SELECT epoch FROM lineage').get()?.epoch : undefined;
  return epoch === undefined ? undefined : Number(epoch);
}

/** Brings all into the file itself, so that it can be renamed alone; the lock stays ours. */
function closeLog(db: DatabaseSync): void {
  db.exec('PRAGMA journal_mode = DELETE; PRAGMA locking_mode = NORMAL; BEGIN EXCLUSIVE');
}

function replace(path: string, other: string, kept: string | undefined): void {
  if (kept !== undefined) linkSync(path, kept);
  // A log that could not be read into the old file must not be read into the new one.
  rmSync(`${path}-wal`, { force: true });
  renameSync(other, path);
  syncPath(dirname(path));
}

/**
 * SQLite gives the -wal file the mode of the database. An existing file is never opened here: when a process closes
 * any descriptor of a file, all its locks on it go, those of a store that it has open too. Says whether it made the file.
 */
function makePrivate(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw unavailable(path, error);
  }
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile()) {
    throw new SetpointError('store_unavailable', `${path} is not a file: name a file for the store`);
  }
  if ((stats.mode & 0o077) === 0) return false;
  try {
    chmodSync(path, stats.mode & 0o700);
  } catch {
    // Somebody else's file that we may write (a volume that an orchestrator prepared): its mode is theirs to say.
  }
  return false;
}

/**
 * Takes the file for as long as it is open. With the locking mode set before anything is read, WAL needs no shared
 * memory file either. The kernel frees the lock however the process ends.
 */
function lock(db: DatabaseSync): void {
  // Sorting and checking must not leave secrets in a temporary file elsewhere.
  db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; BEGIN EXCLUSIVE; COMMIT');
}

function refuseForeign(db: DatabaseSync, path: string, newest = migrations.length): void {
  const id = readPragma(db, 'application_id');
  const isEmpty = db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (id !== applicationId && (id !== 0 || !isEmpty)) {
    throw new SetpointError('store_damaged', `${path} is a database of another program: name another file`);
  }
  const version = readPragma(db, 'user_version');
  if (version > newest) {
    throw new SetpointError(
      'store_newer',
      `${path} was written by a newer release (schema ${version}, this one knows ${migrations.length}): ` +
        'install that release, or restore a backup from before it',
    );
  }
}

/** `isComplete`: no page of it is still in the log. */
function refuseDamaged(db: DatabaseSync, path: string, isComplete: boolean): void {
  const finding = db.prepare('PRAGMA quick_check(1)').get()?.quick_check;
  if (finding !== 'ok') throw damaged(path, new Error(String(finding)));
  // SQLite takes the missing end of a last page for zeros.
  const expected = readPragma(db, 'page_count') * readPragma(db, 'page_size');
  const { size } = statSync(path);
  if (isComplete && size < expected) throw damaged(path, new Error(`${size} bytes of ${expected}`));
}

const isWithoutLog = (path: string): boolean => (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0;

/** The log is brought into the file whenever it has so many pages. */
export const checkpointPages = 4000;

function configure(db: DatabaseSync, maxBytes: number | undefined): void {
  // A batch waits for one fsync of the log; the checkpoint, two more, comes every 16 MB instead of every 4.
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = ${checkpointPages};
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -16000;
  `);
  if (maxBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.floor(maxBytes / readPragma(db, 'page_size'))}`);
}

/** The process may have died between the schema and the epoch. */
function beginLineage(db: DatabaseSync, nowMs: number): void {
  db.prepare('INSERT INTO lineage SELECT ? WHERE NOT EXISTS (SELECT 1 FROM lineage)').run(Math.floor(nowMs / 1000));
}
