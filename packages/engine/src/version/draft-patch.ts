import {
  changedPointers,
  isEqualJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
} from '@setpoint/protocol';
import { createOverlapTest } from '../document/overlap.ts';
import { readMergePatch, readSetting } from '../layer/overrides.ts';

/**
 * One merge patch for two, the second over the first. Where the first puts a plain value or null and the second a section,
 * the section is merged into what the service has.
 */
export function composePatches(first: JsonObject, second: JsonObject): JsonObject {
  const members = Object.entries(second).map(([key, value]): [string, JsonValue] => {
    const before = Object.hasOwn(first, key) ? first[key] : undefined;
    return [key, isJsonObject(before) && isJsonObject(value) ? composePatches(before, value) : value];
  });
  return { ...first, ...Object.fromEntries(members) };
}

/** Where a patch changes what has changed since its base, to something else than is there now. */
export function findContested(patch: JsonObject, base: JsonObject, present: JsonObject): Pointer[] {
  const { set, unset } = readMergePatch(patch);
  const wanted = new Map(set.map(({ pointer, value }) => [pointer, value]));
  const isWanted = createOverlapTest([...wanted.keys(), ...unset]);
  return changedPointers(base, present)
    .filter(isWanted)
    .filter((pointer) => !wanted.has(pointer) || !isEqualJson(wanted.get(pointer), readSetting(present, pointer)));
}
