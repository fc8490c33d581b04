import type { Pointer, Result, ResultStatus, Snapshot } from '@setpoint/protocol';
import type { Override } from '../layer/overrides.ts';

/**
 * Keeps every version of every service, what was answered to whom, and what is still to be published. One process
 * writes to a store. Every adapter runs the suite in `contract.ts`.
 *
 * Every method rejects with SetpointError `stopped` once the store was disposed of; those that read reject with
 * `store_unavailable` when it could not be read and `store_damaged` when what is in it is not what was written.
 */
export interface Store extends AsyncDisposable {
  /** The lineage of the versions in it: the Unix time in seconds of its creation. */
  readonly epoch: number;

  /** How many versions it has ever stored. */
  readonly commitCount: number;

  /** Where every service stands, deleted ones included; sorted by name. */
  services(): Promise<readonly StoredService[]>;

  /**
   * Stores a batch, all of it or nothing: for each commit its version, its runtime layer, its audit entry and its
   * outbox row. When it resolves with `stored`, no crash and no power loss can take it back. A service may occur
   * several times; each occurrence expects the version that the one before it made.
   * @throws SetpointError `store_unavailable` when it could not be written (a full disk, say); nothing was stored then
   */
  append(batch: readonly Commit[]): Promise<AppendResult>;

  /**
   * What was answered to these requests before, the first answer where there are several; those never seen are left
   * out. Keyed by request id. `applied` is remembered for ever, other answers only the newest (100,000 by default).
   */
  findResults(requestIds: readonly string[]): Promise<ReadonlyMap<string, Result>>;

  findVersion(service: string, version: number): Promise<VersionRecord | undefined>;

  /** The history of a service, newest first: versions below `before`, at most `limit`. */
  listVersions(service: string, page: HistoryPage): Promise<readonly VersionSummary[]>;

  /** What was asked and answered for a service, newest first. */
  listAudit(service: string, limit: number): Promise<readonly AuditEntry[]>;

  /** The versions that no broker has acknowledged yet, oldest first. */
  pendingOutbox(): Promise<readonly OutboxRow[]>;

  /**
   * Says that a broker has acknowledged `version` of `service`: its row and those of older versions go, never one
   * that is stored later. Not durable by itself: after a crash a row may be there again, and publishing it again does
   * no harm.
   */
  markSent(rows: readonly OutboxRow[]): Promise<void>;
}

export interface StoredService {
  readonly service: string;
  readonly latest: VersionRecord;
  readonly overrides: readonly Override[];
}

export interface VersionRecord {
  /** With `deleted`, its `values` are `{}`. */
  readonly snapshot: Snapshot;
  readonly changed: readonly Pointer[];
  /** The service was deleted with this version. */
  readonly deleted: boolean;
}

export type VersionSummary = Omit<VersionRecord, 'snapshot'> & { readonly snapshot: Omit<Snapshot, 'values'> };

export interface Commit {
  readonly service: string;
  /** The version that the service must be at; 0 where it never existed, that of its deletion where it is deleted. */
  readonly expected: number;
  /**
   * What changes; left out where the service stays as it is and only the answer is to be kept (rejected, conflict).
   * Without a record only what operators set is another: the document is the same, and nothing is published.
   */
  readonly next?: { readonly record?: VersionRecord; readonly overrides: readonly Override[] };
  readonly audit: AuditEntry;
}

export interface AuditEntry {
  /** RFC 3339. */
  readonly at: string;
  readonly service: string;
  /** The id of the request's envelope; left out for what no operator asked for (a file that changed). */
  readonly requestId?: string;
  readonly author: string;
  /** `merge`, `rollback`, …, or `file`. */
  readonly op: string;
  readonly status: ResultStatus;
  readonly reason: string;
  /** What was answered: given again to a request that comes twice. */
  readonly result: Result;
}

export type AppendResult =
  | { readonly kind: 'stored' }
  /** Nothing of the batch was stored: `service` is at `actual`, whatever the batch would have made of it. */
  | { readonly kind: 'conflict'; readonly service: string; readonly actual: number };

export interface HistoryPage {
  readonly limit: number;
  readonly before?: number;
}

export interface OutboxRow {
  readonly service: string;
  readonly version: number;
}
