import { type Result, SetpointError } from '@setpoint/protocol';
import type { Override } from '../layer/overrides.ts';
import { findConflict } from './expected.ts';
import { createOutbox } from './outbox.ts';
import type { AuditEntry, Commit, HistoryPage, OutboxRow, Store, VersionRecord, VersionSummary } from './store.ts';

export interface MemoryStoreOptions {
  /**
   * Milliseconds since 1970; the epoch is taken from it.
   * @default Date.now
   */
  readonly now?: () => number;
  /**
   * How many answers other than `applied` are kept for requests that come twice; the newest ones.
   * @default 100_000
   */
  readonly maxOtherAnswers?: number;
}

/** A store that ends with its process: for tests, and for programs that keep their versions elsewhere. */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore((options.now ?? Date.now)(), options.maxOtherAnswers ?? 100_000);
}

interface Lineage {
  readonly records: VersionRecord[];
  overrides: readonly Override[];
}

class MemoryStore implements Store {
  readonly epoch: number;
  commitCount = 0;
  readonly #maxOtherAnswers: number;
  readonly #services = new Map<string, Lineage>();
  readonly #outbox = createOutbox();
  readonly #results = new Map<string, Result>();
  #audit: AuditEntry[] = [];
  #otherAnswers = 0;
  #stopped = false;

  constructor(nowMs: number, maxOtherAnswers: number) {
    this.epoch = Math.floor(nowMs / 1000);
    this.#maxOtherAnswers = maxOtherAnswers;
  }

  async services() {
    this.#refuseWhenStopped();
    return [...this.#services]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([service, { records, overrides }]) =>
        records.slice(-1).map((latest) => ({ service, latest, overrides })),
      );
  }

  async append(batch: readonly Commit[]) {
    this.#refuseWhenStopped();
    const conflict = findConflict(batch, (service) => this.#versionOf(service));
    if (conflict) return conflict;
    for (const commit of batch) this.#store(commit);
    // Twice the bound, so that forgetting is paid for by as many answers as it looks at.
    if (this.#otherAnswers > 2 * this.#maxOtherAnswers) this.#forgetOtherAnswers();
    return { kind: 'stored' } as const;
  }

  async findResults(requestIds: readonly string[]) {
    this.#refuseWhenStopped();
    const found = new Map<string, Result>();
    for (const id of requestIds) {
      const result = this.#results.get(id);
      if (result) found.set(id, result);
    }
    return found;
  }

  async findVersion(service: string, version: number) {
    this.#refuseWhenStopped();
    return this.#services.get(service)?.records.find(({ snapshot }) => snapshot.version === version);
  }

  async listVersions(service: string, { before = Number.POSITIVE_INFINITY, limit }: HistoryPage) {
    this.#refuseWhenStopped();
    const records = this.#services.get(service)?.records ?? [];
    const older = records.filter(({ snapshot }) => snapshot.version < before);
    return newest(older, limit).map(summarise);
  }

  async listAudit(service: string, limit: number) {
    this.#refuseWhenStopped();
    return newest(
      this.#audit.filter((entry) => entry.service === service),
      limit,
    );
  }

  async pendingOutbox() {
    this.#refuseWhenStopped();
    return this.#outbox.pending();
  }

  async markSent(rows: readonly OutboxRow[]) {
    this.#refuseWhenStopped();
    for (const { service, version } of rows) {
      this.#outbox.markSent({ service, version: Math.min(version, this.#versionOf(service)) });
    }
  }

  async [Symbol.asyncDispose]() {
    this.#stopped = true;
  }

  #versionOf(service: string): number {
    return this.#services.get(service)?.records.at(-1)?.snapshot.version ?? 0;
  }

  #store({ service, next, audit }: Commit): void {
    this.#audit.push(audit);
    if (audit.status !== 'applied') this.#otherAnswers += 1;
    this.#rememberResult(audit);
    if (!next) return;
    const lineage = this.#services.get(service) ?? { records: [], overrides: [] };
    lineage.overrides = next.overrides;
    if (!next.record) return;
    lineage.records.push(next.record);
    this.#services.set(service, lineage);
    this.#outbox.add({ service, version: next.record.snapshot.version });
    this.commitCount += 1;
  }

  #forgetOtherAnswers(): void {
    const excess = this.#otherAnswers - this.#maxOtherAnswers;
    const forgotten = new Set(this.#audit.filter(({ status }) => status !== 'applied').slice(0, excess));
    this.#audit = this.#audit.filter((entry) => !forgotten.has(entry));
    this.#otherAnswers = this.#maxOtherAnswers;
    this.#results.clear();
    for (const entry of this.#audit) this.#rememberResult(entry);
  }

  /** The first answer to an id is the answer. */
  #rememberResult({ requestId, result }: AuditEntry): void {
    if (requestId !== undefined && !this.#results.has(requestId)) this.#results.set(requestId, result);
  }

  #refuseWhenStopped(): void {
    if (this.#stopped) throw new SetpointError('stopped', 'The store is closed: open another one');
  }
}

function summarise({ snapshot: { values: _, ...snapshot }, changed, deleted }: VersionRecord): VersionSummary {
  return { snapshot, changed, deleted };
}

function newest<T>(oldestFirst: readonly T[], limit: number): T[] {
  return oldestFirst.slice(Math.max(0, oldestFirst.length - limit)).reverse();
}
