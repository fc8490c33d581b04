import type { Fault, JsonObject } from '@setpoint/protocol';
import type { Layer, Reference } from '../layer/layer.ts';
import { differences, type Override, writeSettings } from '../layer/overrides.ts';
import type { CompiledSchema } from '../schema/schema.ts';
import { placeFault } from '../schema/validate.ts';
import { formerPlace, type Migration, presentPlace, type Rename } from './migration.ts';

export interface MigratedSources {
  /** With their identity where nothing in them is old. */
  readonly layers: readonly Layer[];
  readonly overrides: readonly Override[];
  /** One for each old name that a file, a variable or an argument still uses. */
  readonly warnings: readonly Fault[];
}

/** What sources and operators said in the words of an older schema, in those of this one. */
export function migrateSources(
  schema: CompiledSchema | undefined,
  layers: readonly Layer[],
  overrides: readonly Override[],
): MigratedSources {
  const migration = schema?.migration;
  if (!migration) return { layers, overrides, warnings: [] };
  const migrated = layers.map((layer) => migrateLayer(layer, migration));
  return {
    layers: migrated.every(({ layer }, i) => layer === layers[i]) ? layers : migrated.map(({ layer }) => layer),
    overrides: migrateOverrides(overrides, migration),
    warnings: migrated.flatMap(({ renamed }, i) => renamed.map((rename) => warningOf(rename, layers[i] as Layer))),
  };
}

const warningOf = ({ from, to }: Rename, layer: Layer): Fault =>
  placeFault(
    {
      pointer: from,
      message: `has another name now: write ${to}`,
      suggestion: to,
      severity: 'warning',
      level: 'best_practice',
      rule: 'best_practice/renamed',
    },
    (pointer) => layer.locate(pointer),
  );

function migrateLayer(layer: Layer, migration: Migration): { layer: Layer; renamed: readonly Rename[] } {
  const { document: moved, renamed } = migration.rename(layer.document);
  const document: JsonObject = migration.convert(moved);
  if (document === layer.document) return { layer, renamed };
  const references = layer.references?.map((reference) => renameReference(reference, renamed));
  const locate: Layer['locate'] = (pointer) => layer.locate(formerPlace(pointer, renamed));
  return { layer: { ...layer, document, locate, ...(references && { references }) }, renamed };
}

/** A reference moves with the setting that it stands at, and follows one that it leads to. */
const renameReference = ({ pointer, parts }: Reference, renamed: readonly Rename[]): Reference => ({
  pointer: presentPlace(pointer, renamed),
  parts: parts.map((part) =>
    typeof part === 'string' || part.service !== undefined
      ? part
      : { ...part, pointer: presentPlace(part.pointer, renamed) },
  ),
});

/**
 * The runtime layer in the words of the present schema. Who set a value stays with it; what a function makes of several
 * is whoever's set the last of them.
 */
function migrateOverrides(overrides: readonly Override[], migration: Migration): readonly Override[] {
  const renamed = renameOverrides(overrides, migration);
  const last = renamed.at(-1);
  const before = writeSettings({}, renamed);
  const after = migration.convert(before);
  if (!last || after === before) return renamed;
  const byPlace = new Map(renamed.map((override) => [override.pointer, override]));
  const isTakenAway = ({ value }: Override): boolean => value === undefined;
  const settings = differences({}, after).map(({ pointer, value = null }) => {
    const { value: _, ...by } = byPlace.get(pointer) ?? last;
    return { ...by, pointer, value };
  });
  return [...renamed.filter(isTakenAway), ...settings];
}

function renameOverrides(overrides: readonly Override[], migration: Migration): readonly Override[] {
  // What an operator took away has no value, and moves with its name all the same.
  const places = writeSettings(
    {},
    overrides.map(({ pointer, value = null }) => ({ pointer, value })),
  );
  const { renamed } = migration.rename(places);
  if (renamed.length === 0) return overrides;
  const isThere = new Set(overrides.map(({ pointer }) => pointer));
  return overrides.flatMap((override): Override[] => {
    const pointer = presentPlace(override.pointer, renamed);
    if (pointer === override.pointer) return [override];
    // Where both names were set, the new one counts.
    return isThere.has(pointer) ? [] : [{ ...override, pointer }];
  });
}
