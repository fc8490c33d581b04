import {
  appendToken,
  isEqualJson,
  isJsonObject,
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
export const applyOverrides = (document: JsonObject, overrides: readonly Override[]): JsonObject =>
  writeSettings(document, overrides);

/** A value for a place; undefined takes away what is there. */
export interface Setting {
  readonly pointer: Pointer;
  readonly value?: JsonValue | undefined;
}

/**
 * The document with each setting written, in order. Copies each object on the way once, however many settings lie
 * in it, and shares the rest.
 */
export function writeSettings(document: JsonObject, settings: readonly Setting[]): JsonObject {
  const copies = new Set<JsonValue>();
  const copy = (value: JsonValue | undefined): Record<string, JsonValue> => {
    if (value !== undefined && copies.has(value)) return value as Record<string, JsonValue>;
    const fresh = isJsonObject(value) ? { ...value } : {};
    copies.add(fresh);
    return fresh;
  };
  let root = document;
  for (const { pointer, value } of settings) {
    const tokens = parsePointer(pointer);
    // To take away what is not there must not create the way to it.
    if (value === undefined && readPointer(root, pointer) === undefined) continue;
    const last = tokens.pop();
    if (last === undefined) {
      root = isJsonObject(value) ? value : {};
      continue;
    }
    let here = copy(root);
    root = here;
    for (const token of tokens) {
      const member = copy(Object.hasOwn(here, token) ? here[token] : undefined);
      here[token] = member;
      here = member;
    }
    if (value === undefined) delete here[last];
    else here[last] = value;
  }
  return root;
}

/**
 * The runtime layer that turns `beneath` (the file with defaults filled) into `target`. The places in `pinned` are
 * kept even where the layers beneath say the same now: what an operator set stays set when the file changes later.
 */
export function deriveOverrides(options: {
  readonly file: JsonObject;
  readonly beneath: JsonObject;
  readonly target: JsonObject;
  readonly present: readonly Override[];
  readonly pinned: readonly Pointer[];
  readonly by: Attribution;
}): Override[] {
  const { file, beneath, target, by } = options;
  const present = new Map(options.present.map((override) => [override.pointer, override]));
  const needed = differences(beneath, target).filter(
    // A default can't be hidden: without a value in the file there is nothing to take away.
    ({ pointer, value }) => value !== undefined || readPointer(file, pointer) !== undefined,
  );
  const isTaken = createOverlapTest(needed.map(({ pointer }) => pointer));
  const kept = [...new Set(options.pinned)]
    .filter((pointer) => !isTaken(pointer))
    .map((pointer) => ({ pointer, value: readPointer(target, pointer) }))
    .filter(({ pointer, value }) => (value === undefined ? present.has(pointer) : !isJsonObject(value)));
  return [...needed, ...kept].map((setting) => attribute(setting, present.get(setting.pointer), by));
}

/** Does a place contain one of these, lie in one, or is it one? Answered without comparing it with each. */
function createOverlapTest(pointers: readonly Pointer[]): (pointer: Pointer) => boolean {
  const places = new Set(pointers);
  const around = new Set(pointers.flatMap(placesAround));
  return (pointer) => places.has(pointer) || around.has(pointer) || placesAround(pointer).some((at) => places.has(at));
}

function placesAround(pointer: Pointer): Pointer[] {
  const around: Pointer[] = [];
  for (let end = pointer.lastIndexOf('/'); end >= 0; end = pointer.lastIndexOf('/', end - 1)) {
    around.push(pointer.slice(0, end));
    if (end === 0) break;
  }
  return around;
}

/** A setting that an operator made before, to the same value, stays that operator's. */
function attribute({ pointer, value }: Setting, before: Override | undefined, by: Attribution): Override {
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
