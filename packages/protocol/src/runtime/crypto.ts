import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';

/** SHA-256 of a text in UTF-8. */
export const sha256 = (text: string, encoding: 'hex' | 'base64url'): string =>
  createHash('sha256').update(text).digest(encoding);

/** Both halves of a fresh Ed25519 key in base64url: the public one and the secret one (RFC 8037). */
export function generateKey(): { readonly x: string; readonly d: string } {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) as { x: string; d: string };
}

/** Returns a function that signs with the key. */
export function importSecretKey({
  x,
  d,
}: {
  readonly x: string;
  readonly d: string;
}): (bytes: Uint8Array) => Uint8Array {
  const key = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', x, d }, format: 'jwk' });
  return (bytes) => sign(null, bytes, key);
}

/**
 * Returns a function that verifies signatures of the key. For a key that is no point of the curve it returns false.
 * @throws Error for a key that is not 32 bytes
 */
export function importPublicKey(x: string): (signed: Uint8Array, signature: Uint8Array) => boolean {
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return (signed, signature) => verify(null, signed, key, signature);
}
