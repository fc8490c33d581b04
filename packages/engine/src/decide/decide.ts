import {
  createProblem,
  type Fault,
  isEqualJson,
  isWithin,
  type JsonObject,
  type Pointer,
  type Problem,
  type Result,
} from '@setpoint/protocol';
import { authorise, type Identity } from '../access.ts';
import { assess, documentsAround } from '../assess.ts';
import { proposeFix } from '../fix/propose.ts';
import { hiddenByArguments } from '../layer/arguments.ts';
import { compose } from '../layer/compose.ts';
import type { Layer } from '../layer/layer.ts';
import { deriveOverrides, differences, type Override, readSetting, writeSettings } from '../layer/overrides.ts';
import { defaultPolicy } from '../policy.ts';
import { type Resolved, resolve } from '../resolve.ts';
import {
  answer,
  baseLayers,
  isDeleted,
  type ServiceState,
  secretPlaces,
  secretTest,
  versionOf,
} from '../service-state.ts';
import type { VersionRecord } from '../store/store.ts';
import { type Attribution, isSame, nextRecord, restartRequiredBy } from '../version/record.ts';
import type { Change, DecideOptions, Decision, RequestChange, WriteRequest } from './change.ts';
import { accept, describeChange, type Refusal, refuse, reject } from './decision.ts';
import { type Invalid, maxFaults, propose } from './propose.ts';
import { guessedSecrets, tellGuesses } from './secret-guess-masking.ts';
import { isFile, sourceWords } from './source-words.ts';
import { decideReference, decideSources } from './sources.ts';
import { type RewriteRequest, targetOf } from './target.ts';
import { refuseUnknownService } from './unknown-service.ts';

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

/** Carries out what an operator asks for. */
function decideRequest(state: ServiceState, { request, identity }: RequestChange, options: DecideOptions): Decision {
  const refusal = refusalOf(state, request, identity, options);
  if (refusal) return refuse(state, options, refusal.status, refusal.problem);
  return request.op === 'delete' ? remove(state, request, options) : rewrite(state, request, options);
}

const rejected = (problem: Problem): Refusal => ({ status: 'rejected', problem });

/** What can be refused before the document is looked at. */
function refusalOf(
  state: ServiceState,
  request: WriteRequest,
  identity: Identity,
  { now, otherServices }: DecideOptions,
): Refusal | undefined {
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
  const unknown = request.create === false ? refuseUnknownService(state, identity, otherServices) : undefined;
  if (unknown) return rejected(unknown);
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

const attributionOf = ({ author, reason = '' }: WriteRequest): Attribution => ({ author, reason });

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
    isSecret: secretTest(state),
    secrets: state.latest ? secretPlaces(state, state.latest.snapshot) : [],
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
    const { problem, invalid } = outcome;
    if (request.op !== 'validate' || !request.fix || !invalid) return refusal;
    return { ...refusal, result: { ...refusal.result, ...findFix({ problem, invalid }, request, present) } };
  }
  const { record } = outcome;
  if (request.op === 'validate') {
    const guessed = guessedSecrets(request, secretTest(state));
    const asked = [...overrides, ...guessed.map((pointer) => ({ ...by, pointer, version: 0, at: '' }))];
    const hidden = hiddenByArguments(layers, before, asked);
    const told = tellGuesses(record, guessed, hidden);
    const restart = refuseRestart(state, request, told, options.policy) ?? [];
    const described = describeChange(told, state, [...hidden, ...outcome.warnings, ...restart]);
    return { result: answer(state, options.epoch, 'valid', described), state, proposed: record };
  }
  const hidden = [...hiddenByArguments(layers, before, overrides), ...outcome.warnings];
  const restart = refuseRestart(state, request, record, options.policy);
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

interface InvalidDocument {
  readonly problem: Problem;
  readonly invalid: Invalid;
}

/** What would mend a document, for who asked. */
function findFix(
  { problem, invalid: { document, faults, context } }: InvalidDocument,
  request: Extract<RewriteRequest, { op: 'validate' }>,
  before: JsonObject,
): Pick<Result, 'fix' | 'problem'> {
  const { own, contracts, isSecret, rules, service } = context;
  const schema = own ?? contracts[0]?.schema;
  if (!schema) return {};
  const check = (mended: JsonObject): readonly Fault[] => assess(mended, { ...context, isThorough: false }).faults;
  const withheld: Fault[] = [];
  const proposal = proposeFix(document, faults, schema, {
    clamp: request.fix === 'clamp',
    isSecret,
    check,
    present: 'patch' in request ? before : undefined,
    rules: rules.about(service),
    confidential: documentsAround(context),
    onWithheld: (fault) => withheld.push(fault),
  });
  const isWithheld = ({ pointer, rule }: Fault): boolean =>
    withheld.some((fault) => fault.pointer === pointer && fault.rule === rule);
  const say = (fault: Fault): Fault =>
    isWithheld(fault) ? { ...fault, message: `${fault.message}; ${withheldWords}` } : fault;
  const told =
    withheld.length > 0 && problem.errors ? { problem: { ...problem, errors: problem.errors.map(say) } } : {};
  if (!proposal) return told;
  const { patch, remaining } = proposal;
  return {
    ...told,
    fix: { patch, complete: remaining.length === 0, remaining: remaining.slice(0, maxFaults).map(say) },
  };
}

const withheldWords = 'its rule knows a fix, which would show a secret and is left out';
