import {
  appendToken,
  type Fault,
  isJsonObject,
  isWithin,
  type JsonObject,
  type JsonValue,
  type LayerName,
  type Pointer,
  parsePointer,
  readPointer,
} from '@setpoint/protocol';
import { createOverlapTest, placesAround } from '../document/overlap.ts';
import type { SecretTest } from '../schema/redact.ts';
import type { CompiledSchema } from '../schema/schema.ts';
import { type Composed, compose, mergeObjects } from './compose.ts';
import type { Layer, Place, Reference, SourceName } from './layer.ts';
import { type Override, writeSettings } from './overrides.ts';
import { type FindService, followReferences, secretReferences } from './references.ts';

/** What a service's document is made of. */
export interface Sources {
  readonly schema: CompiledSchema | undefined;
  /** Lowest first. */
  readonly layers: readonly Layer[];
  readonly overrides: readonly Override[];
  /** Where references into other services lead. @default nowhere */
  readonly findService?: FindService | undefined;
}

export interface Resolved {
  /** The whole effective document. */
  readonly values: JsonObject;
  /**
   * The document that operators change: without the arguments that lie over it, and with references as they are
   * written. The same object as `values` where there are neither.
   */
  readonly settable: JsonObject;
  /** What is wrong with the layers, and references that lead nowhere or back to themselves. */
  readonly faults: readonly Fault[];
  /** References that are in force, by what layers and operators set. */
  readonly references: readonly Reference[];
  /**
   * The referring places whose value is secret where it comes from; also where an operator covers the reference: a
   * rollback sets what it led to.
   */
  secretReferences(isSecret: SecretTest): Pointer[];
  /** Where the value at `pointer` comes from; undefined where there is none. */
  origin(pointer: Pointer): Origin | undefined;
  /** Where it comes from, followed by the layers that it hides, the nearest first; empty where there is no value. */
  origins(pointer: Pointer): readonly Origin[];
}

/** One layer's value for a place. The value of the first, which wins, is the effective one. */
export type Origin = { readonly value: JsonValue } & (
  | { readonly layer: Extract<LayerName, 'runtime_update'>; readonly override: Override }
  | { readonly layer: SourceName; readonly place: Place | undefined }
  | { readonly layer: Extract<LayerName, 'default'> }
);

const nowhere: FindService = () => undefined;

/**
 * Lays the layers over one another: objects merge, anything else replaces. Where a value comes from is worked out when it is
 * asked for.
 * @example
 * const { values, origin } = resolve({ schema, layers: [fileLayer], overrides: [] });
 * origin('/threshold')?.layer; // 'yaml_file'
 */
export function resolve(sources: Sources): Resolved {
  const { schema, layers, overrides, findService = nowhere } = sources;
  const laid = lay(schema, layers, overrides);
  const { references, faults: wrong } = inForce(compose(layers), overrides);
  const { values, faults } =
    references.length === 0
      ? { values: laid.values, faults: wrong }
      : follow(laid.values, references, wrong, findService, schema);
  const origins = (pointer: Pointer): readonly Origin[] => {
    // What a reference brings stands where the reference does.
    const around = references.find((reference) => isWithin(pointer, reference.pointer));
    return findOrigins(pointer, around?.pointer ?? pointer, values, sources);
  };
  return {
    values,
    settable: laid.settable,
    faults,
    references,
    secretReferences: (isSecret) =>
      secretReferences(compose(layers).references, isSecret, findService).filter(
        (pointer) => readPointer(values, pointer) !== undefined,
      ),
    origin: (pointer) => origins(pointer)[0],
    origins,
  };
}

/** The references that no runtime setting covers: what an operator sets is taken as it is written. */
function inForce(
  { references, faults }: Composed,
  overrides: readonly Override[],
): Pick<Composed, 'references' | 'faults'> {
  if ((references.length === 0 && faults.length === 0) || overrides.length === 0) return { references, faults };
  const isSet = createOverlapTest(overrides.map(({ pointer }) => pointer));
  return {
    references: references.filter(({ pointer }) => !isSet(pointer)),
    faults: faults.filter(({ pointer }) => pointer === '' || !isSet(pointer)),
  };
}

/** A reference may bring a section, which defaults fill as any other. */
function follow(
  document: JsonObject,
  references: readonly Reference[],
  wrong: readonly Fault[],
  findService: FindService,
  schema: CompiledSchema | undefined,
): { readonly values: JsonObject; readonly faults: readonly Fault[] } {
  const { values, faults } = followReferences(document, references, findService);
  return { values: schema ? schema.fillDefaults(values) : values, faults: [...wrong, ...faults] };
}

interface Laid {
  readonly schema: CompiledSchema | undefined;
  readonly layers: readonly Layer[];
  readonly settable: JsonObject;
  readonly values: JsonObject;
}

/** Remembers documents: one decision needs the same ones several times, and the next decision needs them again. */
const known = new WeakMap<object, Laid>();

function lay(schema: CompiledSchema | undefined, layers: readonly Layer[], overrides: readonly Override[]): Laid {
  const key = overrides.length > 0 ? overrides : layers;
  const before = known.get(key);
  if (before && before.schema === schema && before.layers === layers) return before;
  const { beneath, above } = compose(layers);
  const fill = (document: JsonObject): JsonObject => (schema ? schema.fillDefaults(document) : document);
  const written = writeSettings(beneath, overrides);
  const settable = fill(written);
  const result = { schema, layers, settable, values: above ? fill(mergeObjects(written, above)) : settable };
  known.set(key, result);
  return result;
}

function findOrigins(pointer: Pointer, said: Pointer, values: JsonObject, sources: Sources): readonly Origin[] {
  const effective = readPointer(values, pointer);
  if (effective === undefined) return [];
  const isWhole = said === pointer && isSection(effective);
  const [winner, ...hidden] = isWhole ? originsOfSection(pointer, sources) : originsOfLeaf(said, values, sources);
  // The value of a reference is what it leads to; a section is what all layers say of it together.
  return [{ ...(winner ?? { layer: 'default' }), value: effective } as Origin, ...hidden];
}

const isSection = (value: JsonValue): boolean => isJsonObject(value) && Object.keys(value).length > 0;

/** Layer by layer from the highest. */
function originsOfLeaf(pointer: Pointer, values: JsonObject, sources: Sources): Origin[] {
  const found: Origin[] = [];
  let isWon = false;
  let isCut = false;
  for (const { origin, isEnd } of says(pointer, sources)) {
    if (origin) found.push(origin);
    isWon ||= origin !== undefined && !isCut;
    isCut ||= isEnd;
  }
  const fallback = defaultAt(pointer, sources, values);
  const byDefault: Origin[] = fallback === undefined ? [] : [{ layer: 'default', value: fallback }];
  if (isWon) return [...found, ...byDefault];
  // A value around it hides what the layers say, or an operator took it away: the default shows.
  return [{ layer: 'default', value: fallback ?? null }, ...found];
}

/** A section comes from several layers; its place is where the first of them has it. */
function originsOfSection(pointer: Pointer, { layers, overrides }: Sources): Origin[] {
  const { origin } = saidAtRuntime(pointer, overrides);
  if (origin) return [origin];
  const said = layers.flatMap((layer) => saidBy(layer, pointer).origin ?? []);
  const within = overrides.filter(({ pointer: at, value }) => value !== undefined && isWithin(at, pointer));
  return [...said, ...within.map((override): Origin => ({ layer: 'runtime_update', value: null, override }))];
}

interface Said {
  readonly origin?: Origin;
  /** Nothing beneath shows through it. */
  readonly isEnd: boolean;
}

function* says(pointer: Pointer, { layers, overrides }: Sources): Generator<Said> {
  const highest = [...layers].reverse();
  for (const layer of highest) if (layer.name === 'cli_argument') yield saidBy(layer, pointer);
  yield saidAtRuntime(pointer, overrides);
  for (const layer of highest) if (layer.name !== 'cli_argument') yield saidBy(layer, pointer);
}

function saidBy(layer: Layer, pointer: Pointer): Said {
  const { value, isEnd } = lookUp(layer.document, pointer);
  if (value === undefined) return { isEnd };
  return { origin: { layer: layer.name, value, place: layer.locate(pointer) }, isEnd };
}

/** Overrides by their places: each setting of a document looks for the override around it. */
const placed = new WeakMap<readonly Override[], ReadonlyMap<Pointer, Override>>();

/** What an operator set, or took away, replaces all that was there. */
function saidAtRuntime(pointer: Pointer, overrides: readonly Override[]): Said {
  const byPlace = placed.get(overrides) ?? new Map(overrides.map((override) => [override.pointer, override]));
  placed.set(overrides, byPlace);
  const override = [pointer, ...placesAround(pointer)].flatMap((place) => byPlace.get(place) ?? [])[0];
  if (!override) return { isEnd: false };
  const value =
    override.value === undefined ? undefined : readPointer(override.value, pointer.slice(override.pointer.length));
  return { isEnd: true, ...(value !== undefined && { origin: { layer: 'runtime_update', value, override } }) };
}

function lookUp(document: JsonObject, pointer: Pointer): { value: JsonValue | undefined; isEnd: boolean } {
  let here: JsonValue = document;
  let isEnd = false;
  for (const token of parsePointer(pointer)) {
    isEnd ||= !isJsonObject(here);
    const member: JsonValue | undefined = readPointer(here, appendToken('', token));
    if (member === undefined) return { value: undefined, isEnd };
    here = member;
  }
  return { value: here, isEnd: isEnd || !isJsonObject(here) };
}

/** Remembers documents that hold only what defaults add, because every leaf of one asks for it. */
const bare = new WeakMap<JsonObject, JsonObject>();

/** What would be there if no layer said anything. */
function defaultAt(pointer: Pointer, { schema }: Sources, values: JsonObject): JsonValue | undefined {
  if (!schema) return undefined;
  const filled = bare.get(values) ?? schema.fillDefaults(sectionsOf(values));
  bare.set(values, filled);
  return readPointer(filled, pointer);
}

const sectionsOf = (document: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(document).flatMap(([key, value]) => (isJsonObject(value) ? [[key, sectionsOf(value)]] : [])),
  );
