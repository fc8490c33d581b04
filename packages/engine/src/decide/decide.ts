import { createProblem, type Fault, type Problem } from '@setpoint/protocol';
import { authorise, type Identity } from '../access.ts';
import { hiddenByArguments } from '../layer/arguments.ts';
import { compose } from '../layer/compose.ts';
import type { Layer } from '../layer/layer.ts';
import { deriveOverrides, type Override } from '../layer/overrides.ts';
import { type Resolved, resolve } from '../layer/resolve.ts';
import { defaultPolicy } from '../rule/policy.ts';
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
import { isSame, restartRequiredBy } from '../version/record.ts';
import type { Change, DecideOptions, Decision, RequestChange, WriteRequest } from './change.ts';
import { accept, describeChange, type Refusal, refuse, reject, requestedBy } from './decision.ts';
import { decideDeletion } from './deletion.ts';
import { findFix } from './find-fix.ts';
import { type Proposed, propose } from './propose.ts';
import { isSameLayer, toSettable, withoutRepeated } from './runtime-layer.ts';
import { guessedSecrets, maskGuesses } from './secret-guess-masking.ts';
import { decideReference, decideSources } from './sources.ts';
import { type RewriteRequest, type Target, targetOf } from './target.ts';
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
  return request.op === 'delete' ? decideDeletion(state, request, options) : rewrite(state, request, options);
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

/** Every other request makes a target document, and the runtime layer that leads to it. */
function rewrite(state: ServiceState, request: RewriteRequest, options: DecideOptions): Decision {
  const layers = baseLayers(state);
  const resolveWith = (overrides: readonly Override[]): Resolved =>
    resolve({ schema: state.schema, layers, overrides, findService: options.findService });
  const present = resolveWith(state.overrides);
  const rewriting: Rewriting = { state, request, options, layers, resolveWith, present };

  const aim = findTarget(rewriting);
  if ('problem' in aim) return reject(state, options, aim.problem);
  const overrides = overridesFor(aim, rewriting);
  const proposed = propose({ ...state, overrides }, layers, requestedBy(request), options, request.op === 'validate');
  if ('problem' in proposed) {
    const refusal = reject(state, options, proposed.problem);
    const { problem, invalid } = proposed;
    if (request.op !== 'validate' || !request.fix || !invalid) return refusal;
    const fix = findFix({ problem, invalid }, request, present.values, options.authoring);
    return { ...refusal, result: { ...refusal.result, ...fix } };
  }
  return request.op === 'validate'
    ? answerValidation(proposed, overrides, request, rewriting)
    : acceptRewrite(proposed, overrides, rewriting);
}

interface Rewriting {
  readonly state: ServiceState;
  readonly request: RewriteRequest;
  readonly options: DecideOptions;
  readonly layers: readonly Layer[];
  readonly resolveWith: (overrides: readonly Override[]) => Resolved;
  /** The document before the request. */
  readonly present: Resolved;
}

/** A merge names the settings to set; every other request speaks of the document as it is seen. */
const isMerge = (request: RewriteRequest): boolean =>
  ['merge', 'draft_publish'].includes(request.op) || (request.op === 'validate' && 'patch' in request);

/** The document that the request asks for, written as it can be set. */
function findTarget({ state, request, options, resolveWith, present }: Rewriting): Target {
  const aim = targetOf(request, {
    service: state.service,
    overrides: state.overrides,
    resolve: (overrides) => {
      const resolved = resolveWith(overrides);
      return isMerge(request) ? resolved.settable : resolved.values;
    },
    version: options.version,
    draft: options.draft,
    isSecret: secretTest(state),
    secrets: state.latest ? secretPlaces(state, state.latest.snapshot) : [],
    maxDocumentBytes: options.maxDocumentBytes,
    authoring: options.authoring,
  });
  // References, and settings that an argument hides, stay as they are written as long as they are seen unchanged.
  const isAsSeen = isMerge(request) || present.values === present.settable;
  if ('problem' in aim || isAsSeen) return aim;
  return { ...aim, target: toSettable(present, aim.target) };
}

/** The runtime layer that leads to the target. */
function overridesFor(
  { target, pinned }: Exclude<Target, { problem: Problem }>,
  { state, request, options, layers, resolveWith, present }: Rewriting,
): readonly Override[] {
  const { schema, overrides: before } = state;
  const derived = deriveOverrides({
    beneath: compose(layers).beneath,
    present: present.settable,
    overrides: before,
    target,
    pinned,
    by: { ...requestedBy(request), version: versionOf(state) + 1, at: new Date(options.now).toISOString() },
    fillDefaults: (document) => (schema ? schema.fillDefaults(document) : document),
    resolve: (overrides) => resolveWith(overrides).settable,
  });
  return isMerge(request) ? derived : withoutRepeated(derived, layers, resolveWith);
}

function answerValidation(
  { record, warnings }: Proposed,
  overrides: readonly Override[],
  request: Extract<RewriteRequest, { op: 'validate' }>,
  { state, options, layers }: Rewriting,
): Decision {
  const guessed = guessedSecrets(request, secretTest(state));
  const asked = [...overrides, ...guessed.map((pointer) => ({ ...requestedBy(request), pointer, version: 0, at: '' }))];
  const hidden = hiddenByArguments(layers, state.overrides, asked);
  const masked = maskGuesses(record, guessed, hidden);
  const restart = refuseRestart(state, request, masked, options.policy) ?? [];
  const described = describeChange(masked, state, [...hidden, ...warnings, ...restart]);
  return { result: answer(state, options.epoch, 'valid', described), state, proposed: record };
}

function acceptRewrite(
  { record, warnings }: Proposed,
  overrides: readonly Override[],
  { state, request, options, layers }: Rewriting,
): Decision {
  const { overrides: before } = state;
  const hidden = [...hiddenByArguments(layers, before, overrides), ...warnings];
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
