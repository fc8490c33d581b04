import { isEqualJson, isWithin, type JsonObject, type Pointer } from '@setpoint/protocol';
import { compose } from '../layer/compose.ts';
import type { Layer } from '../layer/layer.ts';
import { differences, type Override, readSetting, writeSettings } from '../layer/overrides.ts';
import type { Resolved } from '../layer/resolve.ts';

/**
 * The settable document that resolves to the wanted one. A place within a reference can only be set together with the
 * whole value of the reference.
 */
export function toSettable({ values, settable, references }: Resolved, wanted: JsonObject): JsonObject {
  const around = (at: Pointer): Pointer => references.find(({ pointer }) => isWithin(at, pointer))?.pointer ?? at;
  const places = new Set(differences(values, wanted).map(({ pointer }) => around(pointer)));
  return writeSettings(
    settable,
    [...places].map((pointer) => ({ pointer, value: readSetting(wanted, pointer) })),
  );
}

/** Drops overrides within a reference that resolves to the same document without them. */
export function withoutRepeated(
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

/** Are these the same overrides, in the same order? */
export const isSameLayer = (before: readonly Override[], after: readonly Override[]): boolean =>
  before.length === after.length && after.every((override) => before.includes(override));
