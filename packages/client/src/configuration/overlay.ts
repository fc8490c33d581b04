import { isJsonObject, type JsonObject, type JsonValue, type Pointer, parsePointer } from '@setpoint/protocol';

/** Values that replace published ones in a document, by pointer. */
export type Overlay = ReadonlyMap<Pointer, JsonValue>;

/** Returns a copy of the document with the values laid over it; missing objects on the way are created. */
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
