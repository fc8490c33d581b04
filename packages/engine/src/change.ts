import {
  changedPointers,
  createProblem,
  digestOf,
  type Fault,
  findUnsafeJson,
  isEqualJson,
  isWithin,
  type JsonObject,
  type Pointer,
  type Problem,
  type Request,
  type Result,
  type Rewrite,
} from '@setpoint/protocol';
import { authorise, type Identity } from './access.ts';
import { type AssessContext, type Assessment, assess } from './assess.ts';
import { proposeFix } from './fix/propose.ts';
import { hiddenByArguments } from './layer/arguments.ts';
import { compose } from './layer/compose.ts';
import type { Layer, Place } from './layer/layer.ts';
import { deriveOverrides, differences, type Override, readSetting, writeSettings } from './layer/overrides.ts';
import { packSources } from './layer/packed-sources.ts';
import { type FindService, findServiceCircle } from './layer/references.ts';
import { shareLayers } from './layer/share.ts';
import { type MigratedSources, migrateSources } from './migration/migrate-sources.ts';
import { createOverlapTest } from './overlap.ts';
import { defaultPolicy, type ServicePolicy } from './policy.ts';
import { isSecretIn } from './redact.ts';
import { type Resolved, resolve } from './resolve.ts';
import { type Neighbours, noNeighbours, noRules, type RuleSet } from './rule/rule.ts';
import type { CompiledSchema } from './schema.ts';
import { answer, baseLayers, isDeleted, type ServiceState, secretTest, versionOf } from './service-state.ts';
import type { StoredDraft, StoredSources, VersionRecord } from './store/store.ts';
import { type RewriteRequest, targetOf } from './target.ts';
import { placeFault } from './validate.ts';

/** What may change a service. All of it comes through `decide`. */
export type Change = RequestChange | SourcesChange | ReferenceChange;

export interface RequestChange {
  readonly kind: 'request';
  readonly request: WriteRequest;
  readonly requestId: string;
  readonly identity: Identity;
}

export type WriteRequest = Extract<Request, { op: Rewrite['op'] }>;

/** The sources of a service, or the schema beside them, were read. */
export interface SourcesChange {
  readonly kind: 'sources';
  /** Lowest first; empty where no source says anything of the service. */
  readonly layers: readonly Layer[];
  /** Undefined where there is no schema, or it can't be used. */
  readonly schema: CompiledSchema | undefined;
  /** What can't be read: the last good layers and schema are kept then. */
  readonly problem?: Problem;
  readonly isSchemaBroken?: boolean;
}

/** Another service, that the document refers to, has a new version. */
export interface ReferenceChange {
  readonly kind: 'reference';
  readonly to: string;
  readonly version: number;
}

export interface DecideOptions {
  readonly epoch: number;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** Bytes of the document as JSON. */
  readonly maxDocumentBytes: number;
  /** For a rollback: the version asked for. For a draft: the one it was begun from. */
  readonly version?: VersionRecord | undefined;
  /** For a draft that is to be published. */
  readonly draft?: StoredDraft | undefined;
  /** Where references into other services lead. @default nowhere */
  readonly findService?: FindService | undefined;
  /** What the household decides about the service. @default `defaultPolicy` */
  readonly policy?: ServicePolicy | undefined;
  /** Asked besides those that are always asked. @default none */
  readonly rules?: RuleSet | undefined;
  /** The other services, as they stand. @default none */
  readonly neighbours?: Neighbours | undefined;
}

export interface Decision {
  readonly result: Result;
  /** What the service is after it. */
  readonly state: ServiceState;
  /** Set where there is a new version to store and publish. */
  readonly record?: VersionRecord;
  /** What the version was made of besides what operators set. */
  readonly sources?: StoredSources;
  /** With `valid`: the version that it would be. */
  readonly proposed?: VersionRecord;
}

/**
 * One change, start to end: identify, authorise, check the expected version, let a layer change, resolve, validate,
 * and make the next version. Pure: what it needs to know is handed in, what it decides is handed back.
 * @see docs/protocol.md#5-request-and-result
 */
export function decide(state: ServiceState, change: Change, options: DecideOptions): Decision {
  switch (change.kind) {
    case 'request':
      return decideRequest(state, change, options);
    case 'sources':
      return decideSources(state, change, options);
    case 'reference':
      return decideReference(state, change, options);
  }
}

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
  const { service } = state;
  if (isDeleted(state)) {
    return reject(state, options, createProblem('service_unknown', `there is no service ${service} to delete`));
  }
  const source = sourceOf(state);
  if (source !== undefined) {
    const detail = `${source} of ${service} would bring it back; remove it first, then delete`;
    return reject(state, options, createProblem('service_has_file', detail));
  }
  const next = { ...state, overrides: [], layers: [], sourceProblem: undefined };
  return accept(next, nextRecord(next, undefined, attributionOf(request), options), options);
}

/** What would make the service again; undefined where nothing would. */
function sourceOf({ layers, sourceProblem, isRead }: ServiceState): string | undefined {
  if (!isRead && !sourceProblem) return undefined;
  const isFileGone = sourceProblem === undefined ? !layers.some(isFile) : sourceProblem.code === 'file_missing';
  if (!isFileGone) return 'the file';
  const other = layers.find((layer) => !isFile(layer));
  return other && sourceWords[other.name];
}

const isFile = ({ name }: Layer): boolean => name === 'yaml_file';

const sourceWords: Readonly<Record<Layer['name'], string>> = {
  yaml_file: 'the file',
  env_file: 'the env file',
  environment: 'the environment',
  cli_argument: 'the arguments',
};

const attributionOf = ({ author, reason = '' }: WriteRequest): Attribution => ({ author, reason });

interface Attribution {
  readonly author: string;
  readonly reason: string;
}

/** Every other request makes a target document, and the runtime layer that leads to it. */
function rewrite(state: ServiceState, request: RewriteRequest, options: DecideOptions): Decision {
  const { service, schema, overrides: before } = state;
  const { version, draft, maxDocumentBytes, findService } = options;
  const layers = baseLayers(state);
  const resolveWith = (overrides: readonly Override[]): Resolved => resolve({ schema, layers, overrides, findService });
  const resolveSettable = (overrides: readonly Override[]): JsonObject => resolveWith(overrides).settable;
  const { values: present, settable } = resolveWith(before);
  // A merge says what to set; all else is said of the document as it is seen.
  const isMerge = ['merge', 'draft_publish'].includes(request.op) || (request.op === 'validate' && 'patch' in request);
  const aim = targetOf(request, {
    service,
    overrides: before,
    resolve: isMerge ? resolveSettable : (overrides) => resolveWith(overrides).values,
    version,
    draft,
    secrets: state.latest?.snapshot.secrets ?? [],
    maxDocumentBytes,
  });
  if ('problem' in aim) return reject(state, options, aim.problem);
  // What stays as it is seen stays as it is written: a reference, or what an argument hides.
  const isAsSeen = isMerge || present === settable;
  const target = isAsSeen ? aim.target : toSettable(resolveWith(before), aim.target);

  const by = attributionOf(request);
  const derived = deriveOverrides({
    beneath: compose(layers).beneath,
    present: settable,
    overrides: before,
    target,
    pinned: aim.pinned,
    by: { ...by, version: versionOf(state) + 1, at: new Date(options.now).toISOString() },
    fillDefaults: (document) => (schema ? schema.fillDefaults(document) : document),
    resolve: resolveSettable,
  });
  const overrides = isMerge ? derived : withoutRepeated(derived, layers, resolveWith);
  const isThorough = request.op === 'validate';
  const outcome = propose({ ...state, overrides }, layers, by, options, isThorough);
  if ('problem' in outcome) {
    const refusal = reject(state, options, outcome.problem);
    if (request.op !== 'validate' || !request.fix || !outcome.invalid) return refusal;
    return { ...refusal, result: { ...refusal.result, ...findFix(outcome.invalid, request, present) } };
  }
  const { record } = outcome;
  const hidden = [...hiddenByArguments(layers, before, overrides), ...outcome.warnings];
  const restart = refuseRestart(state, request, record, options.policy);
  if (isThorough) {
    const warnings = restart ? [...hidden, ...restart] : hidden;
    const result = answer(state, options.epoch, 'valid', describeChange(record, state, warnings));
    return { result, state, proposed: record };
  }
  if (restart) {
    const detail =
      'a running process would not take it over; send it again with acceptRestart, and restart the service then';
    return reject(state, options, createProblem('reject_restart_required', detail, restart));
  }
  if (!isSame(state, record)) return accept({ ...state, overrides }, record, options, hidden, layers);
  // The document stays; what was set or given back to the layers beneath counts from their next change on.
  const unchanged = answer(state, options.epoch, 'unchanged', { warnings: hidden });
  if (isSameLayer(before, overrides)) return { result: unchanged, state };
  // No version comes with them: they are said to be of the present one.
  const kept = overrides.map((override) =>
    before.includes(override) ? override : { ...override, version: versionOf(state) },
  );
  return { result: unchanged, state: { ...state, overrides: kept } };
}

/** What keeps an update from being applied hot, where the policy refuses such updates and the request does not insist. */
function refuseRestart(
  state: ServiceState,
  { op, acceptRestart }: RewriteRequest,
  record: VersionRecord,
  { restartRequired } = defaultPolicy,
): Fault[] | undefined {
  if (restartRequired === 'accept' || acceptRestart || op === 'rollback') return undefined;
  const pointers = restartRequiredBy(record, state);
  const message = 'is taken over by a restart only, and the service refuses updates that need one';
  return pointers.length > 0 ? pointers.map((pointer) => ({ pointer, message })) : undefined;
}

/** A service that comes into being starts with all it has. */
const restartRequiredBy = ({ snapshot, changed }: VersionRecord, before: ServiceState): Pointer[] =>
  isDeleted(before) ? [] : changed.filter(createOverlapTest(snapshot.restartRequired));

/** What to set so that a document is seen. What lies within a reference can only be set with all of its value. */
function toSettable({ values, settable, references }: Resolved, wanted: JsonObject): JsonObject {
  const around = (at: Pointer): Pointer => references.find(({ pointer }) => isWithin(at, pointer))?.pointer ?? at;
  const places = new Set(differences(values, wanted).map(({ pointer }) => around(pointer)));
  return writeSettings(
    settable,
    [...places].map((pointer) => ({ pointer, value: readSetting(wanted, pointer) })),
  );
}

/** A reference that says by itself what is wanted goes on doing so. */
function withoutRepeated(
  overrides: readonly Override[],
  layers: readonly Layer[],
  resolveWith: (overrides: readonly Override[]) => Resolved,
): readonly Override[] {
  const { references } = compose(layers);
  if (references.length === 0) return overrides;
  const wanted = resolveWith(overrides).values;
  return references.reduce((kept, { pointer: place }) => {
    const fewer = kept.filter(({ pointer }) => !isWithin(pointer, place));
    return fewer.length < kept.length && isEqualJson(resolveWith(fewer).values, wanted) ? fewer : kept;
  }, overrides);
}

const isSameLayer = (before: readonly Override[], after: readonly Override[]): boolean =>
  before.length === after.length && after.every((override) => before.includes(override));

function decideSources(known: ServiceState, change: SourcesChange, options: DecideOptions): Decision {
  const { problem } = change;
  const before = { ...known, isRead: true };
  const schema = change.schema ?? (change.isSchemaBroken ? before.schema : undefined);
  const isUncheckable = change.isSchemaBroken === true && schema === undefined;
  if (problem) {
    // Without good files the last ones are kept, but a schema that can be read counts from now on.
    return reject({ ...before, schema, isUncheckable, sourceProblem: problem }, options, problem);
  }
  const kept = lastFile(before, change.layers);
  const migrated = migrateSafely(
    schema,
    shareLayers(before.layers, kept ? [kept, ...change.layers] : change.layers),
    before,
  );
  if ('problem' in migrated) {
    return reject({ ...before, isUncheckable, sourceProblem: migrated.problem }, options, migrated.problem);
  }
  const { layers, overrides, warnings } = migrated;
  const sourceProblem = kept ? missingFile(before) : undefined;
  const state = { ...before, schema, isUncheckable, layers, overrides, sourceProblem };
  // Without any source there is nothing that could be wrong with one.
  if (isDeleted(before) ? layers.length === 0 : change.layers.length === 0 && !before.layers.some(isOther)) {
    return { result: answer(state, options.epoch, 'unchanged'), state };
  }
  const outcome = propose(state, layers, sourceAttribution(before, layers), options);
  if ('problem' in outcome) {
    const invalid = createProblem('file_invalid', outcome.problem.detail, outcome.problem.errors);
    return reject(
      { ...before, isUncheckable, schema: before.schema ?? schema, sourceProblem: invalid },
      options,
      invalid,
    );
  }
  const told = [...warnings, ...outcome.warnings];
  return isSame(before, outcome.record)
    ? { result: answer(before, options.epoch, 'unchanged', { warnings: told }), state }
    : accept(state, outcome.record, options, told);
}

/** A schema module's own function may fail at a document that nobody thought of. */
function migrateSafely(
  schema: CompiledSchema | undefined,
  layers: readonly Layer[],
  { overrides }: ServiceState,
): MigratedSources | { readonly problem: Problem } {
  try {
    return migrateSources(schema, layers, overrides);
  } catch {
    // What it says may repeat a secret.
    const detail = 'the migrate function of the schema failed at what the sources say; the last good document stays';
    return { problem: createProblem('file_invalid', detail) };
  }
}

const isOther = (layer: Layer): boolean => !isFile(layer);

/** What a file that is gone said last; undefined where there is a file, or the service never had one. */
function lastFile(before: ServiceState, layers: readonly Layer[]): Layer | undefined {
  if (isDeleted(before) || layers.some(isFile)) return undefined;
  const last = before.layers.find(isFile);
  if (last || before.layers.length > 0) return last;
  const { values } = resolve({ ...before, layers });
  return isEqualJson(values, before.latest?.snapshot.values) ? undefined : baseLayers(before)[0];
}

/** A service goes on without its file, and says so until it is back or the service is deleted. */
const missingFile = ({ service }: ServiceState): Problem =>
  createProblem(
    'file_missing',
    `the file of ${service} is gone and its last document stays; put the file back, or delete the service`,
  );

/** A version that sources make is that of the first of them that says something else than before. */
function sourceAttribution(before: ServiceState, layers: readonly Layer[]): Attribution {
  const isChanged = ({ name, document }: Layer): boolean =>
    !isEqualJson(document, before.layers.find((layer) => layer.name === name)?.document);
  const gone = before.layers.find(({ name }) => !layers.some((layer) => layer.name === name));
  const source = layers.find(isChanged) ?? gone ?? layers[0];
  if (!source) return { author: 'file', reason: 'the file changed' };
  const words = sourceWords[source.name];
  const verb = words.endsWith('s') ? ['were read', 'changed'] : ['was read', 'changed'];
  return { author: source.author, reason: `${words} ${isDeleted(before) ? verb[0] : verb[1]}` };
}

/** The document follows the other one, whoever changed that. */
function decideReference(before: ServiceState, { to, version }: ReferenceChange, options: DecideOptions): Decision {
  if (isDeleted(before)) return { result: answer(before, options.epoch, 'unchanged'), state: before };
  const by = { author: `service:${to}`, reason: `${to} is at version ${version}, and this refers to it` };
  const outcome = propose(before, baseLayers(before), by, options);
  if ('problem' in outcome) {
    const invalid = createProblem('file_invalid', outcome.problem.detail, outcome.problem.errors);
    return reject({ ...before, sourceProblem: invalid }, options, invalid);
  }
  const state = before.sourceProblem?.code === 'file_missing' ? before : { ...before, sourceProblem: undefined };
  return isSame(before, outcome.record)
    ? { result: answer(before, options.epoch, 'unchanged', { warnings: outcome.warnings }), state }
    : accept(state, outcome.record, options, outcome.warnings);
}

const isSame = (before: ServiceState, record: VersionRecord): boolean =>
  !isDeleted(before) && record.snapshot.digest === before.latest?.snapshot.digest;

interface Proposed {
  readonly record: VersionRecord;
  readonly warnings: readonly Fault[];
}

interface Refused {
  readonly problem: Problem;
  /** Where it is the document that is wrong. */
  readonly invalid?: Invalid;
}

interface Invalid {
  readonly document: JsonObject;
  readonly faults: readonly Fault[];
  readonly context: AssessContext;
}

/** What would mend a document, for who asked. */
function findFix(
  { document, faults, context }: Invalid,
  request: Extract<RewriteRequest, { op: 'validate' }>,
  before: JsonObject,
): Pick<Result, 'fix'> {
  const { own, contracts, isSecret, rules, service } = context;
  const schema = own ?? contracts[0]?.schema;
  if (!schema) return {};
  const check = (mended: JsonObject): readonly Fault[] => assess(mended, { ...context, isThorough: false }).faults;
  const proposal = proposeFix(document, faults, schema, {
    clamp: request.fix === 'clamp',
    isSecret,
    check,
    present: 'patch' in request ? before : undefined,
    rules: rules.about(service),
  });
  if (!proposal) return {};
  const { patch, remaining } = proposal;
  return { fix: { patch, complete: remaining.length === 0, remaining: remaining.slice(0, maxFaults) } };
}

/** Resolve and assess: the next version, or everything that is wrong with it. */
function propose(
  state: ServiceState,
  layers: readonly Layer[],
  by: Attribution,
  options: DecideOptions,
  isThorough = false,
): Proposed | Refused {
  const resolved = resolve({ ...state, layers, findService: options.findService });
  const context = contextOf(state, resolved, options, isThorough);
  const { faults, warnings } = assessResolved(resolved, context, options.findService);
  const told = compose(layers).faults;
  const place = (fault: Fault): Fault =>
    told.includes(fault) ? fault : placeFault(fault, (at) => placeOf(at, resolved, layers));
  if (faults.length > 0) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    const shown = faults.length > maxFaults ? `${count}, the first ${maxFaults} of them here` : count;
    const placed = faults.slice(0, maxFaults).map(place);
    const problem = createProblem('document_invalid', `${shown}; nothing was changed`, placed);
    return { problem, invalid: { document: resolved.values, faults, context } };
  }
  const record = nextRecord(state, resolved, by, options);
  const { values, restartRequired, secrets } = record.snapshot;
  const size = Buffer.byteLength(JSON.stringify([values, restartRequired, secrets]));
  if (size > options.maxDocumentBytes) {
    const detail = `the document is ${size} bytes, ${options.maxDocumentBytes} is the limit; split the service or raise the limit`;
    return { problem: createProblem('message_too_large', detail) };
  }
  return { record, warnings: warnings.slice(0, maxWarnings).map(place) };
}

/** More would not help anyone, and might not fit into a message. */
const maxFaults = 500;
/** They go with every answer. */
const maxWarnings = 100;

function contextOf(
  state: ServiceState,
  resolved: Resolved,
  { policy = defaultPolicy, rules = noRules, neighbours = noNeighbours }: DecideOptions,
  isThorough: boolean,
): AssessContext {
  const isSecretHere = secretTest(state);
  const isSecretThere = isSecretIn(resolved.secretReferences(isSecretHere));
  const { service, schema: own, contracts } = state;
  const isSecret = (pointer: Pointer): boolean => isSecretHere(pointer) || isSecretThere(pointer);
  const isGiven = (pointer: Pointer): boolean => resolved.origin(pointer)?.layer !== 'default';
  return { service, own, contracts, isSecret, policy, rules, neighbours, isGiven, isThorough };
}

function assessResolved(resolved: Resolved, context: AssessContext, findService?: FindService): Assessment {
  const { values, references, faults } = resolved;
  const unsafe = findUnsafeJson(values, maxLevelsAround);
  if (unsafe) {
    const message = `${unsafe}, with the ${maxLevelsAround} of a message around it`;
    return { faults: [{ pointer: '', message }], warnings: [] };
  }
  const found = assess(values, context);
  if (references.length === 0 && faults.length === 0) return found;
  // What a reference leaves behind that leads nowhere is not what the file says, nor is a text that is no value.
  const isBroken = createOverlapTest(faults.map(({ pointer }) => pointer));
  const circle = findService && findServiceCircle(context.service, references, findService);
  const all = [
    ...(circle ? [{ pointer: '', message: `services refer to one another: ${circle.join(' → ')}` }] : []),
    ...faults,
    ...found.faults.filter(({ pointer }) => pointer === '' || !isBroken(pointer)),
  ];
  return { faults: all, warnings: found.warnings };
}

/** Where a document stands deepest in a message: in a difference, in a list of them, in a result, in `data`. */
const maxLevelsAround = 4;

/** What is missing has no origin: it is placed where it should stand in the file. */
function placeOf(pointer: Pointer, resolved: Resolved, layers: readonly Layer[]): Place | undefined {
  const origin = resolved.origin(pointer);
  if (origin === undefined) return layers.find(isFile)?.locate(pointer);
  return origin.layer === 'runtime_update' || origin.layer === 'default' ? undefined : origin.place;
}

/** The version after the present one; without values it says that the service is deleted. */
function nextRecord(
  state: ServiceState,
  resolved: Resolved | undefined,
  { author, reason }: Attribution,
  options: DecideOptions,
): VersionRecord {
  const before = state.latest;
  const values = resolved?.values;
  const document = values ?? {};
  const referring = resolved?.secretReferences(secretTest(state)) ?? [];
  const schemas = [state.schema, ...state.contracts.map(({ schema }) => schema)];
  const placesOf = (keyword: 'restartRequired' | 'secrets', others: readonly Pointer[] = []): Pointer[] =>
    [...new Set([...schemas.flatMap((schema) => schema?.[keyword].within(document) ?? []), ...others])].sort();
  return {
    snapshot: {
      service: state.service,
      epoch: options.epoch,
      version: versionOf(state) + 1,
      digest: digestOf(document),
      previous: before ? { version: before.snapshot.version, digest: before.snapshot.digest } : null,
      values: document,
      restartRequired: placesOf('restartRequired'),
      secrets: placesOf('secrets', referring),
      author,
      reason,
      committedAt: new Date(options.now).toISOString(),
    },
    changed: changedPointers(before && !before.deleted ? before.snapshot.values : undefined, values),
    deleted: values === undefined,
  };
}

function accept(
  state: ServiceState,
  record: VersionRecord,
  options: DecideOptions,
  warnings: readonly Fault[] = [],
  layers = state.layers,
): Decision {
  const next = { ...state, latest: record };
  const described = describeChange(record, state, warnings);
  const sources = packSources(layers, state.schema);
  return { result: answer(next, options.epoch, 'applied', described), state: next, record, sources };
}

function describeChange(record: VersionRecord, before: ServiceState, warnings: readonly Fault[]): Partial<Result> {
  const isUnchecked = !before.schema && before.contracts.length === 0;
  return {
    changed: record.changed,
    restartRequired: restartRequiredBy(record, before),
    warnings: isUnchecked ? [uncheckedWarning, ...warnings] : warnings,
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
