import { SetpointError } from '@setpoint/protocol';
import type { Override } from '../layer/overrides.ts';
import { createBookmarks } from './bookmarks.ts';
import { findConflict } from './expected-version.ts';
import { matchesFilter, momentOf } from './history-filter.ts';
import { createOutbox } from './outbox.ts';
import type {
  AuditEntry,
  Backup,
  Commit,
  HistoryEntry,
  HistoryPage,
  HistoryQuery,
  OutboxRow,
  PruneCounts,
  PrunedRange,
  Retention,
  Store,
  StoredLayers,
  StoredSources,
  VersionRecord,
  VersionSummary,
} from './store.ts';

export interface MemoryStoreOptions {
  /**
   * Milliseconds since 1970; the epoch is taken from it.
   * @default Date.now
   */
  readonly now?: () => number;
  /**
   * How many answers that made no version are kept for requests that come twice; the newest ones.
   * @default 100_000
   */
  readonly maxOtherAnswers?: number;
}

/**
 * A store that ends with its process: for tests, and for programs that keep their versions elsewhere.
 * @example
 * const engine = await createEngine({ store: createMemoryStore() });
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore((options.now ?? Date.now)(), options.maxOtherAnswers ?? 100_000);
}

/** A version with all that came with it. */
interface Kept {
  readonly record: VersionRecord;
  readonly commit: number;
  /** Milliseconds since 1970; never before that of the commit before. */
  readonly at: number;
  readonly overrides: readonly Override[];
  readonly sources: StoredSources | undefined;
  readonly audit: AuditEntry;
}

interface Lineage {
  kept: Kept[];
  readonly pruned: Map<number, string>;
  overrides: readonly Override[];
}

class MemoryStore implements Store {
  readonly epoch: number;
  commitCount = 0;
  readonly #maxOtherAnswers: number;
  readonly #services = new Map<string, Lineage>();
  readonly #outbox = createOutbox();
  readonly #answers = new Map<string, AuditEntry>();
  readonly #bookmarks = createBookmarks();
  #audit: AuditEntry[] = [];
  readonly #ofVersions = new WeakSet<AuditEntry>();
  #otherAnswers = 0;
  #lastCommitAt = 0;
  #stopped = false;

  constructor(nowMs: number, maxOtherAnswers: number) {
    this.epoch = Math.floor(nowMs / 1000);
    this.#maxOtherAnswers = maxOtherAnswers;
  }

  async services() {
    this.#refuseWhenStopped();
    return [...this.#services]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([service, { kept, overrides }]) =>
        kept.slice(-1).map(({ record }) => ({ service, latest: record, overrides })),
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

  async findAnswers(requestKeys: readonly string[]) {
    this.#refuseWhenStopped();
    const found = new Map<string, AuditEntry>();
    for (const key of requestKeys) {
      const entry = this.#answers.get(key);
      if (entry) found.set(key, entry);
    }
    return found;
  }

  async findVersion(service: string, version: number) {
    return this.#find(service, version)?.record;
  }

  async findVersionAt(service: string, at: string) {
    const moment = Date.parse(at);
    return this.#keptOf(service).findLast((kept) => kept.at <= moment)?.record;
  }

  async findLayers(service: string, version: number): Promise<StoredLayers | undefined> {
    const kept = this.#find(service, version);
    return kept && { overrides: kept.overrides, ...(kept.sources && { sources: kept.sources.content }) };
  }

  async listVersions(service: string, page: HistoryPage) {
    const { before = Number.POSITIVE_INFINITY, limit } = page;
    const older = this.#keptOf(service).filter(({ record }) => record.snapshot.version < before);
    return newest(filtered(older, page), limit).map(({ record }) => summarise(record));
  }

  async listHistory(query: HistoryQuery): Promise<readonly HistoryEntry[]> {
    const { service, before = Number.POSITIVE_INFINITY, limit } = query;
    const all = service === undefined ? this.#all() : this.#keptOf(service);
    const older = all.filter(({ commit }) => commit < before);
    return newest(filtered(older, query), limit).map(({ record, commit }) => ({ ...summarise(record), commit }));
  }

  async *versionsOf(service: string) {
    for (const { record } of [...this.#keptOf(service)]) {
      this.#refuseWhenStopped();
      yield record;
    }
  }

  async prunedRanges(service: string) {
    this.#refuseWhenStopped();
    const pruned = [...(this.#services.get(service)?.pruned ?? [])].sort(([a], [b]) => a - b);
    const ranges: PrunedRange[] = [];
    for (const [version, digest] of pruned) {
      const before = ranges.at(-1)?.last === version - 1 ? ranges.pop() : undefined;
      ranges.push({ service, first: before?.first ?? version, last: version, digest });
    }
    return ranges;
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

  async tags(service?: string) {
    this.#refuseWhenStopped();
    return this.#bookmarks.tags(service);
  }

  async findTag(service: string, tag: string) {
    this.#refuseWhenStopped();
    return this.#bookmarks.findTag(service, tag);
  }

  async profiles() {
    this.#refuseWhenStopped();
    return this.#bookmarks.profiles();
  }

  async findProfile(profile: string) {
    this.#refuseWhenStopped();
    return this.#bookmarks.findProfile(profile);
  }

  async drafts(service?: string) {
    this.#refuseWhenStopped();
    return this.#bookmarks.drafts(service);
  }

  async findDraft(service: string, draft: string) {
    this.#refuseWhenStopped();
    return this.#bookmarks.findDraft(service, draft);
  }

  async prune(retention: Retention): Promise<PruneCounts> {
    this.#refuseWhenStopped();
    const sources = this.#sourceDigests();
    const answers = new Set<AuditEntry>();
    for (const service of this.#services.keys()) {
      for (const { audit } of this.#pruneService(service, retention)) answers.add(audit);
    }
    this.#audit = this.#audit.filter((entry) => !answers.has(entry));
    this.#recallResults();
    const gone = sources.size - this.#sourceDigests().size;
    return { versions: answers.size, answers: answers.size, sources: gone };
  }

  async backup(): Promise<Backup> {
    this.#refuseWhenStopped();
    const message = 'This store is in memory only and has no backups: start the authority with a database file';
    throw new SetpointError('store_unavailable', message);
  }

  async [Symbol.asyncDispose]() {
    this.#stopped = true;
  }

  #keptOf(service: string): readonly Kept[] {
    this.#refuseWhenStopped();
    return this.#services.get(service)?.kept ?? [];
  }

  #all(): Kept[] {
    this.#refuseWhenStopped();
    return [...this.#services.values()].flatMap(({ kept }) => kept).sort((a, b) => a.commit - b.commit);
  }

  #find(service: string, version: number): Kept | undefined {
    return this.#keptOf(service).find(({ record }) => record.snapshot.version === version);
  }

  #versionOf(service: string): number {
    return this.#services.get(service)?.kept.at(-1)?.record.snapshot.version ?? 0;
  }

  #sourceDigests(): Set<string> {
    return new Set(this.#all().flatMap(({ sources }) => sources?.digest ?? []));
  }

  #store({ service, next, audit, bookmarks = [] }: Commit): void {
    this.#audit.push(audit);
    if (next?.record) this.#ofVersions.add(audit);
    else this.#otherAnswers += 1;
    this.#rememberResult(audit);
    for (const bookmark of bookmarks) this.#bookmarks.write(bookmark);
    if (!next) return;
    const lineage: Lineage = this.#services.get(service) ?? { kept: [], pruned: new Map(), overrides: [] };
    lineage.overrides = next.overrides;
    if (!next.record) return;
    const { record, overrides, sources } = next;
    this.commitCount += 1;
    this.#lastCommitAt = Math.max(this.#lastCommitAt, Date.parse(record.snapshot.committedAt));
    lineage.kept.push({ record, commit: this.commitCount, at: this.#lastCommitAt, overrides, sources, audit });
    this.#services.set(service, lineage);
    this.#outbox.add({ service, version: record.snapshot.version });
  }

  #pruneService(service: string, { keepVersions, keepSince }: Retention): readonly Kept[] {
    const lineage = this.#services.get(service);
    if (!lineage || (keepVersions === undefined && keepSince === undefined)) return [];
    const named = this.#bookmarks.keptVersions(service);
    const oldest = lineage.kept.slice(0, Math.max(0, lineage.kept.length - Math.max(1, keepVersions ?? 1)));
    const since = keepSince === undefined ? Number.POSITIVE_INFINITY : Date.parse(keepSince);
    const gone = new Set(oldest.filter(({ record, at }) => at < since && !named.has(record.snapshot.version)));
    lineage.kept = lineage.kept.filter((kept) => !gone.has(kept));
    for (const { record } of gone) lineage.pruned.set(record.snapshot.version, record.snapshot.digest);
    this.#outbox.remove(service, new Set([...gone].map(({ record }) => record.snapshot.version)));
    return [...gone];
  }

  #forgetOtherAnswers(): void {
    const excess = this.#otherAnswers - this.#maxOtherAnswers;
    const forgotten = new Set(this.#audit.filter((entry) => !this.#ofVersions.has(entry)).slice(0, excess));
    this.#audit = this.#audit.filter((entry) => !forgotten.has(entry));
    this.#otherAnswers = this.#maxOtherAnswers;
    this.#recallResults();
  }

  #recallResults(): void {
    this.#answers.clear();
    for (const entry of this.#audit) this.#rememberResult(entry);
  }

  /** The first answer to a request is the answer. */
  #rememberResult(entry: AuditEntry): void {
    const { requestKey } = entry;
    if (requestKey !== undefined && !this.#answers.has(requestKey)) this.#answers.set(requestKey, entry);
  }

  #refuseWhenStopped(): void {
    if (this.#stopped) throw new SetpointError('stopped', 'The store is closed: open another one');
  }
}

function filtered(versions: readonly Kept[], filter: HistoryPage | HistoryQuery): readonly Kept[] {
  const since = momentOf(filter.since);
  return versions.filter(({ record, at }) => at >= since && matchesFilter(record, filter));
}

function summarise({ snapshot: { values: _, ...snapshot }, changed, deleted }: VersionRecord): VersionSummary {
  return { snapshot, changed, deleted };
}

function newest<T>(oldestFirst: readonly T[], limit: number): T[] {
  return oldestFirst.slice(Math.max(0, oldestFirst.length - limit)).reverse();
}
