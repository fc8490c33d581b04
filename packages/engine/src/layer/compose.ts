import {
  type Fault,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
  parsePointer,
} from '@setpoint/protocol';
import { type Layer, type Reference, servicesOf } from './layer.ts';

/** The layers of a service, put together on either side of the runtime layer. */
export interface Composed {
  /** What goes beneath it. */
  readonly beneath: JsonObject;
  /** What goes over it; undefined where there is nothing. */
  readonly above: JsonObject | undefined;
  /** Those that no layer of these covers. */
  readonly references: readonly Reference[];
  /** What is wrong with layers, likewise. */
  readonly faults: readonly Fault[];
  /** The services that references lead to. */
  readonly services: readonly string[];
}

const empty: JsonObject = Object.freeze({});

/** Made once for each change of the sources: decisions come more often than these. */
const known = new WeakMap<readonly Layer[], Composed>();

export function compose(layers: readonly Layer[]): Composed {
  const before = known.get(layers);
  if (before) return before;
  const isAbove = ({ name }: Layer): boolean => name === 'cli_argument';
  const lay = (parts: readonly Layer[]): JsonObject | undefined =>
    parts.map(({ document }) => document).reduce<JsonObject | undefined>(layOver, undefined);
  const uncovered = <T extends { readonly pointer: Pointer }>(parts: readonly T[], i: number): T[] =>
    parts.filter(({ pointer }) => layers.slice(i + 1).every(({ document }) => !covers(document, pointer)));
  const references = layers.flatMap((layer, i) => uncovered(layer.references ?? [], i));
  const composed: Composed = {
    beneath: lay(layers.filter((layer) => !isAbove(layer))) ?? empty,
    above: lay(layers.filter(isAbove)),
    references,
    faults: layers.flatMap((layer, i) => uncovered(layer.faults ?? [], i)),
    services: servicesOf(references),
  };
  known.set(layers, composed);
  return composed;
}

const layOver = (lower: JsonObject | undefined, upper: JsonObject): JsonObject =>
  lower === undefined ? upper : mergeObjects(lower, upper);

/** Sections merge, anything else replaces. What is not touched keeps its identity. */
export function mergeObjects(lower: JsonObject, upper: JsonObject): JsonObject {
  const keys = Object.keys(upper);
  if (keys.length === 0) return lower;
  const merged: Record<string, JsonValue> = { ...lower };
  for (const key of keys) {
    const [under, over] = [Object.hasOwn(lower, key) ? lower[key] : undefined, upper[key] as JsonValue];
    merged[key] = isJsonObject(under) && isJsonObject(over) ? mergeObjects(under, over) : over;
  }
  return merged;
}

/** Does a document, laid over another one, leave nothing of a scalar that the other one has at this place? */
function covers(document: JsonObject, pointer: Pointer): boolean {
  let here: JsonValue = document;
  for (const token of parsePointer(pointer)) {
    if (!isJsonObject(here)) return true;
    if (!Object.hasOwn(here, token)) return false;
    here = here[token] as JsonValue;
  }
  return pointer !== '';
}
