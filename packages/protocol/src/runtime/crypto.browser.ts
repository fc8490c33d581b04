import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 as hash } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { fromBase64Url, toBase64Url, toUtf8 } from './bytes.browser.ts';

// Not WebCrypto: it is asynchronous, and works only in pages that were loaded over TLS.

/** SHA-256 of a text in UTF-8. */
export const sha256 = (text: string, encoding: 'hex' | 'base64url'): string => {
  const digest = hash(toUtf8(text));
  return encoding === 'hex' ? bytesToHex(digest) : toBase64Url(digest);
};

/** Both halves of a fresh Ed25519 key in base64url: the public one and the secret one (RFC 8037). */
export function generateKey(): { readonly x: string; readonly d: string } {
  const { publicKey, secretKey } = ed25519.keygen();
  return { x: toBase64Url(publicKey), d: toBase64Url(secretKey) };
}

/** Returns a function that signs with the key. */
export function importSecretKey({ d }: { readonly x: string; readonly d: string }): (bytes: Uint8Array) => Uint8Array {
  const key = fromBase64Url(d);
  return (bytes) => ed25519.sign(bytes, key);
}

/**
 * Returns a function that verifies signatures of the key. For a key that is no point of the curve it returns false.
 * @throws Error for a key that is not 32 bytes
 */
export function importPublicKey(x: string): (signed: Uint8Array, signature: Uint8Array) => boolean {
  const key = fromBase64Url(x);
  if (key.length !== 32) throw new Error(`${key.length} bytes, and 32 are wanted`);
  // Strict as in RFC 8032 and Node; ZIP 215 accepts more signatures.
  return (signed, signature) => signature.length === 64 && ed25519.verify(signature, signed, key, { zip215: false });
}
