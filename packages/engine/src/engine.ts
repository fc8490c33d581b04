import {
  type Contract,
  createProblem,
  defaultMaxEnvelopeBytes,
  type Problem,
  type Request,
  type Result,
  SetpointError,
} from '@setpoint/protocol';
import type { Identity } from './access.ts';
import {
  type Change,
  type DecideOptions,
  type Decision,
  decide,
  type RequestChange,
  type SourcesChange,
} from './change.ts';
import { type ConflictNotice, createConflictWatch } from './conflict.ts';
import { read } from './history.ts';
import { type CompiledSchema, compileSchema } from './schema.ts';
import { answer, emptyState, isDeleted, type ServiceState, secretTest } from './service-state.ts';
import type { AuditEntry, Commit, Store, VersionRecord } from './store/store.ts';

/** Decides what the configuration of every service is. */
export interface Engine {
  readonly store: Store;
  /** Services that exist, sorted by name. */
  services(): string[];
  /** The present version; undefined where the service does not exist, or was deleted. */
  current(service: string): VersionRecord | undefined;
  /** What is wrong with the files of services now; empty when all is well. */
  problems(): ReadonlyMap<string, Problem>;
  /**
   * Carries out a request. Resolves when its outcome is durable; a request id that was answered before gets
   * `duplicate` with the original answer.
   */
  request(request: Request, requestId: string, identity: Identity): Promise<Result>;
  /** Takes in the file and schema of a service as they were read. */
  loadSources(service: string, sources: Omit<SourcesChange, 'kind'>): Promise<Result>;
  /**
   * Remembers the schema that a build of a service announced.
   * @throws SetpointError `document_invalid` for what is not a JSON Schema
   */
  announceContract(contract: Contract): void;
  /** Says which contracts the running instances of a service have: instance → digest of the contract. */
  setLiveContracts(service: string, live: ReadonlyMap<string, string>): void;
  /**
   * Calls `listener` with every version that has become durable, in order, before its request is answered. It must
   * not throw. Returns a function that ends it.
   */
  onCommit(listener: (record: VersionRecord) => void): () => void;
  /** Calls `listener` for every operator whose change was overwritten. Returns a function that ends it. */
  onConflict(listener: (notice: ConflictNotice) => void): () => void;
}

export interface EngineOptions {
  readonly store: Store;
  /** Unix time in milliseconds. @default Date.now */
  readonly now?: () => number;
  /** A document that would not fit a message of this size is refused. Bytes. @default 1048576 */
  readonly maxEnvelopeBytes?: number;
}

/** What an envelope needs besides the document: names, pointers of secrets, reason, signature. */
const envelopeOverheadBytes = 16_384;
/** Contracts that are remembered for one service; the oldest that nobody runs goes first. */
const maxContracts = 64;
/** Changes that are made durable together; more would keep the first of them waiting for the last. */
const maxBatch = 256;

/** Changes that may wait; what comes on top is refused, so that a flood does not fill the memory. */
const maxWaiting = 10_000;

interface Pending {
  readonly service: string;
  readonly change: Change;
  readonly settle: (result: Result) => void;
}

/** Opens the engine on a store; from then on nobody else may write to that store. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { store, now = Date.now, maxEnvelopeBytes = defaultMaxEnvelopeBytes } = options;
  const states = new Map<string, ServiceState>();
  const contracts = new Map<string, Map<string, CompiledSchema>>();
  const commitListeners = new Set<(record: VersionRecord) => void>();
  const conflictListeners = new Set<(notice: ConflictNotice) => void>();
  const conflicts = createConflictWatch();
  const queue: Pending[] = [];
  let isDraining = false;

  for (const { service, latest, overrides } of await store.services()) {
    states.set(service, { ...emptyState(service), latest, overrides });
  }

  const stateOf = (service: string): ServiceState => states.get(service) ?? emptyState(service);
  const decideOptions = {
    epoch: store.epoch,
    maxDocumentBytes: maxEnvelopeBytes - envelopeOverheadBytes,
  };

  const submit = (service: string, change: Change): Promise<Result> =>
    new Promise((settle) => {
      if (queue.length >= maxWaiting) {
        const problem = createProblem(
          'overloaded',
          `${maxWaiting} changes wait already; send the same request again later`,
        );
        return settle(answer(stateOf(service), store.epoch, 'rejected', { problem }));
      }
      queue.push({ service, change, settle });
      if (isDraining) return;
      isDraining = true;
      // All that arrived with one read of the socket becomes durable with one write.
      setImmediate(() => void drain());
    });

  async function drain(): Promise<void> {
    while (queue.length > 0) await carryOut(queue.splice(0, maxBatch));
    isDraining = false;
  }

  /** Decides a batch on a draft of the states; they count when the store has them, and not at all otherwise. */
  async function carryOut(batch: readonly Pending[]): Promise<void> {
    const drafts = new Map<string, ServiceState>();
    const outcomes = await decideAndStore(batch, drafts);
    if (!outcomes) return;
    for (const [service, draft] of drafts) states.set(service, { ...draft, contracts: stateOf(service).contracts });
    for (const { record } of outcomes) if (record) for (const listener of commitListeners) listener(record);
    // What was committed is on its way to the services before the answers are made.
    await new Promise((next) => setImmediate(next));
    for (const outcome of outcomes) conclude(outcome);
  }

  async function decideAndStore(
    batch: readonly Pending[],
    drafts: Map<string, ServiceState>,
  ): Promise<readonly Outcome[] | undefined> {
    try {
      const outcomes = await decideAll(batch, drafts);
      const commits = outcomes.flatMap(({ commit }) => (commit ? [commit] : []));
      const appended = commits.length > 0 ? await store.append(commits) : undefined;
      if (appended?.kind !== 'conflict') return outcomes;
      const message = `another writer moved ${appended.service} to version ${appended.actual}; stop it, then start again`;
      throw new SetpointError('store_unavailable', message);
    } catch (cause) {
      const advice = 'nothing was changed, the same request can be sent again';
      for (const { service, settle } of batch) settle(unavailable(stateOf(service), cause as Error, advice));
      return undefined;
    }
  }

  function unavailable(state: ServiceState, { message }: Error, advice: string): Result {
    const problem = createProblem('store_unavailable', `${message}; ${advice}`);
    return answer(state, store.epoch, 'rejected', { problem });
  }

  interface Outcome {
    readonly pending: Pending;
    readonly result: Result;
    readonly record?: VersionRecord | undefined;
    readonly commit?: Commit | undefined;
    readonly state: ServiceState;
  }

  async function decideAll(batch: readonly Pending[], drafts: Map<string, ServiceState>): Promise<Outcome[]> {
    const ids = batch.flatMap(({ change }) => (change.kind === 'request' ? [change.requestId] : []));
    const answered = new Map(ids.length > 0 ? await store.findResults(ids) : []);
    const outcomes: Outcome[] = [];
    for (const pending of batch) {
      const { service, change } = pending;
      const state = drafts.get(service) ?? stateOf(service);
      const original = change.kind === 'request' ? answered.get(change.requestId) : undefined;
      if (original) {
        outcomes.push({ pending, state, result: answer(state, store.epoch, 'duplicate', { original }) });
        continue;
      }
      const version = await findTarget(change, outcomes);
      const decision = decideSafely(state, change, { ...decideOptions, now: now(), version });
      drafts.set(service, decision.state);
      const commit = toCommit(state, change, decision);
      if (change.kind === 'request' && commit) answered.set(change.requestId, decision.result);
      outcomes.push({ pending, commit, ...decision });
    }
    return outcomes;
  }

  /** For a rollback: the version, also one that this batch is about to make. */
  async function findTarget(change: Change, outcomes: readonly Outcome[]): Promise<VersionRecord | undefined> {
    if (change.kind !== 'request' || change.request.op !== 'rollback') return undefined;
    const { service, toVersion } = change.request;
    const made = outcomes.find(
      ({ record }) => record?.snapshot.service === service && record.snapshot.version === toVersion,
    );
    return made?.record ?? store.findVersion(service, toVersion);
  }

  function toCommit(before: ServiceState, change: Change, { result, record, state }: Decision): Commit | undefined {
    const isKept = change.kind === 'request' ? change.request.op !== 'validate' : record !== undefined;
    if (!isKept) return undefined;
    const { overrides } = state;
    return {
      service: before.service,
      expected: before.latest?.snapshot.version ?? 0,
      ...(record ? { next: { record, overrides } } : overrides !== before.overrides && { next: { overrides } }),
      audit: toAudit(change, result, before.service, new Date(now()).toISOString()),
    };
  }

  function conclude({ pending, result, record, state }: Outcome): void {
    pending.settle(result);
    if (record && pending.change.kind === 'request') reportConflicts(pending.change, result, record, state);
  }

  function reportConflicts(change: RequestChange, result: Result, record: VersionRecord, state: ServiceState): void {
    const notices = conflicts.observe(
      {
        service: state.service,
        requester: change.identity.requester,
        requestId: change.requestId,
        changed: record.changed,
        values: record.snapshot.values,
        secrets: record.snapshot.secrets,
        at: now(),
      },
      result,
      secretTest(state),
    );
    for (const notice of notices) for (const listener of conflictListeners) listener(notice);
  }

  return {
    store,
    services: () =>
      [...states.values()]
        .filter((state) => !isDeleted(state))
        .map(({ service }) => service)
        .sort(),
    current: (service) => (isDeleted(stateOf(service)) ? undefined : stateOf(service).latest),
    problems: () =>
      new Map(
        [...states.values()].flatMap(({ service, sourceProblem }) => (sourceProblem ? [[service, sourceProblem]] : [])),
      ),
    async request(request, requestId, identity) {
      if (request.op === 'log' || request.op === 'diff') {
        const state = stateOf(request.service);
        return read(state, request, identity, store).catch((cause: Error) => unavailable(state, cause, 'ask again'));
      }
      return submit(request.service, { kind: 'request', request, requestId, identity });
    },
    loadSources: (service, sources) => submit(service, { kind: 'sources', ...sources }),
    announceContract({ service, digest, schema }) {
      const known = contracts.get(service) ?? new Map<string, CompiledSchema>();
      if (known.has(digest)) return;
      known.set(digest, { ...compileSchema(schema), digest });
      contracts.set(service, known);
      forgetOldest(known, stateOf(service));
    },
    setLiveContracts(service, live) {
      const known = contracts.get(service);
      const state = stateOf(service);
      // A thousand instances of one build have one contract: it is asked once, and names the first of them.
      const firsts = new Map([...live].reverse().map(([instance, digest]) => [digest, instance]));
      const running = [...firsts].flatMap(([digest, instance]) => {
        const schema = known?.get(digest);
        return schema ? [{ instance, schema }] : [];
      });
      if (!states.has(service) && running.length === 0) return;
      states.set(service, { ...state, contracts: running });
    },
    onCommit: (listener) => listen(commitListeners, listener),
    onConflict: (listener) => listen(conflictListeners, listener),
  };
}

/** One request that trips over a fault of ours must not take its neighbours in the batch with it. */
function decideSafely(state: ServiceState, change: Change, options: DecideOptions): Decision {
  try {
    return decide(state, change, options);
  } catch (cause) {
    const problem = createProblem('request_malformed', `it could not be decided: ${(cause as Error).message}`);
    return { result: answer(state, options.epoch, 'rejected', { problem }), state };
  }
}

function forgetOldest(known: Map<string, CompiledSchema>, { contracts }: ServiceState): void {
  const idle = [...known.keys()].filter((digest) => !contracts.some(({ schema }) => schema.digest === digest));
  for (const digest of idle.slice(0, Math.max(0, known.size - maxContracts))) known.delete(digest);
}

function listen<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function toAudit(change: Change, result: Result, service: string, at: string): AuditEntry {
  const { status } = result;
  if (change.kind === 'sources') {
    return {
      at,
      service,
      author: change.file?.author ?? 'file',
      op: 'file',
      status,
      reason: 'the file changed',
      result,
    };
  }
  const { request, requestId } = change;
  return {
    at,
    service,
    requestId,
    author: request.author,
    op: request.op,
    status,
    reason: request.reason ?? '',
    result,
  };
}
