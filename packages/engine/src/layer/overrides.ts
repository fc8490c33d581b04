import {
  appendToken,
  isEqualJson,
  isJsonObject,
  isWithin,
  type JsonObject,
  type JsonValue,
  type Pointer,
  parsePointer,
} from '@setpoint/protocol';
import { createOverlapTest, createWithinTest, placesAround } from '../document/overlap.ts';

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

/** A value for a place; undefined takes away what is there. */
export interface Setting {
  readonly pointer: Pointer;
  readonly value?: JsonValue | undefined;
}

/** The value at a place of settings, or undefined. A list is one value: no setting lies in it. */
export function readSetting(document: JsonValue | undefined, pointer: Pointer): JsonValue | undefined {
  let here = document;
  for (const token of parsePointer(pointer)) here = readMember(here, token);
  return here;
}

const readMember = (value: JsonValue | undefined, name: string): JsonValue | undefined =>
  isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;

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
    // Removing what is not there must not create the sections that lead to it.
    if (value === undefined && readSetting(root, pointer) === undefined) continue;
    const last = tokens.pop();
    if (last === undefined) {
      root = isJsonObject(value) ? value : {};
      continue;
    }
    let here = copy(root);
    root = here;
    for (const token of tokens) {
      const member = copy(readMember(here, token));
      here[token] = member;
      here = member;
    }
    if (value === undefined) delete here[last];
    else here[last] = value;
  }
  return root;
}

export interface DeriveOptions {
  /** What the layers beneath the runtime layer say. */
  readonly beneath: JsonObject;
  /** The document now, and the runtime layer that it has. */
  readonly present: JsonObject;
  readonly overrides: readonly Override[];
  /** The document that is wanted; defaults fill what it leaves out. */
  readonly target: JsonObject;
  /** Kept even where the layers beneath say the same now: what an operator set stays set when the file changes. */
  readonly pinned: readonly Pointer[];
  readonly by: Attribution;
  fillDefaults(document: JsonObject): JsonObject;
  /** The document with another runtime layer. */
  resolve(overrides: readonly Override[]): JsonObject;
}

/** The runtime layer that makes the document `target`: what is pinned, and as little more as is needed. */
export function deriveOverrides(options: DeriveOptions): Override[] {
  const { beneath, target, resolve } = options;
  const filled = options.fillDefaults(target);
  const untouched = findUntouched(options, filled);
  const needed = new Map<Pointer, Setting>(untouched.map((override) => [override.pointer, override]));
  const start = untouched.length === options.overrides.length ? options.present : resolve(untouched);
  for (const difference of differences(start, target)) {
    const { pointer, value } = difference;
    // What the target leaves out and defaults fill needs no setting.
    const isFilledIn = value === undefined && !isIn(beneath, pointer) && isIn(filled, pointer);
    if (!isFilledIn) need(needed, difference, beneath);
  }
  for (;;) {
    const overrides = settle([...needed.values()], options, filled);
    // A section that its schema gives as a whole loses that default with the first setting in it: look again.
    const more = differences(resolve(overrides), filled).filter((difference) => need(needed, difference, beneath));
    if (more.length === 0) return overrides;
  }
}

const isIn = (document: JsonObject, pointer: Pointer): boolean => readSetting(document, pointer) !== undefined;

const isEmptySection = (value: JsonValue | undefined): boolean =>
  isJsonObject(value) && Object.keys(value).length === 0;

/** The pinned settings whose values stay as they are. */
function findUntouched({ overrides, pinned, present }: DeriveOptions, filled: JsonObject): Override[] {
  const places = new Set(pinned);
  return overrides.filter(({ pointer, value }) => {
    const wanted = readSetting(filled, pointer);
    const isUntouched = isEmptySection(value)
      ? isJsonObject(wanted)
      : isEqualJson(wanted, readSetting(present, pointer));
    return places.has(pointer) && isUntouched;
  });
}

/** The settings that are needed and those that are pinned. Nothing is hidden where something is set. */
function settle(needed: readonly Setting[], options: DeriveOptions, filled: JsonObject): Override[] {
  const isNeeded = createSetTest(needed);
  const hiding = needed.filter(({ value }) => value === undefined);
  const isHidden = createWithinTest(hiding.map(({ pointer }) => pointer));
  const pinned = [...new Set(options.pinned)]
    .filter((pointer) => !isNeeded(pointer) && !isHidden(pointer))
    .map((pointer) => ({ pointer, value: readSetting(filled, pointer) }))
    .filter(({ value }) => value !== undefined && (!isJsonObject(value) || isEmptySection(value)));
  const isSet = createSetTest([...needed, ...pinned]);
  const settings = needed.filter(({ pointer, value }) => value !== undefined || !isSet(pointer));
  const before = new Map(options.overrides.map((override) => [override.pointer, override]));
  return [...settings, ...pinned].map((setting) => attribute(setting, before.get(setting.pointer), options.by));
}

const createSetTest = (settings: readonly Setting[]): ((pointer: Pointer) => boolean) =>
  createOverlapTest(settings.flatMap(({ pointer, value }) => (value === undefined ? [] : [pointer])));

/** Adds the setting that removes a difference; returns false when it is there already, or no setting can. */
function need(needed: Map<Pointer, Setting>, difference: Setting, beneath: JsonObject): boolean {
  const isDefault = difference.value === undefined && !isIn(beneath, difference.pointer);
  // What comes by default can't be taken away, but with an empty section around it that default does not come.
  const setting = isDefault ? { pointer: placesAround(difference.pointer)[0] ?? '', value: {} } : difference;
  const { pointer } = setting;
  const isThere = (): boolean => isIn(beneath, pointer) || [...needed.keys()].some((place) => isWithin(place, pointer));
  if (needed.has(pointer) || (isDefault && isThere())) return false;
  for (const place of placesAround(pointer)) needed.delete(place);
  needed.set(pointer, setting);
  return true;
}

/** A setting that an operator made before, to the same value, stays that operator's. */
function attribute({ pointer, value }: Setting, before: Override | undefined, by: Attribution): Override {
  if (before && isEqualJson(before.value, value)) return before;
  return { pointer, ...(value !== undefined && { value }), ...by };
}

/** What differs, leaf by leaf: an object on the target's side is never one setting, unless it is empty. */
export function differences(before: JsonObject, after: JsonObject): Setting[] {
  const found: Setting[] = [];
  compare(before, after, '', found);
  return found;
}

function compare(before: JsonValue | undefined, after: JsonValue | undefined, at: Pointer, found: Setting[]): void {
  if (!isJsonObject(after) || (isEmptySection(after) && !isJsonObject(before))) {
    if (!isEqualJson(before, after)) found.push({ pointer: at, value: after });
    return;
  }
  const from = isJsonObject(before) ? before : {};
  for (const key of Object.keys(from)) {
    const is = readMember(after, key);
    if (from[key] !== is) compare(from[key], is, appendToken(at, key), found);
  }
  for (const key of Object.keys(after)) {
    if (!Object.hasOwn(from, key)) compare(undefined, after[key], appendToken(at, key), found);
  }
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
