import { createHash } from 'node:crypto';
import { isJsonObject, type JsonValue } from './json.ts';

/** `sha256:<hex>`. */
export type Digest = string;

/**
 * The digest of a document: SHA-256 over its JSON with the members of every object sorted by UTF-16 code units. Only
 * writers compute it; readers compare it and never need to.
 * @see docs/protocol.md#4-snapshot
 */
export const digestOf = (value: JsonValue): Digest =>
  `sha256:${createHash('sha256').update(stringifySorted(value)).digest('hex')}`;

/** JSON with sorted members, without white space. */
export const stringifySorted = (value: JsonValue): string => JSON.stringify(sortMembers(value));

function sortMembers(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sortMembers);
  if (!isJsonObject(value)) return value;
  const sorted: Record<string, JsonValue> = {};
  for (const key of Object.keys(value).sort()) sorted[key] = sortMembers(value[key] as JsonValue);
  return sorted;
}
