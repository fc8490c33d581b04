import {
  changedPointers,
  createProblem,
  digestOf,
  type Fault,
  findUnsafeJson,
  type JsonObject,
  type Pointer,
  type Problem,
  type Request,
  type Result,
} from '@setpoint/protocol';
import { authorise, type Identity } from './access.ts';
import type { Layer, Place } from './layer/layer.ts';
import { deriveOverrides, type Override } from './layer/overrides.ts';
import { createOverlapTest } from './overlap.ts';
import { type Resolved, resolve } from './resolve.ts';
import type { CompiledSchema } from './schema.ts';
import { answer, baseLayer, isDeleted, type ServiceState, secretTest, versionOf } from './service-state.ts';
import type { VersionRecord } from './store/store.ts';
import { type RewriteRequest, targetOf } from './target.ts';
import { placeFault, validate } from './validate.ts';

/** What may change a service. All of it comes through `decide`. */
export type Change = RequestChange | SourcesChange;

export interface RequestChange {
  readonly kind: 'request';
  readonly request: WriteRequest;
  readonly requestId: string;
  readonly identity: Identity;
}

export type WriteRequest = Exclude<Request, { op: 'log' | 'diff' }>;

/** The file of a service, or the schema beside it, was read. */
export interface SourcesChange {
  readonly kind: 'sources';
  /** Undefined where there is no file. */
  readonly file: Layer | undefined;
  /** Undefined where there is no schema, or it can't be used. */
  readonly schema: CompiledSchema | undefined;
  /** What can't be read: the last good file and schema are kept then. */
  readonly problem?: Problem;
  readonly isSchemaBroken?: boolean;
}

export interface DecideOptions {
  readonly epoch: number;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** Bytes of the document as JSON. */
  readonly maxDocumentBytes: number;
  /** For a rollback: the version asked for. */
  readonly version?: VersionRecord | undefined;
}

export interface Decision {
  readonly result: Result;
  /** What the service is after it. */
  readonly state: ServiceState;
  /** Set where there is a new version to store and publish. */
  readonly record?: VersionRecord;
}

/**
 * One change, start to end: identify, authorise, check the expected version, let a layer change, resolve, validate,
 * and make the next version. Pure: what it needs to know is handed in, what it decides is handed back.
 * @see docs/protocol.md#5-request-and-result
 */
export const decide = (state: ServiceState, change: Change, options: DecideOptions): Decision =>
  change.kind === 'request' ? decideRequest(state, change, options) : decideSources(state, change, options);

function decideRequest(state: ServiceState, { request, identity }: RequestChange, options: DecideOptions): Decision {
  const refusal = refusalOf(state, request, identity, options.now);
  if (refusal) return refuse(state, options, refusal.status, refusal.problem);
  return request.op === 'delete' ? remove(state, request, options) : rewrite(state, request, options);
}

interface Refusal {
  readonly status: 'rejected' | 'denied' | 'conflict';
  readonly problem: Problem;
}

const rejected = (problem: Problem): Refusal => ({ status: 'rejected', problem });

/** What can be refused before the document is looked at. */
function refusalOf(state: ServiceState, request: WriteRequest, identity: Identity, now: number): Refusal | undefined {
  const denied = authorise(identity, request);
  if (denied) return { status: 'denied', problem: createProblem('access_denied', denied) };
  const { expiresAt, expectedVersion } = request;
  if (expiresAt !== undefined && Date.parse(expiresAt) <= now) {
    return rejected(createProblem('request_expired', `it was to be carried out before ${expiresAt}; ask again`));
  }
  // For a requester, a service that was deleted does not exist: 0.
  const current = isDeleted(state) ? 0 : versionOf(state);
  if (expectedVersion !== undefined && expectedVersion !== current) {
    const detail = `expected version ${expectedVersion}, the service is at ${current}; read it again and decide anew`;
    return { status: 'conflict', problem: createProblem('version_conflict', detail) };
  }
  return state.isUncheckable && state.sourceProblem ? rejected(state.sourceProblem) : undefined;
}

function remove(state: ServiceState, request: WriteRequest, options: DecideOptions): Decision {
  const { service, sourceProblem } = state;
  if (isDeleted(state)) {
    return reject(state, options, createProblem('service_unknown', `there is no service ${service} to delete`));
  }
  if (state.file || (sourceProblem && sourceProblem.code !== 'file_missing')) {
    const detail = `the file of ${service} would bring it back; remove the file first, then delete`;
    return reject(state, options, createProblem('service_has_file', detail));
  }
  const next = { ...state, overrides: [], sourceProblem: undefined };
  return accept(next, nextRecord(next, undefined, attributionOf(request), options), options);
}

const attributionOf = ({ author, reason = '' }: WriteRequest): Attribution => ({ author, reason });

interface Attribution {
  readonly author: string;
  readonly reason: string;
}

/** Every other request makes a target document, and the runtime layer that leads to it. */
function rewrite(state: ServiceState, request: RewriteRequest, options: DecideOptions): Decision {
  const { service, schema, overrides: before } = state;
  const file = baseLayer(state);
  const resolveWith = (overrides: readonly Override[]): JsonObject => resolve({ schema, file, overrides }).values;
  const { version, maxDocumentBytes } = options;
  const target = targetOf(request, { service, overrides: before, resolve: resolveWith, version, maxDocumentBytes });
  if ('problem' in target) return reject(state, options, target.problem);

  const by = attributionOf(request);
  const overrides = deriveOverrides({
    file: file.document,
    present: resolveWith(before),
    overrides: before,
    ...target,
    by: { ...by, version: versionOf(state) + 1, at: new Date(options.now).toISOString() },
    fillDefaults: (document) => (schema ? schema.fillDefaults(document) : document),
    resolve: resolveWith,
  });
  const outcome = propose({ ...state, overrides }, file, by, options);
  if ('problem' in outcome) return reject(state, options, outcome.problem);
  if (request.op === 'validate') {
    return { result: answer(state, options.epoch, 'valid', describeChange(outcome, state)), state };
  }
  if (!isSame(state, outcome)) return accept({ ...state, overrides }, outcome, options);
  // The document stays; what was set or given back to the file counts from its next edit on.
  const unchanged = answer(state, options.epoch, 'unchanged');
  return { result: unchanged, state: isSameLayer(before, overrides) ? state : { ...state, overrides } };
}

const isSameLayer = (before: readonly Override[], after: readonly Override[]): boolean =>
  before.length === after.length && after.every((override) => before.includes(override));

function decideSources(before: ServiceState, change: SourcesChange, options: DecideOptions): Decision {
  const { file, problem } = change;
  const schema = change.schema ?? (change.isSchemaBroken ? before.schema : undefined);
  const isUncheckable = change.isSchemaBroken === true && schema === undefined;
  if (problem) {
    // Without a good file the last one is kept, but a schema that can be read counts from now on.
    return reject({ ...before, schema, isUncheckable, sourceProblem: problem }, options, problem);
  }
  const state = { ...before, schema, isUncheckable, file };
  if (!file) return withoutFile(state, options);

  const by = { author: file.author, reason: isDeleted(before) ? 'the file was read' : 'the file changed' };
  const outcome = propose(state, file, by, options);
  if ('problem' in outcome) {
    const invalid = createProblem('file_invalid', outcome.problem.detail, outcome.problem.errors);
    return reject(
      { ...before, isUncheckable, schema: before.schema ?? schema, sourceProblem: invalid },
      options,
      invalid,
    );
  }
  const mended = { ...state, sourceProblem: undefined };
  return isSame(before, outcome)
    ? { result: answer(before, options.epoch, 'unchanged'), state: mended }
    : accept(mended, outcome, options);
}

/** A service goes on without its file, and says so until it is back or the service is deleted. */
function withoutFile(state: ServiceState, options: DecideOptions): Decision {
  const detail = `the file of ${state.service} is gone and its last document stays; put the file back, or delete the service`;
  const sourceProblem = isDeleted(state) ? undefined : createProblem('file_missing', detail);
  return { result: answer(state, options.epoch, 'unchanged'), state: { ...state, sourceProblem } };
}

const isSame = (before: ServiceState, record: VersionRecord): boolean =>
  !isDeleted(before) && record.snapshot.digest === before.latest?.snapshot.digest;

/** Resolve and validate: the next version, or everything that is wrong with it. */
function propose(
  state: ServiceState,
  file: Layer,
  by: Attribution,
  options: DecideOptions,
): VersionRecord | { readonly problem: Problem } {
  const resolved = resolve({ ...state, file });
  const faults = findFaults(state, resolved);
  if (faults.length > 0) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    const told = faults.length > maxFaults ? `${count}, the first ${maxFaults} of them here` : count;
    const placed = faults.slice(0, maxFaults).map((fault) => placeFault(fault, (at) => placeOf(at, resolved, file)));
    return { problem: createProblem('document_invalid', `${told}; nothing was changed`, placed) };
  }
  const record = nextRecord(state, resolved.values, by, options);
  const { values, restartRequired, secrets } = record.snapshot;
  const size = Buffer.byteLength(JSON.stringify([values, restartRequired, secrets]));
  if (size > options.maxDocumentBytes) {
    const detail = `the document is ${size} bytes, ${options.maxDocumentBytes} is the limit; split the service or raise the limit`;
    return { problem: createProblem('message_too_large', detail) };
  }
  return record;
}

/** More would not help anyone, and might not fit into a message. */
const maxFaults = 500;

function findFaults(state: ServiceState, { values }: Resolved): readonly Fault[] {
  const unsafe = findUnsafeJson(values, maxLevelsAround);
  if (unsafe) return [{ pointer: '', message: `${unsafe}, with the ${maxLevelsAround} of a message around it` }];
  const { schema: own, contracts } = state;
  return validate(values, { own, contracts, isSecret: secretTest(state) });
}

/** Where a document stands deepest in a message: in a difference, in a list of them, in a result, in `data`. */
const maxLevelsAround = 4;

/** What is missing has no origin: it is placed where it should stand in the file. */
function placeOf(pointer: Pointer, resolved: Resolved, file: Layer): Place | undefined {
  const origin = resolved.origin(pointer);
  if (origin?.layer === 'yaml_file') return origin.place;
  return origin === undefined ? file.locate(pointer) : undefined;
}

/** The version after the present one; without values it says that the service is deleted. */
function nextRecord(
  state: ServiceState,
  values: JsonObject | undefined,
  { author, reason }: Attribution,
  options: DecideOptions,
): VersionRecord {
  const before = state.latest;
  const document = values ?? {};
  const schemas = [state.schema, ...state.contracts.map(({ schema }) => schema)];
  const placesOf = (keyword: 'restartRequired' | 'secrets'): Pointer[] =>
    [...new Set(schemas.flatMap((schema) => schema?.[keyword].within(document) ?? []))].sort();
  return {
    snapshot: {
      service: state.service,
      epoch: options.epoch,
      version: versionOf(state) + 1,
      digest: digestOf(document),
      previous: before ? { version: before.snapshot.version, digest: before.snapshot.digest } : null,
      values: document,
      restartRequired: placesOf('restartRequired'),
      secrets: placesOf('secrets'),
      author,
      reason,
      committedAt: new Date(options.now).toISOString(),
    },
    changed: changedPointers(before && !before.deleted ? before.snapshot.values : undefined, values),
    deleted: values === undefined,
  };
}

function accept(state: ServiceState, record: VersionRecord, options: DecideOptions): Decision {
  const next = { ...state, latest: record };
  return { result: answer(next, options.epoch, 'applied', describeChange(record, state)), state: next, record };
}

function describeChange({ snapshot, changed }: VersionRecord, before: ServiceState): Partial<Result> {
  const restartRequired = changed.filter(createOverlapTest(snapshot.restartRequired));
  const isUnchecked = !before.schema && before.contracts.length === 0;
  return {
    changed,
    restartRequired: isDeleted(before) ? [] : restartRequired,
    warnings: isUnchecked ? [uncheckedWarning] : [],
  };
}

const uncheckedWarning: Fault = {
  pointer: '',
  message: 'nothing was checked: the service has no schema file and no running instance that announced one',
};

const reject = (state: ServiceState, options: DecideOptions, problem: Problem): Decision =>
  refuse(state, options, 'rejected', problem);

const refuse = (
  state: ServiceState,
  { epoch }: DecideOptions,
  status: Refusal['status'],
  problem: Problem,
): Decision => ({ result: answer(state, epoch, status, { problem }), state });
