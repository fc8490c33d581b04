import {
  createProblem,
  defaultMaxEnvelopeBytes,
  isStoreOperation,
  type Problem,
  type Request,
  type Result,
} from '@setpoint/protocol';
import { authorise, type Identity } from './access.ts';
import type { Authoring } from './authoring.ts';
import { type ContractRegistry, createContractRegistry } from './contract-registry.ts';
import type { InstanceState } from './convergence.ts';
import { type BatchContext, checkMerge, type DecidedWork, type Work } from './decide/batch.ts';
import type { SourcesChange } from './decide/change.ts';
import { type ConflictNotice, createConflictWatch } from './decide/conflict.ts';
import { createDependents } from './decide/dependents.ts';
import { createOtherServices } from './decide/other-services.ts';
import { createFairTurns } from './fair-turns.ts';
import { read } from './read/read.ts';
import { isReadRequest, type ReadContext, type ReadRequest } from './read/read-context.ts';
import { defaultPolicies, type Policies } from './rule/policy.ts';
import { noRules, type RuleSet } from './rule/rule.ts';
import type { CompiledSchema } from './schema/schema.ts';
import { answer, isDeleted, type ServiceState, schemasInForce, secretTest } from './service-state.ts';
import { loadServiceStates } from './service-states.ts';
import type { PruneCounts, Store, VersionRecord } from './store/store.ts';
import { createWriteQueue, unavailable } from './write-queue.ts';

/** Decides what the configuration of every service is. */
export interface Engine {
  readonly store: Store;
  /** Services that exist, sorted by name. */
  services(): string[];
  /** The present version; undefined if the service does not exist, or was deleted. */
  current(service: string): VersionRecord | undefined;
  /** What is wrong with the files of services now, by service; empty when all is well. */
  problems(): ReadonlyMap<string, Problem>;
  /**
   * Carries out a request. Resolves when its result is durable; a request id that was answered before gets
   * `duplicate` with the original answer. Never rejects: a request that can't be carried out has a `problem`.
   */
  request(request: Request, requestId: string, identity: Identity): Promise<Result>;
  /** The schemas that a document must satisfy: the service's own, or else the contracts of its running instances. */
  schemas(service: string): readonly CompiledSchema[];
  /** Takes in the sources and the schema of a service as they were read. */
  loadSources(service: string, sources: Omit<SourcesChange, 'kind'>): Promise<Result>;
  /** Deletes the versions that the policy does not keep. @throws SetpointError `store_unavailable` */
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
  /** The authority's own name: requests that concern every service are addressed to it. @default "config-authority" */
  readonly id?: string;
  /** Unix time in milliseconds. @default Date.now */
  readonly now?: () => number;
  /** A document that would not fit a message of this size is refused. Bytes. @default 1048576 */
  readonly maxEnvelopeBytes?: number;
  /** The contracts of running instances; asked at every decision. @default none */
  readonly contracts?: Pick<ContractRegistry, 'live'>;
  /** The instances that requests may ask about. @default none */
  readonly instances?: () => readonly InstanceState[];
  /** The organisation's policies; asked at every decision, undefined for the default ones. @default the default ones */
  readonly policies?: () => Policies | undefined;
  /** Rules besides the schema; asked at every decision, undefined for none. @default none */
  readonly rules?: () => RuleSet | undefined;
  /** Carries out exports, imports, fixes and previews; `@setpoint/authoring` has one. @default these are refused */
  readonly authoring?: Authoring | undefined;
}

/** Room in an envelope for what is not the document: names, pointers of secrets, reason, signature. */
const envelopeOverheadBytes = 16_384;

const dayMs = 86_400_000;

const tooMuch = createProblem('overloaded', 'too many requests of this requester wait already; ask again later');

/**
 * Opens the engine on a store; from then on nothing else may write to that store.
 * @throws SetpointError whatever reading the store throws
 * @example
 * const engine = await createEngine({ store: await openSqliteStore({ file: 'setpoint.db' }) });
 * const request = { op: 'merge', service: 'vad', author: 'ann', patch: { threshold: 0.7 } } as const;
 * const { status, version } = await engine.request(request, 'request-1', { requester: 'ann' });
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { store, id = 'config-authority', now = Date.now, maxEnvelopeBytes = defaultMaxEnvelopeBytes } = options;
  const { contracts = createContractRegistry(), instances = () => [], authoring } = options;
  const policies = (): Policies => options.policies?.() ?? defaultPolicies;
  const states = await loadServiceStates(store, contracts);
  const dependents = createDependents();
  const conflicts = createConflictWatch();
  const commitListeners = new Set<(record: VersionRecord, requestId?: string) => void>();
  const reads = createFairTurns({ maxWaiting: 10_000, maxWaitingPerLane: 1_000 });
  const conflictListeners = new Set<(notice: ConflictNotice) => void>();

  const optionsFor: BatchContext['optionsFor'] = (service, stateOf, names = states.names) => ({
    epoch: store.epoch,
    now: now(),
    maxDocumentBytes: maxEnvelopeBytes - envelopeOverheadBytes,
    findService: dependents.findService(stateOf),
    policy: policies().of(service),
    rules: options.rules?.() ?? noRules,
    otherServices: createOtherServices(names, stateOf, policies()),
    authoring,
  });

  const writes = createWriteQueue({
    store,
    states,
    dependents,
    now,
    optionsFor,
    onCommit(record, requestId) {
      for (const listener of commitListeners) listener(record, requestId);
    },
    onAnswer: reportConflicts,
  });

  /** Tells operators whose recent changes the work has overwritten. */
  function reportConflicts(work: Work, { result, made }: DecidedWork): void {
    if (work.kind !== 'request' && work.kind !== 'activation') return;
    const { identity, requestId } = work;
    for (const { record, state } of made) {
      const { service, values, secrets } = record.snapshot;
      const { changed } = record;
      const change = { service, requester: identity.requester, requestId, changed, values, secrets, at: now() };
      const notices = conflicts.observe(change, result, secretTest(state));
      for (const notice of notices) for (const listener of conflictListeners) listener(notice);
    }
  }

  function readContext(request: Request, requestId: string, identity: Identity): ReadContext {
    return {
      store,
      identity,
      authoring,
      now: now(),
      states: states.existing,
      instances,
      stateOf: states.of,
      findService: dependents.findService(states.of),
      preview(state, patch) {
        const decideOptions = optionsFor(state.service, states.of);
        const { proposed, result } = checkMerge(state, patch, { request, requestId, identity }, decideOptions);
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
      return unavailable(state, store, cause, 'nothing was written');
    }
  }

  return {
    store,
    services: () =>
      states
        .existing()
        .map(({ service }) => service)
        .sort(),
    current(service) {
      const state = states.of(service);
      return isDeleted(state) ? undefined : state.latest;
    },
    problems: () =>
      new Map(
        [...states.all()].flatMap(({ service, sourceProblem }) => (sourceProblem ? [[service, sourceProblem]] : [])),
      ),
    schemas: (service) => schemasInForce(states.of(service)),
    async request(request, requestId, identity) {
      const state = states.of(request.service);
      const wrongAddress = refuseWrongAddress(request, id);
      if (wrongAddress) return answer(state, store.epoch, 'rejected', { problem: wrongAddress });
      if (isReadRequest(request)) {
        const context = readContext(request, requestId, identity);
        const result = await reads.run(`${identity.requester} ${request.service}`, () =>
          read(state, request, context).catch((cause) => unavailable(state, store, cause, 'ask again')),
        );
        return result ?? answer(state, store.epoch, 'rejected', { problem: tooMuch });
      }
      if (request.op === 'backup') return backUp(state, request, identity);
      return writes.submit(request.service, toWork(request, requestId, identity));
    },
    loadSources: (service, sources) => writes.submit(service, { kind: 'sources', ...sources }),
    prune() {
      const { versions, days } = policies().retention;
      return store.prune({ keepVersions: versions, keepSince: new Date(now() - days * dayMs).toISOString() });
    },
    onCommit: (listener) => listen(commitListeners, listener),
    onConflict: (listener) => listen(conflictListeners, listener),
  };
}

/** Requests about every service go to the authority's own name, all others to the name of a service. */
function refuseWrongAddress(request: Request, id: string): Problem | undefined {
  if (isStoreOperation(request) && request.service !== id) {
    return createProblem('request_malformed', `${request.op} concerns every service; address it to ${id}`);
  }
  if (!isStoreOperation(request) && request.service === id) {
    return createProblem('request_malformed', `${id} is the authority, and no service`);
  }
  return undefined;
}

type ChangingRequest = Exclude<Request, { op: 'backup' } | ReadRequest>;

function toWork(request: ChangingRequest, requestId: string, identity: Identity): Work {
  switch (request.op) {
    case 'profile_activate':
      return { kind: 'activation', request, requestId, identity };
    case 'tag':
    case 'untag':
    case 'draft_save':
    case 'draft_drop':
    case 'profile_save':
    case 'profile_drop':
      return { kind: 'bookmark', request, requestId, identity };
    default:
      return { kind: 'request', request, requestId, identity };
  }
}

function listen<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
