import type { AuditEntry, Bookmark, Commit, Override, StoredSources, VersionRecord } from '@setpoint/engine';
import { createProblem, type Result } from '@setpoint/protocol';

/** The statuses of answers that stores keep in these tests. */
export type EntryStatus = 'applied' | 'unchanged' | 'rejected' | 'denied';

/** The clock of the suite, in milliseconds. */
export const clock = (): number => 1_790_000_000_900;

export interface CommitChoices {
  readonly author?: string;
  readonly requestKey?: string;
  readonly overrides?: readonly Override[];
  readonly deleted?: boolean;
  readonly values?: VersionRecord['snapshot']['values'];
  readonly sources?: StoredSources;
  readonly changed?: readonly string[];
  /** RFC 3339. */
  readonly at?: string;
}

/** A commit that brings `service` from the version before to `version`. */
export function commit(service: string, version: number, choices: CommitChoices = {}): Commit {
  const { author = 'alice', requestKey, overrides = [], deleted = false, values = { port: 8000 + version } } = choices;
  const { sources, changed = ['/port'], at: committedAt = '2026-09-21T14:13:20.900Z' } = choices;
  const record: VersionRecord = {
    snapshot: {
      service,
      epoch: 1_790_000_000,
      version,
      digest: `sha256:${service}-${version}`,
      previous: version > 1 ? { version: version - 1, digest: `sha256:${service}-${version - 1}` } : null,
      values: deleted ? {} : values,
      restartRequired: [],
      secrets: [],
      author,
      reason: '',
      committedAt,
    },
    changed,
    deleted,
  };
  return {
    service,
    expected: version - 1,
    next: { record, overrides, ...(sources && { sources }) },
    audit: entry(service, version, 'applied', requestKey),
  };
}

/** An answer to be kept about a service that stays at `version`. */
export function answer(service: string, version: number, status: EntryStatus, requestKey?: string): Commit {
  return { service, expected: version, audit: entry(service, version, status, requestKey) };
}

export function entry(service: string, version: number, status: EntryStatus, requestKey?: string): AuditEntry {
  return {
    at: '2026-09-21T14:13:20.900Z',
    service,
    ...(requestKey !== undefined && { requestKey }),
    author: 'alice',
    op: 'merge',
    status,
    reason: 'because',
    result: resultOf(service, version, status),
  };
}

export function resultOf(service: string, version: number, status: EntryStatus): Result {
  const base = {
    service,
    epoch: 1_790_000_000,
    version,
    digest: `sha256:${service}-${version}`,
    changed: status === 'applied' ? ['/port'] : [],
    restartRequired: [],
    warnings: [],
  };
  return status === 'rejected' || status === 'denied'
    ? { ...base, status, problem: createProblem('document_invalid', 'so it is') }
    : { ...base, status };
}

const made = { author: 'alice', reason: 'because', at: '2026-09-21T14:13:20.900Z' };

export function tagOf(service: string, tag: string, version: number): Bookmark & { readonly kind: 'tag' } {
  return { kind: 'tag', tag: { service, tag, version, ...made } };
}

export function profileOf(
  profile: string,
  services: Readonly<Record<string, number>>,
): Bookmark & { readonly kind: 'profile' } {
  return { kind: 'profile', profile: { profile, services, ...made } };
}

/** Of the service `api`. */
export function draftOf(draft: string, base: number): Bookmark & { readonly kind: 'draft' } {
  return { kind: 'draft', draft: { service: 'api', draft, base, ...made, patch: { port: base } } };
}

export const overrideOf = (version: number): Override => ({
  pointer: '/port',
  value: version,
  author: 'alice',
  reason: '',
  version,
  at: '2026-09-21T14:13:20.900Z',
});
