import { isJsonObject, type JsonObject } from '@setpoint/protocol';

/** Of the sections of large documents; most of them are the same with the next change. */
const known = new WeakMap<object, number>();

/** Bytes of a document as JSON. */
export function sizeOf(document: JsonObject, depth = 2): number {
  const before = known.get(document);
  if (before !== undefined) return before;
  const members = Object.entries(document).map(([name, value]) => {
    const size = depth > 0 && isJsonObject(value) ? sizeOf(value, depth - 1) : Buffer.byteLength(JSON.stringify(value));
    return Buffer.byteLength(JSON.stringify(name)) + 1 + size;
  });
  // The braces, and a comma between two members.
  const size = members.reduce((sum, one) => sum + one, 2 + Math.max(0, members.length - 1));
  known.set(document, size);
  return size;
}
