import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DraftSummary, type Profile, SetpointError, type Tag } from '@setpoint/protocol';
import type { Override } from '../../layer/overrides.ts';
import type { Bookmarks } from '../bookmarks.ts';
import { findConflict } from '../expected-version.ts';
import { matchesFilter } from '../history-filter.ts';
import { createOutbox } from '../outbox.ts';
import type {
  AppendResult,
  AuditEntry,
  Backup,
  Commit,
  HistoryEntry,
  HistoryFilter,
  HistoryPage,
  HistoryQuery,
  OutboxRow,
  PruneCounts,
  PrunedRange,
  Retention,
  Store,
  StoredDraft,
  StoredLayers,
  StoredService,
  VersionRecord,
  VersionSummary,
} from '../store.ts';
import { backUp } from './backup.ts';
import { createBookmarkTables } from './bookmark-tables.ts';
import { openStoreFile, type StoreFile } from './database-file.ts';
import { type CommitRow, createHistoryTables, type HistoryRange, type HistoryTables } from './history-tables.ts';
import { createPruneTables, type PruneTables } from './prune-tables.ts';
import { createSourceTables, type SourceTables } from './source-tables.ts';

export interface SqliteStoreOptions {
  /**
   * The database. It is created where there is none, its folder isn't; with it come `<file>-wal`, which belongs to it
   * while the store is open, and `<file>-owner`, which says who has it open. Backups go to the folder `backups` beside
   * it.
   */
  readonly file: string;
  /**
   * Milliseconds since 1970; the epoch of a new file and the names of backups are taken from it.
   * @default Date.now
   */
  readonly now?: () => number;
  /**
   * How many answers that made no version are kept for requests that come twice; the newest ones.
   * @default 100_000
   */
  readonly maxOtherAnswers?: number;
  /**
   * How large the database may grow, without its log. Past it `append` throws `store_unavailable`.
   * @default what the disk has
   */
  readonly maxFileBytes?: number;
}

/**
 * Opens a store in one SQLite file, which it keeps to itself until it is disposed of or the process ends. The file is readable
 * for its owner only, because it holds secrets.
 * @throws SetpointError `store_locked` when another process has it open; `store_damaged` when it is not sound, or not
 * ours; `store_newer` when a newer release wrote it; `store_unavailable` when it can't be opened or written
 * @example
 * await using store = await openSqliteStore({ file: 'data/setpoint.db' });
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { file, now = Date.now, maxFileBytes } = options;
  return createSqliteStore(openStoreFile({ file, nowMs: now(), maxBytes: maxFileBytes }), options);
}

/** A store in a file that is open; it closes it. */
export function createSqliteStore(opened: StoreFile, options: Omit<SqliteStoreOptions, 'file'> = {}): Store {
  try {
    return new SqliteStore(opened, options.now ?? Date.now, options.maxOtherAnswers ?? 100_000);
  } catch (error) {
    opened.close();
    throw opened.unreadable(error);
  }
}

/** How many acknowledged rows wait before they are written, and how many answers past the bound before they are deleted. */
const chunk = 1000;

/** So many versions are read before others get their turn. */
const readChunk = 500;

class SqliteStore implements Store {
  readonly epoch: number;
  #commitCount: number;
  readonly #file: StoreFile;
  readonly #maxOtherAnswers: number;
  readonly #now: () => number;
  readonly #sql: Statements;
  readonly #history: HistoryTables;
  readonly #bookmarks: Bookmarks;
  readonly #sources: SourceTables;
  readonly #pruning: PruneTables;
  // This process is the only writer, so what is remembered here has not to be asked of the file.
  readonly #versions = new Map<string, number>();
  readonly #outbox = createOutbox();
  readonly #unsavedSent = new Map<string, number>();
  #unsavedSentCount = 0;
  #otherAnswers: number;
  #lastCommitAt: number;
  #backup: Promise<Backup> | undefined;
  /** Services whose overrides are others than those of their present version, or might be: seldom any. */
  readonly #overridden: Set<string>;

  constructor(file: StoreFile, now: () => number, maxOtherAnswers: number) {
    this.#file = file;
    this.#now = now;
    this.#maxOtherAnswers = maxOtherAnswers;
    this.#sql = prepareStatements(file.db);
    this.#history = createHistoryTables(file.db);
    this.#bookmarks = createBookmarkTables(file.db);
    this.#sources = createSourceTables(file.db);
    this.#pruning = createPruneTables(file.db);
    this.epoch = Number(this.#sql.epoch.get()?.epoch);
    this.#commitCount = Number(this.#sql.commitCount.get()?.count);
    this.#otherAnswers = Number(this.#sql.otherAnswers.get()?.count);
    this.#lastCommitAt = Number(this.#sql.lastCommitAt.get()?.at);
    this.#overridden = new Set(this.#sql.overridden.all().map(({ service }) => String(service)));
    for (const { service, version } of this.#sql.latest.all()) this.#versions.set(String(service), Number(version));
    for (const row of this.#sql.sent.all()) this.#outbox.markSent(toOutboxRow(row));
    for (const row of this.#sql.pending.all()) this.#outbox.add(toOutboxRow(row));
    this.#tidy();
  }

  get commitCount(): number {
    return this.#commitCount;
  }

  async services(): Promise<readonly StoredService[]> {
    return this.#read(() => this.#sql.services.all().map(toService));
  }

  async append(batch: readonly Commit[]): Promise<AppendResult> {
    this.#refuseWhenStopped();
    const conflict = findConflict(batch, (service) => this.#versionOf(service));
    if (conflict) return conflict;
    this.#change(() => this.#write(batch));
    for (const commit of batch) this.#remember(commit);
    if (this.#otherAnswers >= this.#maxOtherAnswers + chunk) this.#tidy();
    return { kind: 'stored' };
  }

  async findAnswers(requestKeys: readonly string[]): Promise<ReadonlyMap<string, AuditEntry>> {
    return this.#read(() => {
      const found = new Map<string, AuditEntry>();
      for (const key of requestKeys) {
        const row = this.#sql.findAudit.get(key);
        if (row) found.set(key, toAudit(row));
      }
      return found;
    });
  }

  async findVersion(service: string, version: number): Promise<VersionRecord | undefined> {
    return this.#read(() => this.#history.find(service, version));
  }

  async findVersionAt(service: string, at: string): Promise<VersionRecord | undefined> {
    return this.#read(() => this.#history.findByCommit(service, this.#history.lastCommitAt(Date.parse(at))));
  }

  async findLayers(service: string, version: number): Promise<StoredLayers | undefined> {
    return this.#read(() => {
      const list = this.#sql.findOverrides.get(service, version)?.overrides ?? null;
      if (list === null) return undefined;
      const sources = this.#sources.find(service, version)?.content;
      return { overrides: JSON.parse(String(list)), ...(sources && { sources }) };
    });
  }

  async listVersions(service: string, page: HistoryPage): Promise<readonly VersionSummary[]> {
    const { before: beforeVersion = Number.MAX_SAFE_INTEGER, limit } = page;
    const start = { service, before: Number.MAX_SAFE_INTEGER, beforeVersion };
    return (await this.#list(start, page, limit)).map(({ summary }) => summary);
  }

  async listHistory(query: HistoryQuery): Promise<readonly HistoryEntry[]> {
    const { service, before = Number.MAX_SAFE_INTEGER, limit } = query;
    const start = { service, before, beforeVersion: Number.MAX_SAFE_INTEGER };
    return (await this.#list(start, query, limit)).map(({ commit, summary }) => ({ ...summary, commit }));
  }

  async *versionsOf(service: string): AsyncGenerator<VersionRecord, undefined> {
    let count = 0;
    let next = this.#read(() => this.#history.findNext(service, 0));
    while (next) {
      yield next;
      count += 1;
      if (count % readChunk === 0) await nextTurn();
      const { version } = next.snapshot;
      next = this.#read(() => this.#history.findNext(service, version));
    }
    return undefined;
  }

  async prunedRanges(service: string): Promise<readonly PrunedRange[]> {
    return this.#read(() => this.#pruning.ranges(service));
  }

  async listAudit(service: string, limit: number): Promise<readonly AuditEntry[]> {
    return this.#read(() => this.#sql.listAudit.all(service, limit).map(toAudit));
  }

  async pendingOutbox(): Promise<readonly OutboxRow[]> {
    return this.#read(() => this.#outbox.pending());
  }

  /** Written a thousand rows at a time and on close: rows lost in a crash are published again, which does no harm. */
  async markSent(rows: readonly OutboxRow[]): Promise<void> {
    this.#refuseWhenStopped();
    for (const { service, version } of rows) {
      const sent = { service, version: Math.min(version, this.#versionOf(service)) };
      if (!this.#outbox.markSent(sent)) continue;
      this.#unsavedSent.set(service, sent.version);
      this.#unsavedSentCount += 1;
    }
    if (this.#unsavedSentCount >= chunk) this.#tidy();
  }

  async tags(service?: string): Promise<readonly Tag[]> {
    return this.#read(() => this.#bookmarks.tags(service));
  }

  async findTag(service: string, tag: string): Promise<Tag | undefined> {
    return this.#read(() => this.#bookmarks.findTag(service, tag));
  }

  async profiles(): Promise<readonly Profile[]> {
    return this.#read(() => this.#bookmarks.profiles());
  }

  async findProfile(profile: string): Promise<Profile | undefined> {
    return this.#read(() => this.#bookmarks.findProfile(profile));
  }

  async drafts(service?: string): Promise<readonly DraftSummary[]> {
    return this.#read(() => this.#bookmarks.drafts(service));
  }

  async findDraft(service: string, draft: string): Promise<StoredDraft | undefined> {
    return this.#read(() => this.#bookmarks.findDraft(service, draft));
  }

  async prune({ keepVersions, keepSince, chunk: perTransaction = 100 }: Retention): Promise<PruneCounts> {
    this.#refuseWhenStopped();
    const atOnce = Math.max(1, perTransaction);
    const counts = { versions: 0, answers: 0, sources: 0 };
    if (keepVersions === undefined && keepSince === undefined) return counts;
    const before =
      keepSince === undefined
        ? Number.MAX_SAFE_INTEGER
        : this.#read(() => this.#history.firstCommitSince(Date.parse(keepSince)));
    for (const service of [...this.#versions.keys()]) {
      const old = this.#read(() => this.#pruning.candidates(service, keepVersions ?? 1, before));
      for (let start = 0; start < old.length; start += atOnce) {
        const gone = this.#pruneVersions(service, old.slice(start, start + atOnce));
        counts.versions += gone.versions;
        counts.answers += gone.answers;
        await nextTurn();
      }
    }
    for (let gone = atOnce; gone === atOnce; counts.sources += gone) {
      gone = this.#deleteUnusedSources(atOnce);
      await nextTurn();
    }
    return counts;
  }

  /** The backup that is being written: a second request meanwhile gets the same one. */
  backup(): Promise<Backup> {
    this.#backup ??= this.#backUp().finally(() => {
      this.#backup = undefined;
    });
    return this.#backup;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#backup?.catch(() => undefined);
    if (!this.#file.db.isOpen) return;
    this.#tidy();
    this.#file.close();
  }

  #versionOf(service: string): number {
    return this.#versions.get(service) ?? 0;
  }

  #write(batch: readonly Commit[]): void {
    const overrides = new Map<string, readonly Override[] | undefined>();
    let commitNumber = this.#commitCount;
    let committedAt = this.#lastCommitAt;
    for (const commit of batch) {
      const { service, next, audit, bookmarks } = commit;
      const texts = [statusOf(commit), JSON.stringify(audit)] as const;
      const { lastInsertRowid } = this.#sql.insertAudit.run(service, audit.requestKey ?? null, ...texts);
      if (bookmarks) for (const bookmark of bookmarks) this.#bookmarks.write(bookmark);
      if (!next) continue;
      overrides.set(service, next.record ? undefined : next.overrides);
      if (!next.record) continue;
      const { changed, deleted, snapshot } = next.record;
      const { values, ...head } = snapshot;
      const summary: VersionSummary = { snapshot: head, changed, deleted };
      commitNumber += 1;
      committedAt = Math.max(committedAt, Date.parse(snapshot.committedAt));
      this.#sql.insertVersion.run(
        commitNumber,
        service,
        snapshot.version,
        JSON.stringify(summary),
        JSON.stringify(values),
        committedAt,
        lastInsertRowid,
        JSON.stringify(next.overrides),
      );
      this.#sources.write(service, snapshot.version, next.sources);
    }
    for (const [service, list] of overrides) this.#writeOverrides(service, list);
  }

  /** `list` is what is not with the present version. */
  #writeOverrides(service: string, list: readonly Override[] | undefined): void {
    if (list) {
      this.#overridden.add(service);
      this.#sql.putOverrides.run(service, JSON.stringify(list));
    } else if (this.#overridden.has(service)) this.#sql.dropOverrides.run(service);
  }

  #remember(commit: Commit): void {
    const { service, next } = commit;
    if (statusOf(commit) !== 'applied') this.#otherAnswers += 1;
    if (!next?.record) return;
    const { version, committedAt } = next.record.snapshot;
    this.#lastCommitAt = Math.max(this.#lastCommitAt, Date.parse(committedAt));
    this.#versions.set(service, version);
    this.#outbox.add({ service, version });
    this.#commitCount += 1;
  }

  /** Writes the acknowledged rows and deletes old answers. After a failure nothing is lost: the next call does it. */
  #tidy(): void {
    try {
      this.#transact(() => {
        for (const [service, version] of this.#unsavedSent) this.#sql.putSent.run(service, version);
        if (this.#otherAnswers > this.#maxOtherAnswers) this.#sql.forgetOtherAnswers.run(this.#maxOtherAnswers);
      });
    } catch {
      return;
    }
    this.#unsavedSent.clear();
    this.#unsavedSentCount = 0;
    this.#otherAnswers = Math.min(this.#otherAnswers, this.#maxOtherAnswers);
  }

  /** What a filter lets through, newest first; between two looks at the file others get their turn. */
  async #list(
    start: Pick<HistoryRange, 'service' | 'before' | 'beforeVersion'>,
    filter: HistoryFilter,
    limit: number,
  ): Promise<readonly CommitRow[]> {
    const { author, since, pointer } = filter;
    const from = since === undefined ? 0 : this.#read(() => this.#history.firstCommitSince(Date.parse(since)));
    const isPlain = pointer === undefined && author === undefined;
    const found: CommitRow[] = [];
    let { before, beforeVersion } = start;
    while (found.length < limit) {
      const size = isPlain ? limit : readChunk;
      const range = { ...start, from, before, beforeVersion };
      const rows = this.#read(() => this.#history.list(range, size));
      found.push(...rows.filter(({ summary }) => matchesFilter(summary, filter)));
      const last = rows.at(-1);
      if (!last || rows.length < size) break;
      before = last.commit;
      beforeVersion = last.summary.snapshot.version;
      await nextTurn();
    }
    return found.slice(0, limit);
  }

  /** What was tagged or otherwise kept since these were found stays. */
  #pruneVersions(service: string, versions: readonly number[]): Omit<PruneCounts, 'sources'> {
    const gone = new Set<number>();
    let answers = 0;
    this.#change(() => {
      const kept = this.#bookmarks.keptVersions(service);
      for (const version of versions) {
        const removed = kept.has(version) ? undefined : this.#pruning.remove(service, version);
        if (!removed) continue;
        gone.add(version);
        answers += removed.answers;
      }
      this.#sources.release(service);
    });
    this.#sources.forget();
    this.#outbox.remove(service, gone);
    return { versions: gone.size, answers };
  }

  #deleteUnusedSources(limit: number): number {
    let gone = 0;
    this.#change(() => {
      gone = this.#sources.deleteUnused(limit);
    });
    this.#sources.forget();
    return gone;
  }

  async #backUp(): Promise<Backup> {
    this.#refuseWhenStopped();
    try {
      return await backUp(this.#file, this.#commitCount, this.#now());
    } catch (error) {
      throw this.#file.unwritable(error);
    }
  }

  #change(work: () => void): void {
    this.#refuseWhenStopped();
    try {
      this.#transact(work);
    } catch (error) {
      this.#sources.forget();
      throw this.#file.unwritable(error);
    }
  }

  #transact(work: () => void): void {
    this.#sql.begin.run();
    try {
      work();
      this.#sql.commit.run();
    } catch (error) {
      // After some failures, a full disk among them, SQLite has rolled back already.
      if (this.#file.db.isTransaction) this.#sql.rollback.run();
      throw error;
    }
  }

  #read<T>(work: () => T): T {
    this.#refuseWhenStopped();
    try {
      return work();
    } catch (error) {
      throw this.#file.unreadable(error);
    }
  }

  #refuseWhenStopped(): void {
    if (!this.#file.db.isOpen) throw new SetpointError('stopped', 'The store is closed: open it again');
  }
}

/** Only what made a version is kept as `applied`, as long as that. */
const statusOf = ({ next, audit: { status } }: Commit): string =>
  status === 'applied' && !next?.record ? 'marked' : status;

type Row = Record<string, SQLOutputValue>;

function toService(row: Row): StoredService {
  const { snapshot, changed, deleted }: VersionSummary = JSON.parse(String(row.summary));
  return {
    service: String(row.service),
    latest: { snapshot: { ...snapshot, values: JSON.parse(String(row.values)) }, changed, deleted },
    overrides: JSON.parse(String(row.list)),
  };
}

const toOutboxRow = ({ service, version }: Row): OutboxRow => ({ service: String(service), version: Number(version) });

function toAudit({ entry }: Row): AuditEntry {
  const parsed: unknown = JSON.parse(String(entry));
  if (typeof parsed !== 'object' || parsed === null) throw new SyntaxError('an audit entry is not an object');
  return parsed as AuditEntry;
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(db: DatabaseSync) {
  const latest = 'SELECT service, max(version) AS version FROM version GROUP BY service';
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),

    epoch: db.prepare('SELECT epoch FROM lineage'),
    lastCommitAt: db.prepare('SELECT max(committed_at) AS at FROM version'),
    commitCount: db.prepare('SELECT max(commit_number) AS count FROM version'),
    otherAnswers: db.prepare("SELECT count(*) AS count FROM audit WHERE status <> 'applied'"),
    overridden: db.prepare('SELECT service FROM overrides'),
    latest: db.prepare(latest),
    sent: db.prepare('SELECT service, version FROM sent'),
    // Reads only the versions after the last acknowledged one of a service, not its whole history.
    pending: db.prepare(`
      SELECT service, version.version
      FROM (${latest}) AS latest LEFT JOIN sent USING (service) JOIN version USING (service)
      WHERE latest.version > ifnull(sent.version, 0) AND version.version > ifnull(sent.version, 0)
      ORDER BY commit_number
    `),
    services: db.prepare(`
      SELECT service, summary, "values", ifnull(list, overrides) AS list
      FROM (${latest}) JOIN version USING (service, version) LEFT JOIN overrides USING (service)
      ORDER BY service
    `),

    insertVersion: db.prepare('INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?)'),
    insertAudit: db.prepare('INSERT INTO audit (service, request_id, status, entry) VALUES (?, ?, ?, ?)'),
    putOverrides: db.prepare('REPLACE INTO overrides VALUES (?, ?)'),
    dropOverrides: db.prepare('DELETE FROM overrides WHERE service = ?'),
    putSent: db.prepare('REPLACE INTO sent VALUES (?, ?)'),
    forgetOtherAnswers: db.prepare(`
      DELETE FROM audit WHERE status <> 'applied' AND number <= (
        SELECT number FROM audit WHERE status <> 'applied' ORDER BY number DESC LIMIT 1 OFFSET ?
      )
    `),

    findOverrides: db.prepare('SELECT overrides FROM version WHERE service = ? AND version = ?'),
    // The first answer to an id is the answer.
    findAudit: db.prepare('SELECT entry FROM audit WHERE request_id = ? ORDER BY number LIMIT 1'),
    listAudit: db.prepare('SELECT entry FROM audit WHERE service = ? ORDER BY number DESC LIMIT ?'),
  };
}
