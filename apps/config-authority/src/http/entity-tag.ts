import type { IncomingHttpHeaders } from 'node:http';
import type { Stamp } from '@setpoint/protocol';
import { refuse, refuseMalformed } from './problems.ts';

/** What a document has: another version, another tag. */
export const entityTag = ({ epoch, version }: Pick<Stamp, 'epoch' | 'version'>): string => `"${epoch}-${version}"`;

type Tags = '*' | readonly string[];

const listPattern = /^\s*(?:(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(?:,\s*|$))+$/;
const tagPattern = /(?:W\/)?"[^"]*"/g;

/** Reads If-Match or If-None-Match. @throws HttpRefusal where it is neither `*` nor a list of entity tags */
function readTags(headers: IncomingHttpHeaders, name: 'if-match' | 'if-none-match'): Tags | undefined {
  const text = headers[name];
  if (text === undefined) return undefined;
  if (text.trim() === '*') return '*';
  // An opaque tag may hold a comma, so the list is not split at them. [RFC 9110, 8.8.3]
  if (!listPattern.test(text)) throw refuseMalformed(`${name} must be * or a list of entity tags in quotes`);
  return text.match(tagPattern) ?? [];
}

/** Has whoever asks this very document already? [RFC 9110, 13.1.2: compared weakly] */
export function isKnown(headers: IncomingHttpHeaders, stamp: Stamp): boolean {
  const tags = readTags(headers, 'if-none-match');
  if (tags === undefined) return false;
  return tags === '*' || tags.some((tag) => tag.replace(/^W\//, '') === entityTag(stamp));
}

/**
 * The version that a change expects by its preconditions; undefined: any.
 * @throws HttpRefusal `precondition_failed` where it can be said already that they don't hold
 */
export function expectedVersion(headers: IncomingHttpHeaders, present: Stamp | undefined): number | undefined {
  const wanted = readTags(headers, 'if-match');
  const unwanted = readTags(headers, 'if-none-match');
  if (wanted !== undefined) {
    // [RFC 9110, 13.1.1: compared strongly, so that a weak tag never matches]
    const isMatch = present !== undefined && (wanted === '*' || wanted.includes(entityTag(present)));
    if (!isMatch) throw refusePrecondition(present, 'If-Match');
    if (wanted !== '*') return present.version;
  }
  if (unwanted === undefined) return undefined;
  if (unwanted === '*' && !present) return 0;
  if (unwanted === '*' || (present && isKnown(headers, present))) throw refusePrecondition(present, 'If-None-Match');
  return undefined;
}

/** It says where the service stands, so that the next request can name it. */
export function refusePrecondition(present: Stamp | undefined, header: string): Error {
  const where = present ? `the service is at version ${present.version}` : 'there is no such service';
  const detail = `${where}, which ${header} rules out; read it, and ask again with its ETag`;
  return refuse('precondition_failed', detail, present ? { headers: { etag: entityTag(present) } } : {});
}
