import { sha256 } from '#runtime/crypto';
import { isJsonObject, type JsonValue } from './json.ts';

/** `sha256:<hex>`. */
export type Digest = string;

/**
 * The digest of a document: SHA-256 over its JSON as RFC 8785 writes it. Only writers compute it; readers compare it
 * and never need to.
 * @see docs/protocol.md#4-snapshot
 */
export const digestOf = (value: JsonValue): Digest => `sha256:${sha256(stringifySorted(value), 'hex')}`;

/**
 * JSON without white space, the members of every object sorted by UTF-16 code units (RFC 8785). Written member by
 * member: an object would put names that look like numbers first, whatever order they were given in.
 */
export function stringifySorted(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(stringifySorted).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).filter((key) => value[key] !== undefined);
  return `{${members
    .sort()
    .map((key) => `${JSON.stringify(key)}:${stringifySorted(value[key] as JsonValue)}`)
    .join(',')}}`;
}
