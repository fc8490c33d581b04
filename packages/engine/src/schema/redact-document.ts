import { appendToken, isJsonObject, type JsonObject, type JsonValue, mask, type Pointer } from '@setpoint/protocol';
import { placesAround } from '../document/overlap.ts';

/** The document with the marker in place of every secret. Lists are opened as far as they hold one. */
export function redactDocument(document: JsonObject, secrets: readonly Pointer[]): JsonObject {
  const marked = new Set(secrets);
  const around = new Set(secrets.flatMap(placesAround));
  const redact = (value: JsonValue, at: Pointer): JsonValue => {
    if (marked.has(at)) return mask;
    if (!around.has(at)) return value;
    if (Array.isArray(value)) return value.map((item: JsonValue, index) => redact(item, appendToken(at, index)));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [key, redact(member, appendToken(at, key))]),
    );
  };
  const redacted = redact(document, '');
  return isJsonObject(redacted) ? redacted : {};
}
