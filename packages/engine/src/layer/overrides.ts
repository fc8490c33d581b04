import {
  appendToken,
  isEqualJson,
  isJsonObject,
  isOverlapping,
  isWithin,
  type JsonObject,
  type JsonValue,
  type Pointer,
  parsePointer,
  readPointer,
} from '@setpoint/protocol';

/**
 * One setting of the runtime layer: what an operator set, or hid, at one pointer. The settings of a service never lie
 * inside one another.
 */
export interface Override {
  readonly pointer: Pointer;
  /** Left out where the operator took away what the file says; the schema's default shows again. */
  readonly value?: JsonValue;
  readonly author: string;
  readonly reason: string;
  /** The version that it came with. */
  readonly version: number;
  /** RFC 3339. */
  readonly at: string;
}

/** Who makes a change; goes with every override that it makes. */
export type Attribution = Omit<Override, 'pointer' | 'value'>;

/** Lays the runtime layer over a document. What is not touched keeps its identity. */
export function applyOverrides(document: JsonObject, overrides: readonly Override[]): JsonObject {
  return overrides.reduce((result, override) => writePointer(result, override.pointer, override.value), document);
}

/** The document with `value` at `pointer`, or without it where `value` is undefined; shares what is not on the way. */
export function writePointer(document: JsonObject, pointer: Pointer, value: JsonValue | undefined): JsonObject {
  return write(document, parsePointer(pointer), value) as JsonObject;
}

function write(
  here: JsonValue | undefined,
  tokens: readonly string[],
  value: JsonValue | undefined,
): JsonValue | undefined {
  const [token, ...rest] = tokens;
  if (token === undefined) return value;
  const parent = isJsonObject(here) ? here : {};
  const member = write(Object.hasOwn(parent, token) ? parent[token] : undefined, rest, value);
  if (member !== undefined) return { ...parent, [token]: member };
  // To take away what is not there must not create the way to it.
  if (!Object.hasOwn(parent, token)) return here;
  const { [token]: _, ...others } = parent;
  return others;
}

/**
 * The runtime layer that turns `beneath` (the file with defaults filled) into `target`. Settings that `present` and
 * `pinned` hold and that agree with the target are kept even where the layers beneath say the same now: what an
 * operator set stays set when the file changes later.
 */
export function deriveOverrides(options: {
  readonly file: JsonObject;
  readonly beneath: JsonObject;
  readonly target: JsonObject;
  readonly present: readonly Override[];
  readonly pinned: readonly Pointer[];
  readonly by: Attribution;
}): Override[] {
  const { file, beneath, target, present, pinned, by } = options;
  const needed = differences(beneath, target).filter(
    // A default can't be hidden: without a value in the file there is nothing to take away.
    ({ pointer, value }) => value !== undefined || readPointer(file, pointer) !== undefined,
  );
  const isFree = (pointer: Pointer): boolean => !needed.some((setting) => isOverlapping(setting.pointer, pointer));
  const kept = [...present.map(({ pointer }) => pointer), ...pinned]
    .filter((pointer, i, all) => all.indexOf(pointer) === i && isFree(pointer))
    .map((pointer) => ({ pointer, value: readPointer(target, pointer) }))
    .filter(({ value }) => value !== undefined && !isJsonObject(value));
  return [...needed, ...kept].map((setting) => attribute(setting, present, by));
}

interface Setting {
  readonly pointer: Pointer;
  readonly value: JsonValue | undefined;
}

/** A setting that an operator made before, to the same value, stays that operator's. */
function attribute({ pointer, value }: Setting, present: readonly Override[], by: Attribution): Override {
  const before = present.find((override) => override.pointer === pointer);
  if (before && isEqualJson(before.value, value)) return before;
  return { pointer, ...(value !== undefined && { value }), ...by };
}

/** What differs, leaf by leaf: an object on the target's side is never one setting, unless it is empty. */
function differences(before: JsonValue | undefined, after: JsonValue | undefined, at: Pointer = ''): Setting[] {
  if (isEqualJson(before, after)) return [];
  if (!isJsonObject(after) || (Object.keys(after).length === 0 && !isJsonObject(before))) {
    return [{ pointer: at, value: after }];
  }
  const from = isJsonObject(before) ? before : {};
  const keys = [...Object.keys(from), ...Object.keys(after).filter((key) => !Object.hasOwn(from, key))];
  return keys.flatMap((key) => differences(from[key], after[key], appendToken(at, key)));
}

/** The places that a merge patch sets, and those it takes the runtime value away from. */
export function readMergePatch(patch: JsonValue, at: Pointer = ''): { set: Setting[]; unset: Pointer[] } {
  if (patch === null) return { set: [], unset: [at] };
  if (!isJsonObject(patch) || (Object.keys(patch).length === 0 && at !== '')) {
    return { set: [{ pointer: at, value: patch }], unset: [] };
  }
  const members = Object.entries(patch).map(([key, value]) => readMergePatch(value, appendToken(at, key)));
  return { set: members.flatMap(({ set }) => set), unset: members.flatMap(({ unset }) => unset) };
}

export const withoutOverrides = (overrides: readonly Override[], places: readonly Pointer[]): readonly Override[] =>
  overrides.filter(({ pointer }) => !places.some((place) => isWithin(pointer, place)));
