import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { type Result, SetpointError } from '@setpoint/protocol';
import type { Override } from '../layer/overrides.ts';
import { findConflict } from './expected.ts';
import { createOutbox } from './outbox.ts';
import { openStoreFile, type StoreFile } from './sqlite-file.ts';
import type {
  AppendResult,
  AuditEntry,
  Commit,
  HistoryPage,
  OutboxRow,
  Store,
  StoredService,
  VersionRecord,
  VersionSummary,
} from './store.ts';

export interface SqliteStoreOptions {
  /**
   * The database. It is created where there is none, its folder isn't; with it come `<file>-wal`, which belongs to it
   * while the store is open, and `<file>-owner`, which says who has it open.
   */
  readonly file: string;
  /**
   * Milliseconds since 1970; the epoch of a new file is taken from it.
   * @default Date.now
   */
  readonly now?: () => number;
  /**
   * How many answers other than `applied` are kept for requests that come twice; the newest ones.
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
 * Opens a store in one SQLite file, which it keeps to itself until it is disposed of or the process ends. The file is
 * readable for its owner only: it holds secrets.
 * @throws SetpointError `store_locked` when another process has it open; `store_damaged` when it is not sound, or not
 * ours; `store_newer` when a newer release wrote it; `store_unavailable` when it can't be opened or written
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { file, now = Date.now, maxOtherAnswers = 100_000, maxFileBytes } = options;
  const opened = openStoreFile({ file, nowMs: now(), maxBytes: maxFileBytes });
  try {
    return new SqliteStore(opened, maxOtherAnswers);
  } catch (error) {
    opened.close();
    throw opened.unreadable(error);
  }
}

/** So many marks wait to be written, and so many answers past the bound to be forgotten, before it is done. */
const chunk = 1000;

class SqliteStore implements Store {
  readonly epoch: number;
  #commitCount: number;
  readonly #file: StoreFile;
  readonly #maxOtherAnswers: number;
  readonly #sql: Statements;
  // This process is the only writer, so what is remembered here has not to be asked of the file.
  readonly #versions = new Map<string, number>();
  readonly #outbox = createOutbox();
  readonly #unsavedMarks = new Map<string, number>();
  #marksMade = 0;
  #otherAnswers: number;
  /** Services that have overrides in the file, or might have: most never do, and need no row. */
  readonly #overridden: Set<string>;

  constructor(file: StoreFile, maxOtherAnswers: number) {
    this.#file = file;
    this.#maxOtherAnswers = maxOtherAnswers;
    this.#sql = prepareStatements(file.db);
    this.epoch = Number(this.#sql.epoch.get()?.epoch);
    this.#commitCount = Number(this.#sql.commitCount.get()?.count);
    this.#otherAnswers = Number(this.#sql.otherAnswers.get()?.count);
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
    try {
      this.#transact(() => this.#write(batch));
    } catch (error) {
      throw this.#file.unwritable(error);
    }
    for (const commit of batch) this.#remember(commit);
    if (this.#otherAnswers >= this.#maxOtherAnswers + chunk) this.#tidy();
    return { kind: 'stored' };
  }

  async findResults(requestIds: readonly string[]): Promise<ReadonlyMap<string, Result>> {
    return this.#read(() => {
      const found = new Map<string, Result>();
      for (const id of requestIds) {
        const row = this.#sql.findAudit.get(id);
        if (row) found.set(id, toAudit(row).result);
      }
      return found;
    });
  }

  async findVersion(service: string, version: number): Promise<VersionRecord | undefined> {
    return this.#read(() => {
      const row = this.#sql.findVersion.get(service, version);
      return row && toRecord(row);
    });
  }

  async listVersions(service: string, page: HistoryPage): Promise<readonly VersionSummary[]> {
    const { before = Number.MAX_SAFE_INTEGER, limit } = page;
    return this.#read(() => this.#sql.listVersions.all(service, before, limit).map(toSummary));
  }

  async listAudit(service: string, limit: number): Promise<readonly AuditEntry[]> {
    return this.#read(() => this.#sql.listAudit.all(service, limit).map(toAudit));
  }

  async pendingOutbox(): Promise<readonly OutboxRow[]> {
    return this.#read(() => this.#outbox.pending());
  }

  /** Writes the marks a thousand at a time and at the end: what a crash loses is published again, and does no harm. */
  async markSent(rows: readonly OutboxRow[]): Promise<void> {
    this.#refuseWhenStopped();
    for (const { service, version } of rows) {
      const mark = { service, version: Math.min(version, this.#versionOf(service)) };
      if (!this.#outbox.markSent(mark)) continue;
      this.#unsavedMarks.set(service, mark.version);
      this.#marksMade += 1;
    }
    if (this.#marksMade >= chunk) this.#tidy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#file.db.isOpen) return;
    this.#tidy();
    this.#file.close();
  }

  #versionOf(service: string): number {
    return this.#versions.get(service) ?? 0;
  }

  #write(batch: readonly Commit[]): void {
    const overrides = new Map<string, readonly Override[]>();
    let commitNumber = this.#commitCount;
    for (const { service, next, audit } of batch) {
      this.#sql.insertAudit.run(service, audit.requestId ?? null, audit.status, JSON.stringify(audit));
      if (!next) continue;
      overrides.set(service, next.overrides);
      if (!next.record) continue;
      const { changed, deleted, snapshot } = next.record;
      const { values, ...head } = snapshot;
      const summary: VersionSummary = { snapshot: head, changed, deleted };
      commitNumber += 1;
      const texts = [JSON.stringify(summary), JSON.stringify(values)] as const;
      this.#sql.insertVersion.run(commitNumber, service, snapshot.version, ...texts);
    }
    for (const [service, list] of overrides) this.#writeOverrides(service, list);
  }

  #writeOverrides(service: string, list: readonly Override[]): void {
    if (list.length === 0 && !this.#overridden.has(service)) return;
    this.#overridden.add(service);
    this.#sql.putOverrides.run(service, JSON.stringify(list));
  }

  #remember({ service, next, audit }: Commit): void {
    if (audit.status !== 'applied') this.#otherAnswers += 1;
    if (!next?.record) return;
    const { version } = next.record.snapshot;
    this.#versions.set(service, version);
    this.#outbox.add({ service, version });
    this.#commitCount += 1;
  }

  /** Writes marks and forgets old answers; when that fails, all of it is still true, and done the next time. */
  #tidy(): void {
    try {
      this.#transact(() => {
        for (const [service, version] of this.#unsavedMarks) this.#sql.putSent.run(service, version);
        if (this.#otherAnswers > this.#maxOtherAnswers) this.#sql.forgetOtherAnswers.run(this.#maxOtherAnswers);
      });
    } catch {
      return;
    }
    this.#unsavedMarks.clear();
    this.#marksMade = 0;
    this.#otherAnswers = Math.min(this.#otherAnswers, this.#maxOtherAnswers);
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

type Row = Record<string, SQLOutputValue>;

function toService(row: Row): StoredService {
  return {
    service: String(row.service),
    latest: toRecord(row),
    overrides: row.list === null ? [] : JSON.parse(String(row.list)),
  };
}

const toOutboxRow = ({ service, version }: Row): OutboxRow => ({ service: String(service), version: Number(version) });

function toRecord(row: Row): VersionRecord {
  const { snapshot, changed, deleted } = toSummary(row);
  return { snapshot: { ...snapshot, values: JSON.parse(String(row.values)) }, changed, deleted };
}

function toSummary({ summary }: Row): VersionSummary {
  return JSON.parse(String(summary));
}

function toAudit({ entry }: Row): AuditEntry {
  return JSON.parse(String(entry));
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(db: DatabaseSync) {
  const latest = 'SELECT service, max(version) AS version FROM version GROUP BY service';
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),

    epoch: db.prepare('SELECT epoch FROM lineage'),
    commitCount: db.prepare('SELECT max(commit_number) AS count FROM version'),
    otherAnswers: db.prepare("SELECT count(*) AS count FROM audit WHERE status <> 'applied'"),
    overridden: db.prepare('SELECT service FROM overrides'),
    latest: db.prepare(latest),
    sent: db.prepare('SELECT service, version FROM sent'),
    // Only what is past a service's mark is looked at, not its whole history.
    pending: db.prepare(`
      SELECT service, version.version
      FROM (${latest}) AS latest LEFT JOIN sent USING (service) JOIN version USING (service)
      WHERE latest.version > ifnull(sent.version, 0) AND version.version > ifnull(sent.version, 0)
      ORDER BY commit_number
    `),
    services: db.prepare(`
      SELECT service, summary, "values", list
      FROM (${latest}) JOIN version USING (service, version) LEFT JOIN overrides USING (service)
      ORDER BY service
    `),

    insertVersion: db.prepare('INSERT INTO version VALUES (?, ?, ?, ?, ?)'),
    insertAudit: db.prepare('INSERT INTO audit (service, request_id, status, entry) VALUES (?, ?, ?, ?)'),
    putOverrides: db.prepare('REPLACE INTO overrides VALUES (?, ?)'),
    putSent: db.prepare('REPLACE INTO sent VALUES (?, ?)'),
    forgetOtherAnswers: db.prepare(`
      DELETE FROM audit WHERE status <> 'applied' AND number <= (
        SELECT number FROM audit WHERE status <> 'applied' ORDER BY number DESC LIMIT 1 OFFSET ?
      )
    `),

    findVersion: db.prepare('SELECT summary, "values" FROM version WHERE service = ? AND version = ?'),
    listVersions: db.prepare(
      'SELECT summary FROM version WHERE service = ? AND version < ? ORDER BY version DESC LIMIT ?',
    ),
    // The first answer to an id is the answer.
    findAudit: db.prepare('SELECT entry FROM audit WHERE request_id = ? ORDER BY number LIMIT 1'),
    listAudit: db.prepare('SELECT entry FROM audit WHERE service = ? ORDER BY number DESC LIMIT ?'),
  };
}
