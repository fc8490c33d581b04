import { appendToken, isJsonObject, type JsonValue, type Pointer } from '@setpoint/protocol';

/** One setting of a document. A list is one, and so is a section with nothing in it. */
export interface Leaf {
  readonly pointer: Pointer;
  readonly value: JsonValue;
}

/** The settings at or in a place, as they stand. */
export function leavesOf(document: JsonValue, at: Pointer = ''): Leaf[] {
  const found: Leaf[] = [];
  collect(document, at, found);
  return found;
}

/** The places of settings that hold something. */
export const placesOf = (leaves: readonly Leaf[]): Pointer[] =>
  leaves.filter(({ value }) => !isJsonObject(value)).map(({ pointer }) => pointer);

function collect(value: JsonValue, at: Pointer, found: Leaf[]): void {
  const members = isJsonObject(value) ? Object.entries(value) : [];
  if (members.length === 0) found.push({ pointer: at, value });
  for (const [key, member] of members) collect(member, appendToken(at, key), found);
}
