import { isWithin, type JsonObject, type Pointer, readPointer } from '@setpoint/protocol';
import type { Layer, LayerName, Place } from './layer/layer.ts';
import { type Override, writeSettings } from './layer/overrides.ts';
import type { CompiledSchema } from './schema.ts';

/** What a service's document is made of; highest last: schema defaults, the file, the runtime layer. */
export interface Sources {
  readonly schema: CompiledSchema | undefined;
  readonly file: Layer | undefined;
  readonly overrides: readonly Override[];
}

export interface Resolved {
  /** The whole effective document. */
  readonly values: JsonObject;
  /** Where the value at `pointer` comes from; undefined where there is none. */
  origin(pointer: Pointer): Origin | undefined;
}

export type Origin =
  | { readonly layer: Extract<LayerName, 'runtime_update'>; readonly override: Override }
  | { readonly layer: Extract<LayerName, 'yaml_file'>; readonly place: Place | undefined }
  | { readonly layer: Extract<LayerName, 'default'> };

const empty: JsonObject = Object.freeze({});

/** Lays the layers over one another: objects merge, anything else replaces. Provenance is worked out when asked. */
export function resolve({ schema, file, overrides }: Sources): Resolved {
  const { laid, values } = lay(schema, file?.document ?? empty, overrides);
  return {
    values,
    origin(pointer) {
      if (readPointer(values, pointer) === undefined) return undefined;
      const override = overrides.find(({ pointer: at, value }) => value !== undefined && isWithin(pointer, at));
      if (override) return { layer: 'runtime_update', override };
      if (readPointer(laid, pointer) !== undefined) return { layer: 'yaml_file', place: file?.locate(pointer) };
      return { layer: 'default' };
    },
  };
}

interface Laid {
  readonly schema: CompiledSchema | undefined;
  readonly document: JsonObject;
  /** The document with the runtime layer, without defaults. */
  readonly laid: JsonObject;
  readonly values: JsonObject;
}

/** A decision needs the same documents several times, and the next one needs them again. */
const known = new WeakMap<object, Laid>();

function lay(schema: CompiledSchema | undefined, document: JsonObject, overrides: readonly Override[]): Laid {
  const key = overrides.length > 0 ? overrides : document;
  const before = known.get(key);
  if (before && before.schema === schema && before.document === document) return before;
  const laid = writeSettings(document, overrides);
  const result = { schema, document, laid, values: schema ? schema.fillDefaults(laid) : laid };
  known.set(key, result);
  return result;
}
