import { isJsonObject, type JsonObject, type JsonValue, type Pointer, parsePointer } from '@setpoint/protocol';

/** Values that stand in a document in place of what was published, by pointer. */
export type Overlay = ReadonlyMap<Pointer, JsonValue>;

/** The document with the values in their places; objects that are missing on the way are made. The old one stays as it is. */
export function overlay(document: JsonObject, values: Overlay): JsonObject {
  let result = document;
  for (const [pointer, value] of values) result = place(result, parsePointer(pointer), value) as JsonObject;
  return result;
}

function place(here: JsonValue | undefined, [token, ...rest]: readonly string[], value: JsonValue): JsonValue {
  if (token === undefined) return value;
  if (Array.isArray(here))
    return here.map((item, index) => (String(index) === token ? place(item, rest, value) : item));
  const object = isJsonObject(here) ? here : {};
  const member = Object.hasOwn(object, token) ? object[token] : undefined;
  return { ...object, [token]: place(member, rest, value) };
}
