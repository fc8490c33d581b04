import {
  type Contract,
  createProblem,
  defaultMaxEnvelopeBytes,
  isReadOperation,
  isStoreOperation,
  type Problem,
  type Request,
  type Result,
  SetpointError,
} from '@setpoint/protocol';
import { authorise, type Identity } from './access.ts';
import type { InstanceState } from './convergence.ts';
import type { ActivationChange } from './decide/activation.ts';
import {
  type BatchContext,
  checkMerge,
  type DecidedBatch,
  decideBatch,
  type Outcome,
  requestIdOf,
  type Work,
} from './decide/batch.ts';
import type { RequestChange, SourcesChange } from './decide/change.ts';
import { type ConflictNotice, createConflictWatch } from './decide/conflict.ts';
import { createFollowers } from './decide/dependents.ts';
import { createOtherServices } from './decide/other-services.ts';
import { unpackLayers } from './layer/packed-sources.ts';
import { defaultPolicies, type Policies } from './policy.ts';
import { type ReadContext, type ReadRequest, read } from './read/read.ts';
import { noRules, type RuleSet } from './rule/rule.ts';
import { type CompiledSchema, compileSchema } from './schema.ts';
import { answer, emptyState, isDeleted, type ServiceState, secretTest } from './service-state.ts';
import type { PruneCounts, Store, VersionRecord } from './store/store.ts';
import type { BookmarkRequest } from './version/bookmark.ts';

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
  /** What says what may stand in a document: the service's own schema, or else the contracts of what runs. */
  schemas(service: string): readonly CompiledSchema[];
  /** Takes in the sources and the schema of a service as they were read. */
  loadSources(service: string, sources: Omit<SourcesChange, 'kind'>): Promise<Result>;
  /**
   * Remembers the schema that a build of a service announced.
   * @throws SetpointError `document_invalid` for what is not a JSON Schema
   */
  announceContract(contract: Contract): void;
  /** Says which contracts the running instances of a service have: instance → digest of the contract. */
  setLiveContracts(service: string, live: ReadonlyMap<string, string>): void;
  /** Says who knows the running instances; until then there are none. */
  setInstances(list: () => readonly InstanceState[]): void;
  /** What the household decides about its services; counts from the next change on. */
  setPolicies(policies: Policies): void;
  /** What is asked of documents besides their schema; counts from the next change on. */
  setRules(rules: RuleSet): void;
  /** Takes the versions away that the policy does not keep. @throws SetpointError `store_unavailable` */
  prune(): Promise<PruneCounts>;
  /**
   * Calls `listener` with every version that has become durable, in order, before its request is answered. It must
   * not throw. Returns a function that ends it.
   */
  onCommit(listener: (record: VersionRecord, requestId?: string) => void): () => void;
  /** Calls `listener` for every operator whose change was overwritten. Returns a function that ends it. */
  onConflict(listener: (notice: ConflictNotice) => void): () => void;
}

export interface EngineOptions {
  readonly store: Store;
  /** The authority's own name: what concerns every service is addressed to it. @default "config-authority" */
  readonly id?: string;
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

const dayMs = 86_400_000;

/** Changes that may wait; what comes on top is refused, so that a flood does not fill the memory. */
const maxWaiting = 10_000;

interface Pending {
  readonly service: string;
  readonly work: Work;
  readonly settle: (result: Result) => void;
}

/** Opens the engine on a store; from then on nobody else may write to that store. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { store, id = 'config-authority', now = Date.now, maxEnvelopeBytes = defaultMaxEnvelopeBytes } = options;
  const states = new Map<string, ServiceState>();
  const contracts = new Map<string, Map<string, CompiledSchema>>();
  const commitListeners = new Set<(record: VersionRecord, requestId?: string) => void>();
  const conflictListeners = new Set<(notice: ConflictNotice) => void>();
  const conflicts = createConflictWatch();
  const followers = createFollowers();
  const queue: Pending[] = [];
  let isDraining = false;
  let policies = defaultPolicies;
  let rules = noRules;
  let instances = (): readonly InstanceState[] => [];
  /** Services of the present batch; some of them may come into being with it. */
  let deciding: readonly string[] = [];

  for (const { service, latest, overrides } of await store.services()) {
    const stored = await store.findLayers(service, latest.snapshot.version);
    // What the sources said last is known until they are read, and where they can't be.
    const layers = stored?.sources && !latest.deleted ? unpackLayers(stored.sources) : [];
    states.set(service, { ...emptyState(service), latest, overrides, layers });
  }

  const stateOf = (service: string): ServiceState => states.get(service) ?? emptyState(service);
  const optionsFor: BatchContext['optionsFor'] = (service, draftOf) => ({
    epoch: store.epoch,
    now: now(),
    maxDocumentBytes: maxEnvelopeBytes - envelopeOverheadBytes,
    findService: followers.findService(draftOf),
    policy: policies.of(service),
    rules,
    otherServices: createOtherServices(() => new Set([...states.keys(), ...deciding]), draftOf, policies),
  });

  const submit = (service: string, work: Work): Promise<Result> =>
    new Promise((settle) => {
      if (queue.length >= maxWaiting) {
        const problem = createProblem(
          'overloaded',
          `${maxWaiting} changes wait already; send the same request again later`,
        );
        return settle(answer(stateOf(service), store.epoch, 'rejected', { problem }));
      }
      queue.push({ service, work, settle });
      if (isDraining) return;
      isDraining = true;
      // All that arrived with one read of the socket becomes durable with one write.
      setImmediate(() => void drain());
    });

  async function drain(): Promise<void> {
    while (queue.length > 0) await carryOut(queue.splice(0, maxBatch));
    isDraining = false;
  }

  /** Decides a batch on drafts of the states; they count when the store has them, and not at all otherwise. */
  async function carryOut(batch: readonly Pending[]): Promise<void> {
    const decided = await decideAndStore(batch);
    if (!decided) return;
    const { outcomes, drafts } = decided;
    for (const [service, draft] of drafts) states.set(service, { ...draft, contracts: stateOf(service).contracts });
    for (const [i, { made }] of outcomes.entries()) {
      const requestId = requestIdOf((batch[i] as Pending).work);
      for (const { record } of made) for (const listener of commitListeners) listener(record, requestId);
    }
    follow(batch, outcomes);
    // What was committed is on its way to the services before the answers are made.
    await new Promise((next) => setImmediate(next));
    for (const [i, outcome] of outcomes.entries()) conclude(batch[i] as Pending, outcome);
  }

  /** Documents that refer to what has changed are decided anew, with the next batch. */
  function follow(batch: readonly Pending[], outcomes: DecidedBatch['outcomes']): void {
    for (const [i, { result }] of outcomes.entries()) {
      const { service, work } = batch[i] as Pending;
      if (work.kind === 'sources') followers.noteSources(service, work, result.problem !== undefined);
    }
    const made = outcomes.flatMap((outcome) => outcome.made.map(({ record }) => record));
    for (const { service, change } of followers.following(made, states.values())) {
      queue.push({ service, work: change, settle: () => undefined });
    }
  }

  async function decideAndStore(batch: readonly Pending[]): Promise<DecidedBatch | undefined> {
    try {
      deciding = batch.map(({ service }) => service);
      const decided = await decideBatch(batch, { store, now, stateOf, services: () => states.keys(), optionsFor });
      const commits = decided.outcomes.flatMap((outcome) => outcome.commits);
      const appended = commits.length > 0 ? await store.append(commits) : undefined;
      if (appended?.kind !== 'conflict') return decided;
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

  const existing = (): ServiceState[] => [...states.values()].filter((state) => !isDeleted(state));

  function readContext(request: Request, requestId: string, identity: Identity): ReadContext {
    return {
      store,
      identity,
      now: now(),
      states: existing,
      instances,
      stateOf,
      findService: followers.findService(stateOf),
      preview(state, patch) {
        const { proposed, result } = checkMerge(
          state,
          patch,
          { request, requestId, identity },
          optionsFor(state.service, stateOf),
        );
        if (proposed) return { values: proposed.snapshot.values };
        return { problem: result.problem ?? createProblem('document_invalid', 'the draft fits no more') };
      },
    };
  }

  async function backUp(state: ServiceState, request: Request, identity: Identity): Promise<Result> {
    const denied = authorise(identity, request);
    if (denied) return answer(state, store.epoch, 'denied', { problem: createProblem('access_denied', denied) });
    try {
      return answer(state, store.epoch, 'found', { found: { ...(await store.backup()) } });
    } catch (cause) {
      return unavailable(state, cause as Error, 'nothing was written');
    }
  }

  function conclude({ work, settle }: Pending, { result, made }: Outcome): void {
    settle(result);
    if (work.kind !== 'request' && work.kind !== 'activation') return;
    for (const { record, state } of made) reportConflicts(work, result, record, state);
  }

  function reportConflicts(
    change: RequestChange | ActivationChange,
    result: Result,
    record: VersionRecord,
    state: ServiceState,
  ): void {
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
      existing()
        .map(({ service }) => service)
        .sort(),
    current: (service) => (isDeleted(stateOf(service)) ? undefined : stateOf(service).latest),
    problems: () =>
      new Map(
        [...states.values()].flatMap(({ service, sourceProblem }) => (sourceProblem ? [[service, sourceProblem]] : [])),
      ),
    schemas: (service) => {
      const { schema, contracts: running } = stateOf(service);
      return schema ? [schema] : running.map((contract) => contract.schema);
    },
    async request(request, requestId, identity) {
      const state = stateOf(request.service);
      if (isStoreOperation(request) && request.service !== id) {
        const detail = `${request.op} concerns every service; address it to ${id}`;
        const problem = createProblem('request_malformed', detail);
        return answer(state, store.epoch, 'rejected', { problem });
      }
      if (request.service === id && !isStoreOperation(request)) {
        const problem = createProblem('request_malformed', `${id} is the authority, and no service`);
        return answer(state, store.epoch, 'rejected', { problem });
      }
      if (isReadOperation(request)) {
        const context = readContext(request, requestId, identity);
        return read(state, request as ReadRequest, context).catch((cause: Error) =>
          unavailable(state, cause, 'ask again'),
        );
      }
      if (request.op === 'backup') return backUp(state, request, identity);
      return submit(request.service, { kind: kindOf(request), request, requestId, identity } as Work);
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
    setInstances(list) {
      instances = list;
    },
    setPolicies(next) {
      policies = next;
    },
    setRules(next) {
      rules = next;
    },
    prune() {
      const { versions, days } = policies.retention;
      return store.prune({ keepVersions: versions, keepSince: new Date(now() - days * dayMs).toISOString() });
    },
    onCommit: (listener) => listen(commitListeners, listener),
    onConflict: (listener) => listen(conflictListeners, listener),
  };
}

function forgetOldest(known: Map<string, CompiledSchema>, { contracts }: ServiceState): void {
  const idle = [...known.keys()].filter((digest) => !contracts.some(({ schema }) => schema.digest === digest));
  for (const digest of idle.slice(0, Math.max(0, known.size - maxContracts))) known.delete(digest);
}

function listen<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

const kindOf = ({ op }: Request): Work['kind'] => {
  if (op === 'profile_activate') return 'activation';
  return bookmarkOperations.has(op) ? 'bookmark' : 'request';
};

const bookmarkOperations: ReadonlySet<string> = new Set<BookmarkRequest['op']>([
  'tag',
  'untag',
  'draft_save',
  'draft_drop',
  'profile_save',
  'profile_drop',
]);
