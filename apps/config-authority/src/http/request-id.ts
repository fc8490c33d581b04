import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { refuseMalformed } from './problems.ts';

/** Visible ASCII, so that it can be told in a header and a log. */
const idPattern = /^[\x21-\x7e]{1,128}$/;

/** The id that whoever asks gave the request: the same id again is the same request. */
const givenId = (headers: IncomingHttpHeaders): unknown => headers['idempotency-key'] ?? headers['x-request-id'];

/** The id of a request; a fresh one where none was given, or none that can be used. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = givenId(headers);
  return typeof given === 'string' && idPattern.test(given) ? given : newRequestId();
}

/** @throws HttpRefusal for an id that can't be used: carried out under another one, it would not be found again */
export function requireUsableId(headers: IncomingHttpHeaders): void {
  const given = givenId(headers);
  if (given === undefined || (typeof given === 'string' && idPattern.test(given))) return;
  throw refuseMalformed('the request id (Idempotency-Key or X-Request-Id) must be 1 to 128 visible ASCII characters');
}

/** UUIDv7 (RFC 9562, 5.7): 48 bits of time, then chance. */
function newRequestId(): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
