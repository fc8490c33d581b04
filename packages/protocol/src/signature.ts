import { fromBase64Url, headWith, tailAsLatin1, toBase64Url } from '#runtime/bytes';
import { SetpointError } from './problem.ts';

/**
 * A signed message ends in `,"signature":"<key id>.<base64url>"}`. What is signed is everything before that member
 * plus the closing brace, byte for byte, so that a verifier slices, verifies, and only then parses.
 * @see docs/protocol.md#signature
 */
export interface SplitMessage {
  /** The bytes that the signature covers; for an unsigned message, all of them. */
  readonly signed: Uint8Array;
  readonly signature: { readonly keyId: string; readonly bytes: Uint8Array } | undefined;
}

const opening = ',"signature":"';
/** An Ed25519 signature is 64 bytes: 86 characters of base64url without padding. */
const signatureLength = 86;
const maxKeyIdLength = 64;
const longestTail = opening.length + maxKeyIdLength + 1 + signatureLength + 2;
const tailPattern = /,"signature":"([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{86})"\}$/;
const closingBrace = 0x7d;
const quote = 0x22;

/** Takes a message apart without parsing it. A tail that is not exactly of the form is no signature. */
export function splitSignature(message: Uint8Array): SplitMessage {
  // Most messages are not signed, and end with the brace of their data.
  if (message[message.length - 2] !== quote) return { signed: message, signature: undefined };
  const match = tailPattern.exec(tailAsLatin1(message, longestTail));
  if (!match) return { signed: message, signature: undefined };
  // Both groups of the pattern take part in every match.
  const [whole, keyId, encoded] = match as unknown as [string, string, string];
  const decoded = fromBase64Url(encoded);
  // The last character of 86 carries four bits that mean nothing: only one spelling of a signature is accepted.
  if (toBase64Url(decoded) !== encoded) return { signed: message, signature: undefined };
  const signed = headWith(message, message.length - whole.length, closingBrace);
  return { signed, signature: { keyId, bytes: decoded } };
}

/** Adds a signature to the JSON text of an object. */
export function joinSignature(json: string, keyId: string, signature: Uint8Array): string {
  if (!isKeyId(keyId))
    throw new SetpointError('key_malformed', `"${keyId}" is not a key id: use A–Z, a–z, 0–9, "_", "-"`);
  return `${json.slice(0, -1)}${opening}${keyId}.${toBase64Url(signature)}"}`;
}

export const isKeyId = (text: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(text);
