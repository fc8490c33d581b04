import {
  appendToken,
  type Fault,
  formatPointer,
  isEqualJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type PatchOperation,
  type Pointer,
  parsePointer,
  readPointer,
} from '@setpoint/protocol';
import { applyJsonPatch } from '../json-patch.ts';
import type { SecretTest } from '../redact.ts';
import type { Rule } from '../rule/rule.ts';
import { runWithin } from '../rule/time-limit.ts';
import type { CompiledSchema } from '../schema.ts';
import type { Shape } from '../shape.ts';
import { findNearName } from '../unknown-keys.ts';
import { findKnownPlaces } from './known-places.ts';
import { repairsOf } from './repairs.ts';

export interface FixOptions {
  /** Also pull numbers into their bounds: what was written is not what is meant then. */
  readonly clamp: boolean;
  /** Nothing that stands at such a place is read into a proposal, because a proposal is shown. */
  readonly isSecret: SecretTest;
  /** Everything that is wrong with a document. */
  readonly check: (document: JsonObject) => readonly Fault[];
  /** The document before a request that sets single settings: a misspelt one may take the place of what was there. */
  readonly present?: JsonObject | undefined;
  /** Rules that may know what would mend their findings. @default none */
  readonly rules?: readonly Rule[];
}

/** What would mend a document. Nobody has applied it. */
export interface FixProposal {
  /** Never empty. */
  readonly patch: readonly PatchOperation[];
  /** The document with the patch. */
  readonly document: JsonObject;
  /** What is wrong with it still; the proposal is complete where this is empty. */
  readonly remaining: readonly Fault[];
}

/** Each try checks the whole document. */
const maxTries = 400;
/** A large document with many faults takes longer than others can wait; what was found by then is proposed. Milliseconds. */
const maxMs = 500;

/**
 * Looks for the least that mends the common faults: a wrong scalar type, the case of a choice, a misspelt or moved name,
 * a number with its unit. What a step makes worse, or only otherwise wrong, is no proposal. Undefined where nothing helps.
 */
export function proposeFix(
  document: JsonObject,
  faults: readonly Fault[],
  schema: CompiledSchema,
  options: FixOptions,
): FixProposal | undefined {
  const patch: PatchOperation[] = [];
  let present = document;
  let remaining = faults;
  let tries = 0;
  const end = performance.now() + maxMs;
  const given = new Set<string>();

  /** Tries what may mend one fault; true where something did. */
  function mend(fault: Fault): boolean {
    for (const step of stepsFor(present, fault, schema, options)) {
      if (tries >= maxTries || performance.now() > end) return false;
      tries += 1;
      const next = applyStep(present, step);
      const left = next && options.check(next);
      if (!next || !left || !isBetter(left, remaining)) continue;
      patch.push(...step);
      [present, remaining] = [next, left];
      return true;
    }
    return false;
  }

  while (performance.now() <= end) {
    const fault = remaining.find((one) => !given.has(keyOf(one)));
    if (!fault) break;
    if (!mend(fault)) given.add(keyOf(fault));
  }
  return patch.length > 0 ? { patch, document: present, remaining } : undefined;
}

const keyOf = ({ pointer, message, instance }: Fault): string => JSON.stringify([pointer, message, instance]);

/** Fewer faults, and none that were not there. */
function isBetter(after: readonly Fault[], before: readonly Fault[]): boolean {
  const known = new Set(before.map(keyOf));
  return after.length < before.length && after.every((fault) => known.has(keyOf(fault)));
}

function applyStep(document: JsonObject, step: readonly PatchOperation[]): JsonObject | undefined {
  const patched = applyJsonPatch(document, step, { maxCopyBytes: 0 });
  return patched.faults.length === 0 && isJsonObject(patched.document) ? patched.document : undefined;
}

type Step = readonly PatchOperation[];

function stepsFor(document: JsonObject, fault: Fault, schema: CompiledSchema, options: FixOptions): Step[] {
  const { pointer } = fault;
  const place = placeIn(schema.shape, document, pointer);
  const value = readPointer(document, pointer);
  const byRule = stepsOfRule(document, fault, options);
  if (value === undefined) return [...byRule, ...fillIn(pointer, place)];
  const moves = targetsOf(document, fault, schema, options).flatMap((to): Step[] => {
    const move: Step = [...waysTo(document, to), { op: 'move', from: pointer, path: to }];
    const there = placeIn(schema.shape, document, to);
    return [move, ...replacements(value, to, there, options).map((replace) => [...move, ...replace])];
  });
  const replaced = replacements(value, pointer, place, options);
  // An optional setting that is null is one that was not meant to be set.
  const removed: Step[] = value === null && place !== undefined ? [[{ op: 'remove', path: pointer }]] : [];
  return [...byRule, ...moves, ...replaced, ...removed];
}

/** Nothing of a secret is read: what is proposed is shown. */
function replacements(
  value: JsonValue,
  pointer: Pointer,
  place: Shape | undefined,
  { isSecret, clamp }: FixOptions,
): Step[] {
  if (isSecret(pointer)) return [];
  const [parts, itemParts] = [place?.parts ?? [], place?.item(0)?.parts ?? []];
  const repairs = repairsOf(value, { name: nameAround(pointer), parts, itemParts, clamp });
  return repairs.map((repaired): Step => [{ op: 'replace', path: pointer, value: repaired }]);
}

function stepsOfRule(document: JsonObject, fault: Fault, { rules = [], isSecret }: FixOptions): Step[] {
  const rule = rules.find(({ id }) => id === fault.rule);
  if (!rule?.fix) return [];
  let step: Step | undefined;
  try {
    runWithin(fixLimitMs, () => {
      step = rule.fix?.(document, fault);
    });
  } catch {
    return [];
  }
  const isShown = (operation: PatchOperation): boolean => 'value' in operation && isSecret(operation.path);
  return Array.isArray(step) && step.length > 0 && !step.some(isShown) ? [step] : [];
}

/** A fix is looked for when somebody asks; it must not hold up those who don't. Milliseconds. */
const fixLimitMs = 100;

function placeIn(shape: Shape, document: JsonValue, pointer: Pointer): Shape | undefined {
  let here: Shape | undefined = shape;
  let value: JsonValue | undefined = document;
  for (const token of parsePointer(pointer)) {
    here = Array.isArray(value) ? here?.item(Number(token)) : here?.member(token);
    value = value === undefined ? undefined : readPointer(value, appendToken('', token));
  }
  return here;
}

/** The name of a setting, also for an item of its list. */
const nameAround = (pointer: Pointer): string => parsePointer(pointer).findLast((token) => !/^\d+$/.test(token)) ?? '';

/** What is missing and can only be one thing. */
function fillIn(pointer: Pointer, place: Shape | undefined): Step[] {
  const parts = place?.parts ?? [];
  const usual = parts.flatMap((part) => (part.default === undefined ? [] : [part.default]));
  const only = parts.flatMap((part) => {
    if (part.const !== undefined) return [part.const];
    return Array.isArray(part.enum) && part.enum.length === 1 ? (part.enum as JsonValue[]) : [];
  });
  return [...usual, ...only].map((value): Step => [{ op: 'add', path: pointer, value }]);
}

/** Where a setting that nobody knows may belong. */
function targetsOf(document: JsonObject, fault: Fault, schema: CompiledSchema, options: FixOptions): Pointer[] {
  const { pointer } = fault;
  const isUnknown = fault.message.startsWith('is not a known setting');
  if (!isUnknown || pointer === '') return [];
  const tokens = parsePointer(pointer);
  const name = tokens.pop() as string;
  const around = formatPointer(tokens);
  const section = placeIn(schema.shape, document, around);
  const renamed = schema.migration?.rename(document).renamed.find(({ from }) => from === pointer);
  const known = findKnownPlaces(schema.shape);
  const near = findNearName(name, section?.names ?? []);
  const elsewhere = known.get(name) ?? known.get(findNearName(name, [...known.keys()]) ?? '') ?? [];
  const targets = [
    ...(renamed ? [renamed.to] : []),
    ...(near === undefined ? [] : [appendToken(around, near)]),
    // "vad.threshold", as properties files write it.
    ...(/[.:/]/.test(name) ? [`${around}${formatPointer(name.split(/[.:/]/))}`] : []),
    ...(elsewhere.length === 1 ? elsewhere : []),
  ];
  const isNew = options.present !== undefined && readPointer(options.present, pointer) === undefined;
  const isReplaceable = (to: Pointer): boolean =>
    isNew && isEqualJson(readPointer(document, to), readPointer(options.present ?? {}, to));
  return [...new Set(targets)].filter((to) => to !== pointer && (isReplaceable(to) || isFree(document, to, schema)));
}

/** Nothing is lost by writing there: it is empty, or holds what the schema says by default. */
function isFree(document: JsonObject, pointer: Pointer, schema: CompiledSchema): boolean {
  const there = readPointer(document, pointer);
  if (there === undefined) return true;
  const parts = placeIn(schema.shape, document, pointer)?.parts ?? [];
  return parts.some((part) => part.default !== undefined && isEqualJson(part.default, there));
}

/** The sections on the way that are not there yet. */
function waysTo(document: JsonObject, pointer: Pointer): PatchOperation[] {
  const tokens = parsePointer(pointer).slice(0, -1);
  return tokens
    .map((_, i) => formatPointer(tokens.slice(0, i + 1)))
    .filter((path) => readPointer(document, path) === undefined)
    .map((path) => ({ op: 'add', path, value: {} }));
}
