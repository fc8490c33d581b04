import { copyFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type Result, SetpointError } from '@setpoint/protocol';
import type { Commit, Store, StoredService } from '../store.ts';
import { type HeldFile, holdStoreFile, keepFromStores, openStoreFile, type StoreFile } from './database-file.ts';
import { fileTime, removeWithLogs, syncPath } from './disk-files.ts';
import { createSourceTables, type SourceTables } from './source-tables.ts';
import { createSqliteStore } from './sqlite-store.ts';

export interface RestoreOptions {
  /** What `backup` wrote, or a copy of a database that was closed. It stays as it is. */
  readonly backup: string;
  /** The database that it takes the place of; there need not be one. */
  readonly file: string;
  /**
   * Milliseconds since 1970.
   * @default Date.now
   */
  readonly now?: () => number;
}

export interface Restored {
  /** Newer than that of the backup and of the database that was replaced. */
  readonly epoch: number;
  /** How many services got a new version, with the values that they had. */
  readonly services: number;
  /** Where the replaced database is now; left out where there was none. */
  readonly replaced?: string;
}

/**
 * Puts a backup in the place of a database. Every service, the deleted ones too, gets a version more in a new epoch,
 * with the values of the backup and still to be published: so what is restored wins over all that was published
 * before. Whenever it is interrupted, either the old database is in its place or the new one, whole.
 * @throws SetpointError `store_locked` when another process has the database or the backup open; `store_damaged` when the backup is
 * not sound or not ours; `store_newer` when a newer release wrote it; `store_unavailable` when a file can't be read or
 * written; `options_invalid` when the backup is the database itself
 */
export async function restoreSqliteStore({ backup, file, now = Date.now }: RestoreOptions): Promise<Restored> {
  const nowMs = now();
  const path = resolve(file);
  const fresh = `${path}.restoring`;
  refuseSame(backup, path);
  const held = holdStoreFile(path);
  let isReplaced = false;
  try {
    removeWithLogs(fresh);
    copyBackup(backup, fresh);
    const made = await beginLineage(openBackup(backup, fresh, nowMs), held, basename(backup), nowMs);
    syncPath(fresh);
    const replaced = held.replaceBy(fresh, `${path}.before-restore-${fileTime(nowMs)}`);
    isReplaced = true;
    return { ...made, ...(replaced !== undefined && { replaced }) };
  } finally {
    removeWithLogs(fresh);
    held.release(isReplaced);
  }
}

/** A copy opens and closes the file that it reads, and with that our lock on it would go. */
function refuseSame(backup: string, path: string): void {
  const [from, to] = [backup, path].map((each) => statSync(each, { throwIfNoEntry: false }));
  if (from && to && from.ino === to.ino && from.dev === to.dev) {
    throw new SetpointError('options_invalid', `${backup} is the database itself: name a backup of it`);
  }
}

function copyBackup(backup: string, fresh: string): void {
  const hasLog = statSync(`${backup}-wal`, { throwIfNoEntry: false }) !== undefined;
  using _ = keepFromStores(backup);
  try {
    if (hasLog) copyFileSync(`${backup}-wal`, `${fresh}-wal`);
    // The last one: with the descriptor that it closes, the lock on the file goes.
    copyFileSync(backup, fresh);
  } catch (cause) {
    throw new SetpointError('store_unavailable', `${backup} could not be copied (${(cause as Error).message})`, {
      cause,
    });
  }
}

interface OpenBackup {
  readonly opened: StoreFile;
  readonly store: Store;
}

function openBackup(backup: string, fresh: string, nowMs: number): OpenBackup {
  try {
    const opened = openStoreFile({ file: fresh, nowMs, maxBytes: undefined, isExisting: true });
    return { opened, store: createSqliteStore(opened) };
  } catch (cause) {
    const { code, message } = cause as SetpointError;
    const what = `${backup} can not be restored, nothing was changed: take another backup`;
    throw new SetpointError(code, `${what} (${message.replaceAll(fresh, backup)})`, { cause });
  }
}

/** Services whose versions are written together. */
const servicesAtOnce = 100;

async function beginLineage(
  { opened: { db }, store: toClose }: OpenBackup,
  held: HeldFile,
  from: string,
  nowMs: number,
): Promise<{ epoch: number; services: number }> {
  await using store = toClose;
  const old = Number(db.prepare('SELECT epoch FROM lineage').get()?.epoch);
  const epoch = Math.max(Math.floor(nowMs / 1000), old + 1, (held.epoch ?? 0) + 1);
  db.prepare('UPDATE lineage SET epoch = ?').run(epoch);
  // What the backup still had to publish is older than what comes now.
  db.exec('REPLACE INTO sent SELECT service, max(version) FROM version GROUP BY service');
  const sources = createSourceTables(db);
  const services = await store.services();
  const at = new Date(nowMs).toISOString();
  const reason = `restored from ${from}: commit ${store.commitCount} of ${newestOf(services)}`;
  for (let start = 0; start < services.length; start += servicesAtOnce) {
    const some = services.slice(start, start + servicesAtOnce);
    await store.append(some.map((service) => nextVersion(service, sources, { epoch, at, reason })));
  }
  return { epoch, services: services.length };
}

const newestOf = (services: readonly StoredService[]): string | undefined =>
  services
    .map(({ latest }) => latest.snapshot.committedAt)
    .sort()
    .at(-1);

/** The same document as a version more. */
function nextVersion(
  { service, latest, overrides }: StoredService,
  tables: SourceTables,
  { epoch, at, reason }: { readonly epoch: number; readonly at: string; readonly reason: string },
): Commit {
  const { version, digest } = latest.snapshot;
  const made = { epoch, version: version + 1, author: 'restore', reason };
  const snapshot = { ...latest.snapshot, ...made, previous: { version, digest }, committedAt: at };
  const sources = tables.find(service, version);
  const result: Result = {
    status: 'applied',
    service,
    epoch,
    version: version + 1,
    digest,
    changed: [],
    restartRequired: [],
    warnings: [],
  };
  return {
    service,
    expected: version,
    next: { record: { snapshot, changed: [], deleted: latest.deleted }, overrides, ...(sources && { sources }) },
    audit: { at, service, author: 'restore', op: 'restore', status: 'applied', reason, result },
  };
}
