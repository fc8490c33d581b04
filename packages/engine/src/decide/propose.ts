import {
  createProblem,
  type Fault,
  findUnsafeJson,
  type JsonObject,
  type Pointer,
  type Problem,
} from '@setpoint/protocol';
import { createOverlapTest } from '../document/overlap.ts';
import { compose } from '../layer/compose.ts';
import type { Layer, Place } from '../layer/layer.ts';
import { type FindService, findServiceCircle } from '../layer/references.ts';
import { type Resolved, resolve } from '../layer/resolve.ts';
import { type AssessContext, type Assessment, assess } from '../rule/assess.ts';
import { defaultPolicy } from '../rule/policy.ts';
import { noOtherServices, noRules } from '../rule/rule.ts';
import { isSecretIn } from '../schema/redact.ts';
import { placeFault } from '../schema/validate.ts';
import { type ServiceState, secretTest } from '../service-state.ts';
import type { VersionRecord } from '../store/store.ts';
import { type Authorship, nextRecord } from '../version/record.ts';
import type { DecideOptions } from './change.ts';
import { isFile } from './source-words.ts';

export interface Proposed {
  readonly record: VersionRecord;
  readonly warnings: readonly Fault[];
}

interface Refused {
  readonly problem: Problem;
  /** Where it is the document that is wrong. */
  readonly invalid?: Invalid;
}

export interface Invalid {
  readonly document: JsonObject;
  readonly faults: readonly Fault[];
  readonly context: AssessContext;
}

/** Resolve and assess: the next version, or everything that is wrong with it. */
export function propose(
  state: ServiceState,
  layers: readonly Layer[],
  by: Authorship,
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
export const maxFaults = 500;
/** They go with every answer. */
const maxWarnings = 100;

function contextOf(
  state: ServiceState,
  resolved: Resolved,
  { policy = defaultPolicy, rules = noRules, otherServices = noOtherServices }: DecideOptions,
  isThorough: boolean,
): AssessContext {
  const isSecretHere = secretTest(state);
  const isSecretThere = isSecretIn(resolved.secretReferences(isSecretHere));
  const { service, schema: own, contracts } = state;
  const isSecret = (pointer: Pointer): boolean => isSecretHere(pointer) || isSecretThere(pointer);
  const isGiven = (pointer: Pointer): boolean => resolved.origin(pointer)?.layer !== 'default';
  return { service, own, contracts, isSecret, policy, rules, otherServices, isGiven, isThorough };
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
