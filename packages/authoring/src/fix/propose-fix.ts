import type { CompiledSchema, FixOptions, FixProposal } from '@setpoint/engine';
import type { SecretTest, Shape } from '@setpoint/engine/internal';
import { applyJsonPatch, createSecretFinder } from '@setpoint/engine/internal';
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
import { findNearName } from '@setpoint/protocol/internal';
import { findKnownPlaces } from './known-places.ts';
import { repairsOf } from './repairs.ts';
import { askRule } from './rule-fix.ts';

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
  let around: ((text: string) => boolean) | undefined;
  const search: Search = {
    ...options,
    repeatsAround(text) {
      // Every service is looked through, once, and only where a rule has a step to propose.
      around ??= createSecretFinder(options.confidential ?? []);
      return around(text);
    },
  };

  /** Tries what may mend one fault; true where something did. */
  function mend(fault: Fault): boolean {
    for (const step of stepsFor(present, fault, schema, search)) {
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

interface Search extends FixOptions {
  /** Tells whether a text repeats a secret of what rules could see besides the document. */
  readonly repeatsAround: (text: string) => boolean;
}

function stepsFor(document: JsonObject, fault: Fault, schema: CompiledSchema, options: Search): Step[] {
  const { pointer } = fault;
  const place = placeIn(schema.shape, document, pointer);
  const value = readPointer(document, pointer);
  const byRule = stepsOfRule(document, fault, options);
  const isFit = (step: Step): boolean => isFitToShow(step, options.isSecret);
  if (value === undefined) return [...byRule, ...fillIn(pointer, place).filter(isFit)];
  const moves = targetsOf(document, fault, schema, options).flatMap((to): Step[] => {
    const move: Step = [...waysTo(document, to), { op: 'move', from: pointer, path: to }];
    const there = placeIn(schema.shape, document, to);
    return [move, ...replacements(value, to, there, options).map((replace) => [...move, ...replace])];
  });
  const replaced = replacements(value, pointer, place, options);
  // An optional setting that is null is one that was not meant to be set.
  const removed: Step[] = value === null && place !== undefined ? [[{ op: 'remove', path: pointer }]] : [];
  return [...byRule, ...[...moves, ...replaced, ...removed].filter(isFit)];
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

/** A step is shown: it neither has a value for a secret place, nor takes one out of it to where it is none. */
const isFitToShow = (step: Step, isSecret: SecretTest): boolean =>
  step.every((operation) =>
    'from' in operation
      ? isSecret(operation.path) || !isSecret(operation.from)
      : !('value' in operation && isSecret(operation.path)),
  );

/** A rule may also have read a secret, and put it anywhere. */
function stepsOfRule(document: JsonObject, fault: Fault, options: Search): Step[] {
  const { rules = [], isSecret, repeatsAround, onWithheld } = options;
  const rule = rules.find(({ id }) => id === fault.rule);
  const step = rule && askRule(rule, document, fault);
  if (!step) return [];
  const repeatsHere = createSecretFinder([{ document, isSecret }]);
  const repeatsSecret = (text: string): boolean => repeatsHere(text) || repeatsAround(text);
  if (isFitToShow(step, isSecret) && !step.flatMap(textsOf).some(repeatsSecret)) return [step];
  onWithheld?.(fault);
  return [];
}

const textsOf = (operation: PatchOperation): string[] => [
  operation.path,
  ...('from' in operation ? [operation.from] : []),
  ...('value' in operation ? textsIn(operation.value) : []),
];

/** Every text and number in a value, the names in its sections too. */
function textsIn(value: JsonValue): string[] {
  if (typeof value === 'string' || typeof value === 'number') return [String(value)];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isJsonObject(value) ? Object.entries(value).flatMap(([key, member]) => [key, ...textsIn(member)]) : [];
}

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
