import { isEqualJson, isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { SetpointError } from './problem.ts';

/** A JSON Pointer (RFC 6901): "" is the whole document, "/vad/threshold" a member of a member. */
export type Pointer = string;

/**
 * Splits a pointer into its unescaped tokens.
 * @throws SetpointError `pointer_invalid`
 * @see RFC 6901, 3 and 4
 */
export function parsePointer(pointer: Pointer): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) {
    throw new SetpointError(
      'pointer_invalid',
      `"${pointer}" is not a JSON Pointer: it starts with "/" and writes "~" as "~0" and "/" inside a name as "~1"`,
    );
  }
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const escapeToken = (token: string | number): string => String(token).replaceAll('~', '~0').replaceAll('/', '~1');

export const formatPointer = (tokens: readonly (string | number)[]): Pointer =>
  tokens.map((token) => `/${escapeToken(token)}`).join('');

export const appendToken = (pointer: Pointer, token: string | number): Pointer => `${pointer}/${escapeToken(token)}`;

/** The value at `pointer`, or undefined where there is none. */
export function readPointer(document: JsonValue, pointer: Pointer): JsonValue | undefined {
  let here: JsonValue | undefined = document;
  for (const token of parsePointer(pointer)) here = readMember(here, token);
  return here;
}

function readMember(value: JsonValue | undefined, token: string): JsonValue | undefined {
  if (Array.isArray(value)) return /^(0|[1-9]\d*)$/.test(token) ? value[Number(token)] : undefined;
  return isJsonObject(value) && Object.hasOwn(value, token) ? value[token] : undefined;
}

/** Does one of the two places contain the other, or are they the same? */
export const isOverlapping = (a: Pointer, b: Pointer): boolean => isWithin(a, b) || isWithin(b, a);

/** Is `inner` the place `outer` or a place inside it? */
export const isWithin = (inner: Pointer, outer: Pointer): boolean =>
  inner === outer || (inner.startsWith(outer) && inner[outer.length] === '/');

/**
 * Where two documents differ, as the outermost pointers whose value is not an object on both sides; sorted as the
 * members stand, those of `before` first. Lists are one value: a list that differs anywhere is one pointer.
 */
export function changedPointers(before: JsonValue | undefined, after: JsonValue | undefined): Pointer[] {
  const changed: Pointer[] = [];
  collect(before, after, '', changed);
  return changed;
}

function collect(before: JsonValue | undefined, after: JsonValue | undefined, at: Pointer, changed: Pointer[]): void {
  if (before === after) return;
  if (!isJsonObject(before) || !isJsonObject(after)) {
    if (!isEqualJson(before, after)) changed.push(at);
    return;
  }
  for (const key of unionOfKeys(before, after)) {
    collect(readMember(before, key), readMember(after, key), appendToken(at, key), changed);
  }
}

function unionOfKeys(before: JsonObject, after: JsonObject): string[] {
  return [...Object.keys(before), ...Object.keys(after).filter((key) => !Object.hasOwn(before, key))];
}
