import { createProblem, type Request, type Result } from '@setpoint/protocol';
import { authorise } from '../access.ts';
import { answer, isDeleted, type ServiceState, versionOf } from '../service-state.ts';
import type { ServiceStates } from '../service-states.ts';
import type { AuditEntry, Bookmark, Commit, Store, StoredDraft, VersionRecord } from '../store/store.ts';
import { type BookmarkChange, decideBookmark } from '../version/bookmark.ts';
import { createPendingBookmarks, type PendingBookmarks } from '../version/pending-bookmarks.ts';
import { type ActivationChange, decideActivation } from './activation.ts';
import { auditOfRequest, auditOfSources, requestDigestOf, requestKeyOf } from './audit.ts';
import type { Change, DecideOptions, Decision } from './change.ts';
import { decide } from './decide.ts';

/** Anything that may change a service, or what the store keeps of one. */
export type Work = Change | BookmarkChange | ActivationChange;

/** What one work results in, once the whole batch is stored. */
export interface DecidedWork {
  readonly result: Result;
  /** The versions that it makes, and the state of the service after each. */
  readonly made: readonly { readonly record: VersionRecord; readonly state: ServiceState }[];
  readonly commits: readonly Commit[];
}

export interface BatchContext {
  readonly store: Store;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** The states before the batch. */
  readonly states: Pick<ServiceStates, 'of' | 'names'>;
  /** The options of a decision, except its version and draft. `names` are the services that may exist by then. */
  readonly optionsFor: (service: string, stateOf: ServiceStates['of'], names?: () => Iterable<string>) => DecideOptions;
}

/** What is remembered of a request that was answered. */
type Answered = Pick<AuditEntry, 'result' | 'requestDigest'>;

/** A batch that takes longer ends early, so that whoever asks next does not wait for all of it. Milliseconds. */
const maxBatchMs = 20;

export interface DecidedBatch {
  /** In the order of the batch; fewer where it ended early. */
  readonly works: readonly DecidedWork[];
  /** The states of the services that it changes. */
  readonly drafts: ReadonlyMap<string, ServiceState>;
}

/** Decides works in their order, each on what those before it made. Nothing is stored. */
export async function decideBatch(
  batch: readonly { readonly service: string; readonly work: Work }[],
  context: BatchContext,
): Promise<DecidedBatch> {
  const { store, now } = context;
  const drafts = new Map<string, ServiceState>();
  const bookmarks: Bookmark[] = [];
  const records: VersionRecord[] = [];
  const pending = createPendingBookmarks(store, bookmarks);
  const stateOf = (service: string): ServiceState => drafts.get(service) ?? context.states.of(service);
  /** Also services that come into being with this batch. */
  const names = (): Set<string> => new Set([...context.states.names(), ...batch.map(({ service }) => service)]);
  const optionsAmong = (service: string, others: ServiceStates['of']): DecideOptions =>
    context.optionsFor(service, others, names);
  const optionsFor = (service: string): DecideOptions => optionsAmong(service, stateOf);
  const keys = batch.flatMap(({ work }) => ('requestId' in work ? requestKeyOf(work) : []));
  const answered = new Map<string, Answered>(keys.length > 0 ? await store.findAnswers(keys) : []);
  const timeText = (): string => new Date(now()).toISOString();

  async function decideOne(state: ServiceState, work: Work): Promise<DecidedWork> {
    switch (work.kind) {
      case 'bookmark':
        return setBookmark(state, work);
      case 'activation':
        return activate(state, work);
      default:
        return change(state, work);
    }
  }

  async function change(state: ServiceState, work: Change): Promise<DecidedWork> {
    const aim = work.kind === 'request' ? await findAim(work.request, pending, findVersion) : {};
    const decision = decideSafely(state, work, { ...optionsFor(state.service), ...aim });
    const commit = toCommit(state, work, decision, timeText());
    return take([decision], decision.result, commit ? [commit] : []);
  }

  async function setBookmark(state: ServiceState, work: BookmarkChange): Promise<DecidedWork> {
    const { service } = state;
    const { result, bookmark } = await decideBookmark(state, work, {
      store,
      pending,
      now: now(),
      standing: () =>
        Object.fromEntries(
          [...context.states.names()]
            .map(stateOf)
            .filter((each) => !isDeleted(each))
            .map((each) => [each.service, versionOf(each)]),
        ),
      check: (patch) => checkMerge(state, patch, work, optionsFor(service)).result,
    });
    if (bookmark) bookmarks.push(bookmark);
    const audit = auditOfRequest(work, result, timeText());
    return {
      result,
      made: [],
      commits: [{ service, expected: versionOf(state), ...(bookmark && { bookmarks: [bookmark] }), audit }],
    };
  }

  async function activate(state: ServiceState, work: ActivationChange): Promise<DecidedWork> {
    const { result, activated } = await decideActivation(state, work, {
      store,
      pending,
      stateOf,
      optionsFor: optionsAmong,
    });
    const at = timeText();
    const own: Commit = {
      service: state.service,
      expected: versionOf(state),
      audit: auditOfRequest(work, result, at),
    };
    const commits = activated.map(({ before, decision }): Commit => {
      const { service } = before;
      const { author, reason = '' } = work.request;
      const { status } = decision.result;
      const audit = { at, service, author, op: work.request.op, status, reason, result: decision.result };
      return { service, expected: versionOf(before), ...nextOf(before, decision), audit };
    });
    return take(
      activated.map(({ decision }) => decision),
      result,
      [own, ...commits],
    );
  }

  /** What was decided is what the next one finds. */
  function take(decisions: readonly Decision[], result: Result, commits: readonly Commit[]): DecidedWork {
    const made = decisions.flatMap(({ record, state }) => (record ? [{ record, state }] : []));
    for (const { state } of decisions) drafts.set(state.service, state);
    records.push(...made.map(({ record }) => record));
    return { result, made, commits };
  }

  /** Also one that this batch is about to make. */
  async function findVersion(service: string, version: number): Promise<VersionRecord | undefined> {
    const made = records.find(({ snapshot }) => snapshot.service === service && snapshot.version === version);
    return made ?? store.findVersion(service, version);
  }

  /** The answer to a request that came before; undefined for a new one. Whoever may not ask it is told so, and nothing else. */
  function answerAgain(state: ServiceState, work: Work): Result | undefined {
    if (!('requestId' in work) || authorise(work.identity, work.request) !== undefined) return undefined;
    const earlier = answered.get(requestKeyOf(work));
    if (!earlier) return undefined;
    if (earlier.requestDigest === undefined || earlier.requestDigest === requestDigestOf(work)) {
      return answer(state, store.epoch, 'duplicate', { original: earlier.result });
    }
    const detail = 'another request had this id, and nothing was changed by this one; take a fresh id for each';
    return answer(state, store.epoch, 'rejected', { problem: createProblem('request_id_reused', detail) });
  }

  const works: DecidedWork[] = [];
  const end = performance.now() + maxBatchMs;
  for (const { service, work } of batch) {
    if (works.length > 0 && performance.now() > end) break;
    const state = stateOf(service);
    const again = answerAgain(state, work);
    if (again) {
      works.push({ result: again, made: [], commits: [] });
      continue;
    }
    const decided = await decideOne(state, work);
    for (const { audit } of decided.commits) if (audit.requestKey !== undefined) answered.set(audit.requestKey, audit);
    works.push(decided);
  }
  return { works, drafts };
}

export const requestIdOf = (work: Work): string | undefined => ('requestId' in work ? work.requestId : undefined);

/** The version and the draft that a request names. */
async function findAim(
  request: Request,
  pending: PendingBookmarks,
  findVersion: (service: string, version: number) => Promise<VersionRecord | undefined>,
): Promise<{ version?: VersionRecord | undefined; draft?: StoredDraft | undefined }> {
  const { service } = request;
  if (request.op === 'rollback') {
    const { toTag, toVersion } = request;
    const version = toTag === undefined ? toVersion : (await pending.findTag(service, toTag))?.version;
    return version === undefined ? {} : { version: await findVersion(service, version) };
  }
  if (request.op !== 'draft_publish') return {};
  const draft = await pending.findDraft(service, request.draft);
  return draft ? { draft, version: await findVersion(service, draft.base) } : {};
}

/** What a merge would be. */
export function checkMerge(
  state: ServiceState,
  patch: Extract<Request, { op: 'merge' }>['patch'],
  { request, requestId, identity }: Pick<BookmarkChange, 'requestId' | 'identity'> & { readonly request: Request },
  options: DecideOptions,
): Decision {
  const { service, author } = request;
  const validation = { op: 'validate', service, author, patch } as const;
  return decideSafely(state, { kind: 'request', request: validation, requestId, identity }, options);
}

/** One request that trips over a fault of ours must not fail the rest of the batch. */
function decideSafely(state: ServiceState, change: Change, options: DecideOptions): Decision {
  try {
    return decide(state, change, options);
  } catch (cause) {
    const problem = createProblem('request_malformed', `it could not be decided: ${(cause as Error).message}`);
    return { result: answer(state, options.epoch, 'rejected', { problem }), state };
  }
}

function toCommit(before: ServiceState, change: Change, decision: Decision, at: string): Commit | undefined {
  const { service } = before;
  const { record, result } = decision;
  const next = { service, expected: versionOf(before), ...nextOf(before, decision) };
  if (change.kind !== 'request') return record && { ...next, audit: auditOfSources(change, record, result, at) };
  const { request } = change;
  if (request.op === 'validate') return undefined;
  // A draft that was published is one no more.
  const isPublished = request.op === 'draft_publish' && !result.problem;
  const bookmarks: readonly Bookmark[] = isPublished ? [{ kind: 'drop_draft', service, draft: request.draft }] : [];
  const audit = auditOfRequest(change, result, at);
  return { ...next, ...(bookmarks.length > 0 && { bookmarks }), audit };
}

function nextOf(before: ServiceState, { record, state, sources }: Decision): Pick<Commit, 'next'> {
  const { overrides } = state;
  if (record) return { next: { record, overrides, ...(sources && { sources }) } };
  return overrides === before.overrides ? {} : { next: { overrides } };
}
