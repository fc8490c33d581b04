import type { IncomingHttpHeaders } from 'node:http';
import type { Identity } from '@setpoint/engine';
import { isKeyFor, isName } from '@setpoint/protocol';
import type { ApiKey, ApiKeys } from './api-keys.ts';
import { refuse, refuseMalformed } from './problems.ts';

/** The caller of an API request, and what it may do. */
export interface Caller {
  /** The operator: author and requester of its operations. */
  readonly name: string;
  /** Whether a key proves the name. */
  readonly isKnown: boolean;
  /** The identity by which the engine judges what a request may touch. */
  readonly identity: Identity;
  readonly mayWrite: boolean;
  readonly maySeeAll: boolean;
  maySee(service: string): boolean;
}

/** Identifies the caller of a request by its headers. */
export type Identify = (headers: IncomingHttpHeaders) => Promise<Caller>;

/** The operator name of callers who give none, where no keys are needed. */
const anyone = 'http';

/** For a loopback host without keys: every caller is accepted, under the name that it gives. */
export const identifyByName: Identify = async (headers) => {
  const name = headers['x-setpoint-operator'] ?? anyone;
  if (typeof name === 'string' && isName(name)) {
    const identity = { requester: name };
    return { name, isKnown: false, identity, mayWrite: true, maySeeAll: true, maySee: () => true };
  }
  throw refuseMalformed('X-Setpoint-Operator must be a name of 1 to 63 of a–z, 0–9, "_", "-"');
};

/** For a host that other machines reach, without keys: no caller is accepted. */
export const identifyNobody =
  (what: string): Identify =>
  async () => {
    throw refuseUnknown(what);
  };

/** @see RFC 6750, 2.1 */
export const identifyByKey =
  (keys: ApiKeys, now: () => number): Identify =>
  async ({ authorization }) => {
    if (authorization === undefined) throw refuseUnknown('send Authorization: Bearer <token>');
    const [, token] = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization) ?? [];
    if (token === undefined) throw refuseUnknown('Authorization must be "Bearer <token>"');
    const key = await keys.find(token);
    if (!key) throw refuseUnknown('this token is none of ours; ask whoever keeps SETPOINT_HTTP_KEYS for one');
    if (key.expiresAt !== undefined && key.expiresAt <= now()) {
      throw refuseUnknown(`the key of ${key.name} expired at ${new Date(key.expiresAt).toISOString()}`);
    }
    return callerOf(key);
  };

function callerOf({ name, mayWrite, services }: ApiKey): Caller {
  const scope = services ? { services } : {};
  return {
    name,
    isKnown: true,
    identity: { requester: name, signedBy: { keyId: `http-${name}`, operator: name, ...scope } },
    mayWrite,
    maySeeAll: services === undefined,
    maySee: (service) => isKeyFor(scope, service),
  };
}

const refuseUnknown = (detail: string): Error =>
  refuse('unauthenticated', detail, { headers: { 'www-authenticate': 'Bearer realm="setpoint"' } });
