import {
  appendToken,
  type Fault,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
} from '@setpoint/protocol';
import { findNearName } from '@setpoint/protocol/internal';
import type { Shape } from './shape.ts';

/**
 * The members that no schema knows, each with the near name where there is one. An object whose schema declares
 * `properties` is closed unless it says `additionalProperties`: in a configuration a name that nobody reads is a
 * mistake, not an extension. The value is not repeated: it may be a secret under a misspelt name.
 */
export const findUnknownKeys = (shapes: readonly Shape[], document: JsonObject): Fault[] => {
  const faults: Fault[] = [];
  walk(shapes, document, '', faults);
  return faults;
};

/** Sections in which one schema knows every name; looked at again only when something in them has changed. */
const allKnown = new WeakMap<object, Shape>();

function walk(shapes: readonly Shape[], value: JsonObject | readonly JsonValue[], at: Pointer, faults: Fault[]): void {
  const [only] = shapes.length === 1 ? shapes : [];
  if (only && allKnown.get(value) === only) return;
  const before = faults.length;
  walkMembers(shapes, value, at, faults);
  if (only && faults.length === before) allKnown.set(value, only);
}

function walkMembers(
  shapes: readonly Shape[],
  value: JsonObject | readonly JsonValue[],
  at: Pointer,
  faults: Fault[],
): void {
  const isList = Array.isArray(value);
  for (const [key, member] of Object.entries(value)) {
    const isScalar = typeof member !== 'object' || member === null;
    if (isScalar && isList) continue;
    const known: Shape[] = [];
    for (const shape of shapes) {
      const inner = isList ? shape.item(Number(key)) : shape.member(key);
      if (inner) known.push(inner);
    }
    if (known.length === 0 && !isList && isClosed(shapes)) faults.push(unknownKey(appendToken(at, key), key, shapes));
    else if (known.length > 0 && !isScalar) walk(known, member, appendToken(at, key), faults);
  }
}

const isClosed = (shapes: readonly Shape[]): boolean =>
  shapes.some(({ names }) => names.length > 0) && !shapes.some(({ parts }) => parts.some(isOpen));

const isOpen = ({ additionalProperties, unevaluatedProperties }: JsonObject): boolean =>
  [additionalProperties, unevaluatedProperties].some((rest) => rest === true || isJsonObject(rest));

function unknownKey(pointer: Pointer, key: string, shapes: readonly Shape[]): Fault {
  const names = shapes.flatMap((shape) => shape.names);
  const near = findNearName(key, names);
  return {
    pointer,
    message: near === undefined ? 'is not a known setting' : `is not a known setting; did you mean "${near}"?`,
    expected: `one of ${[...new Set(names)].sort().join(', ')}`,
    ...(near !== undefined && { suggestion: near }),
  };
}
