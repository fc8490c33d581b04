import { digestOf, type JsonObject, type JsonValue, type Pointer, SetpointError } from '@setpoint/protocol';
import { leavesOf } from '../document/leaf-settings.ts';
import { type CompiledSchema, compileSchema } from '../schema/schema.ts';
import type { StoredSources } from '../store/store.ts';
import type { Layer, Place, Reference, SourceName } from './layer.ts';

export interface UnpackedSources {
  readonly layers: readonly Layer[];
  readonly schema: CompiledSchema | undefined;
}

interface PackedLayer {
  readonly name: SourceName;
  readonly author: string;
  readonly document: JsonObject;
  /** The words that places are made of: names of files, variables and arguments. */
  readonly words: readonly string[];
  /** File, line and name of each leaf, sorted by pointer: places in `words`, and -1 for what there is not. */
  readonly places: readonly number[];
  readonly references?: readonly Reference[];
}

/** Packed once for each change of the sources: versions come more often than these. */
const known = new WeakMap<readonly Layer[], WeakMap<object, StoredSources>>();
const noSchema = {};

/** The layers and the schema with the place of every setting, so that a version can be explained when they are gone. */
export function packSources(layers: readonly Layer[], schema: CompiledSchema | undefined): StoredSources {
  const packed = known.get(layers) ?? new WeakMap<object, StoredSources>();
  known.set(layers, packed);
  const before = packed.get(schema ?? noSchema);
  if (before) return before;
  // Packed layers and schemas hold JSON alone; their interfaces have no index signature that says so.
  const content = { layers: layers.map(packLayer), schema: schema?.schema ?? null } as unknown as JsonObject;
  const fresh = { digest: digestOf(content), content };
  packed.set(schema ?? noSchema, fresh);
  return fresh;
}

function packLayer({ name, author, document, references, locate }: Layer): PackedLayer {
  const words = new Map<string, number>();
  const indexOf = (word: string | undefined): number => {
    if (word === undefined) return -1;
    const index = words.get(word) ?? words.size;
    words.set(word, index);
    return index;
  };
  const places = pointersOf(document).flatMap((pointer) => {
    const { file, line = -1, name: variable } = locate(pointer) ?? {};
    return [indexOf(file), line, indexOf(variable)];
  });
  return {
    name,
    author,
    document,
    words: [...words.keys()],
    places,
    ...(references && references.length > 0 && { references }),
  };
}

/** Sorted, so that the order does not hang on how a store writes objects. */
const pointersOf = (document: JsonObject): Pointer[] =>
  leavesOf(document)
    .map(({ pointer }) => pointer)
    .sort();

/**
 * What was packed. `present` is the service's schema now, which is used where it is the same: compiling takes long.
 * @throws SetpointError `store_damaged` for what was not packed here
 */
export const unpackSources = (content: JsonObject, present?: CompiledSchema): UnpackedSources => ({
  layers: unpackLayers(content),
  schema: unpackSchema(content.schema, present),
});

/**
 * The layers alone.
 * @throws SetpointError `store_damaged`
 */
export function unpackLayers({ layers }: JsonObject): readonly Layer[] {
  // Only `packSources` writes this member.
  if (Array.isArray(layers)) return (layers as unknown as PackedLayer[]).map(unpackLayer);
  throw new SetpointError('store_damaged', 'the sources of a version are not what was stored; restore a backup');
}

function unpackSchema(schema: JsonValue | undefined, present: CompiledSchema | undefined): CompiledSchema | undefined {
  if (schema === undefined || schema === null) return undefined;
  return present && digestOf(present.schema) === digestOf(schema) ? present : compileSchema(schema as JsonObject);
}

function unpackLayer({ name, author, document, words, places, references }: PackedLayer): Layer {
  let byPointer: Map<Pointer, Place> | undefined;
  const readPlaces = (): Map<Pointer, Place> =>
    new Map(pointersOf(document).map((pointer, i) => [pointer, unpackPlace(words, places.slice(i * 3, i * 3 + 3))]));
  return {
    name,
    author,
    document,
    ...(references && { references }),
    locate(pointer) {
      byPointer ??= readPlaces();
      for (let at = pointer; ; at = at.slice(0, at.lastIndexOf('/'))) {
        const place = byPointer.get(at);
        if (place || at === '') return place;
      }
    },
  };
}

function unpackPlace(words: readonly string[], [file = -1, line = -1, name = -1]: readonly number[]): Place {
  const word = (index: number): string | undefined => words[index];
  return {
    ...(word(file) !== undefined && { file: word(file) as string }),
    ...(line >= 0 && { line }),
    ...(word(name) !== undefined && { name: word(name) as string }),
  };
}
