import { appendToken, isJsonObject, isWithin, type JsonValue, mask, type Pointer } from '@setpoint/protocol';

/** A value at a place, with everything secret in it masked. */
export function maskSecrets(value: JsonValue, secrets: readonly Pointer[], at: Pointer = ''): JsonValue {
  if (secrets.some((secret) => isWithin(at, secret))) return mask;
  if (!secrets.some((secret) => isWithin(secret, at))) return value;
  if (Array.isArray(value)) {
    return value.map((item: JsonValue, index) => maskSecrets(item, secrets, appendToken(at, index)));
  }
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([key, member]) => [
    key,
    maskSecrets(member, secrets, appendToken(at, key)),
  ]);
  return Object.fromEntries(members);
}
