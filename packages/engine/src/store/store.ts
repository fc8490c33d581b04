import type {
  Digest,
  DraftSummary,
  JsonObject,
  Pointer,
  Profile,
  Result,
  ResultStatus,
  Snapshot,
  Tag,
} from '@setpoint/protocol';
import type { Override } from '../layer/overrides.ts';

/**
 * Keeps every version of every service, what was answered to whom, and what is still to be published. One process
 * writes to a store. Every adapter runs the suite of `@setpoint/engine/store-suite`.
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
   * Stores a batch, all of it or nothing: for each commit its version with its layers, its audit entry, its outbox row
   * and its bookmarks. When it resolves with `stored`, no crash and no power loss can take it back. A service may occur
   * several times; each occurrence expects the version that the one before it made.
   * @throws SetpointError `store_unavailable` when it could not be written (a full disk, say); nothing was stored then
   */
  append(batch: readonly Commit[]): Promise<AppendResult>;

  /**
   * What was answered to these requests before, the first answer where there are several; those never seen are left
   * out. Keyed as the audit entries are (`requestKey`). An answer that made a version is remembered as long as that, the others only the newest
   * (100,000 by default).
   */
  findAnswers(requestKeys: readonly string[]): Promise<ReadonlyMap<string, AuditEntry>>;

  findVersion(service: string, version: number): Promise<VersionRecord | undefined>;

  /**
   * The newest version committed at or before a moment (RFC 3339). A version counts as no older than the one stored
   * before it, so a clock that was set back does not hide it.
   */
  findVersionAt(service: string, at: string): Promise<VersionRecord | undefined>;

  /** What a version was made of; undefined where there is no such version, or a release that did not keep it made it. */
  findLayers(service: string, version: number): Promise<StoredLayers | undefined>;

  /** The history of a service, newest first: versions below `before`, at most `limit`. */
  listVersions(service: string, page: HistoryPage): Promise<readonly VersionSummary[]>;

  /** The history of one service or all, the newest commit first: commits below `before`, at most `limit`. */
  listHistory(query: HistoryQuery): Promise<readonly HistoryEntry[]>;

  /** Every version of a service that is kept, oldest first, read a few at a time. */
  versionsOf(service: string): AsyncIterable<VersionRecord>;

  /** Which versions of a service `prune` took, oldest first; ranges never touch one another. */
  prunedRanges(service: string): Promise<readonly PrunedRange[]>;

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

  /** Of one service or all; sorted by service and name. */
  tags(service?: string): Promise<readonly Tag[]>;
  findTag(service: string, tag: string): Promise<Tag | undefined>;

  /** Sorted by name. */
  profiles(): Promise<readonly Profile[]>;
  findProfile(profile: string): Promise<Profile | undefined>;

  /** Of one service or all, without their documents; sorted by service and name. */
  drafts(service?: string): Promise<readonly DraftSummary[]>;
  findDraft(service: string, draft: string): Promise<StoredDraft | undefined>;

  /**
   * Deletes old versions with the answers that made them, and sources that no version has any more. A version goes
   * when it fails every criterion that is given (none given: nothing goes), is not the present one of its service, and
   * has no tag, no profile and no draft that was begun from it. Done in short transactions, between which others write.
   * A file does not get smaller: what is stored later takes the room.
   * @throws SetpointError `store_unavailable` when it could not be written; what went before stays gone
   */
  prune(retention: Retention): Promise<PruneCounts>;

  /**
   * Writes a copy of everything that is stored, while the store goes on working. What is stored meanwhile may be in it.
   * @throws SetpointError `store_unavailable` when it could not be written, or this store has no file
   */
  backup(): Promise<Backup>;
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
  readonly next?: {
    readonly record?: VersionRecord;
    readonly overrides: readonly Override[];
    /** What lay beneath and above the overrides; kept with the record, and not without one. */
    readonly sources?: StoredSources;
  };
  readonly audit: AuditEntry;
  /** Written in this order, with the audit entry. */
  readonly bookmarks?: readonly Bookmark[];
}

/** Stored once, however many versions have them. */
export interface StoredSources {
  /** The same for the same content. */
  readonly digest: Digest;
  readonly content: JsonObject;
}

export interface StoredLayers {
  readonly overrides: readonly Override[];
  readonly sources?: JsonObject;
}

/** The same name again replaces what had it; to take away what isn't there does nothing. */
export type Bookmark =
  | { readonly kind: 'tag'; readonly tag: Tag }
  | { readonly kind: 'untag'; readonly service: string; readonly tag: string }
  | { readonly kind: 'profile'; readonly profile: Profile }
  | { readonly kind: 'drop_profile'; readonly profile: string }
  | { readonly kind: 'draft'; readonly draft: StoredDraft }
  | { readonly kind: 'drop_draft'; readonly service: string; readonly draft: string };

export interface StoredDraft extends DraftSummary {
  /** JSON Merge Patch (RFC 7396) of the runtime layer. */
  readonly patch: JsonObject;
}

export interface AuditEntry {
  /** RFC 3339. */
  readonly at: string;
  readonly service: string;
  /**
   * Names the request: its requester, its service and the id of its envelope. Left out for what no operator asked for
   * (a file that changed), and for a request that was denied: a forged one must not use up the id of the true one.
   */
  readonly requestKey?: string;
  /** The digest of the request, to tell another one that has the same id. */
  readonly requestDigest?: string;
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

export interface HistoryFilter {
  readonly author?: string;
  /** RFC 3339: what was committed then or later, by the clock of `findVersionAt`. */
  readonly since?: string;
  /** Versions that changed this place, something in it, or something that it lies in. */
  readonly pointer?: Pointer;
}

export interface HistoryPage extends HistoryFilter {
  readonly limit: number;
  readonly before?: number;
}

export interface HistoryQuery extends HistoryFilter {
  readonly service?: string;
  readonly limit: number;
  /** The number of a commit. */
  readonly before?: number;
}

/** `commit` counts the versions of all services, from 1. */
export type HistoryEntry = VersionSummary & { readonly commit: number };

/** Versions `first` to `last` of a service are gone; `digest` is that of the last: the next one's `previous`. */
export interface PrunedRange {
  readonly service: string;
  readonly first: number;
  readonly last: number;
  readonly digest: Digest;
}

export interface Retention {
  /** So many of each service, the newest, are kept. */
  readonly keepVersions?: number;
  /** RFC 3339: what was committed then or later is kept. */
  readonly keepSince?: string;
  /**
   * Versions that are deleted in one transaction.
   * @default 100
   */
  readonly chunk?: number;
}

/** How many went. */
export interface PruneCounts {
  readonly versions: number;
  readonly answers: number;
  readonly sources: number;
}

export interface Backup {
  /** Its name in the folder `backups` beside the database. */
  readonly file: string;
  readonly bytes: number;
}

export interface OutboxRow {
  readonly service: string;
  readonly version: number;
}
