import { z } from 'zod';
import { generateKey, importPublicKey, importSecretKey, sha256 } from '#runtime/crypto';
import { SetpointError } from './problem.ts';
import { isKeyId } from './signature.ts';

/** What the holder of a key may say: documents and results, or requests. */
export type KeyRole = 'authority' | 'operator';

/** A trusted public key as a JSON Web Key (RFC 8037) with what it is trusted for. */
export interface TrustedKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  /** The public key, base64url. */
  readonly x: string;
  /** The key id that signatures name. */
  readonly kid: string;
  readonly role: KeyRole;
  /** Names of services, `*` for any run of characters. @default all services */
  readonly services?: readonly string[] | undefined;
  /** RFC 3339. @default never */
  readonly expiresAt?: string | undefined;
  /** For an operator: the name under which its requests must come. @default any */
  readonly operator?: string | undefined;
}

/** The private half, to be kept where only its owner can read it. */
export interface SigningKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly d: string;
  readonly kid: string;
}

/** A JWK set (RFC 7517): what a service or an authority is given to trust. */
export interface TrustedKeys {
  readonly keys: readonly TrustedKey[];
}

export interface Signer {
  readonly keyId: string;
  sign(bytes: Uint8Array): Uint8Array;
}

export interface KeyRing {
  /**
   * Returns the key that made the signature.
   * @throws SetpointError `key_unknown`, `key_expired`, `key_not_allowed`, `signature_invalid`
   */
  verify(check: SignatureCheck): TrustedKey;
}

export interface SignatureCheck {
  readonly keyId: string;
  readonly role: KeyRole;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  /** Unix time in milliseconds. */
  readonly now: number;
}

const base64Url = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes in base64url');
const keyId = z.string().refine(isKeyId, 'must be 1 to 64 of A–Z, a–z, 0–9, "_", "-"');

const trustedKeys: z.ZodType<TrustedKeys> = z.object({
  keys: z.array(
    z.object({
      kty: z.literal('OKP'),
      crv: z.literal('Ed25519'),
      x: base64Url,
      kid: keyId,
      role: z.enum(['authority', 'operator']),
      services: z.array(z.string().regex(/^[a-z0-9_*-]{1,63}$/)).optional(),
      expiresAt: z.iso.datetime({ offset: true }).optional(),
      operator: z.string().optional(),
    }),
  ),
});

const signingKey: z.ZodType<SigningKey> = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: base64Url,
  d: base64Url,
  kid: keyId,
});

/** Makes a fresh Ed25519 key. Its id is the start of its thumbprint (RFC 7638). */
export function createSigningKey(): SigningKey {
  const { x, d } = generateKey();
  const thumbprint = sha256(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }), 'base64url');
  return { kty: 'OKP', crv: 'Ed25519', x, d, kid: thumbprint.slice(0, 16) };
}

/** The public half, as others are told to trust it. */
export const trustedKeyOf = (key: SigningKey, role: KeyRole): TrustedKey => ({
  kty: key.kty,
  crv: key.crv,
  x: key.x,
  kid: key.kid,
  role,
});

/** @throws SetpointError `key_malformed` */
export function parseSigningKey(json: unknown): SigningKey {
  return parseKey(signingKey, json, 'a signing key is a private Ed25519 JSON Web Key with a "kid"');
}

/** @throws SetpointError `key_malformed` */
export function parseTrustedKeys(json: unknown): TrustedKeys {
  return parseKey(trustedKeys, json, 'trusted keys are a JWK set of Ed25519 public keys, each with "kid" and "role"');
}

function parseKey<T>(schema: z.ZodType<T>, json: unknown, hint: string): T {
  const { success, data, error } = schema.safeParse(json);
  if (success) return data;
  // The input is not repeated: it may hold a private key.
  const faults = error.issues.map((issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`);
  throw new SetpointError('key_malformed', `${hint}; ${faults.join('; ')}`);
}

export const createSigner = (key: SigningKey): Signer => ({ keyId: key.kid, sign: importSecretKey(key) });

/** @throws SetpointError `key_malformed` for a key that is not 32 bytes, or for a key id used twice */
export function createKeyRing({ keys }: TrustedKeys): KeyRing {
  const ring = new Map<string, { trusted: TrustedKey; hasSigned: HasSigned }>();
  for (const trusted of keys) {
    if (ring.has(trusted.kid)) throw new SetpointError('key_malformed', `key id ${trusted.kid} is used twice`);
    ring.set(trusted.kid, { trusted, hasSigned: importKey(trusted) });
  }
  return {
    verify({ keyId: id, role, signed, signature, now }) {
      const entry = ring.get(id);
      if (!entry) throw new SetpointError('key_unknown', `key ${id} is not in the key ring of ${ring.size} keys`);
      const { trusted, hasSigned } = entry;
      if (trusted.role !== role) throw new SetpointError('key_not_allowed', `key ${id} may not speak as ${role}`);
      // Written so that a time that can't be read has passed.
      if (trusted.expiresAt && !(Date.parse(trusted.expiresAt) > now)) {
        throw new SetpointError('key_expired', `key ${id} expired at ${trusted.expiresAt}`);
      }
      if (!hasSigned(signed, signature)) {
        throw new SetpointError('signature_invalid', `the signature of key ${id} does not fit the message`);
      }
      return trusted;
    },
  };
}

type HasSigned = ReturnType<typeof importPublicKey>;

function importKey(trusted: TrustedKey): HasSigned {
  try {
    return importPublicKey(trusted.x);
  } catch (cause) {
    throw new SetpointError('key_malformed', `key ${trusted.kid} is not an Ed25519 public key`, { cause });
  }
}

/** May this key speak for `service`? */
export const isKeyFor = (key: Pick<TrustedKey, 'services'>, service: string): boolean =>
  key.services === undefined || key.services.some((pattern) => toRegExp(pattern).test(service));

const toRegExp = (pattern: string): RegExp => new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
