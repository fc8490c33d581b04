/** Returns a copy of the first `length` bytes, followed by one more byte. */
export function headWith(bytes: Uint8Array, length: number, last: number): Uint8Array {
  const head = new Uint8Array(length + 1);
  head.set(bytes.subarray(0, length));
  head[length] = last;
  return head;
}

const encoder = new TextEncoder();

/** The bytes of a text in UTF-8; half a surrogate pair becomes U+FFFD. */
export const toUtf8 = (text: string): Uint8Array => encoder.encode(text);

/** Decodes the last `length` bytes as Latin-1: one character for each byte. */
export const tailAsLatin1 = (bytes: Uint8Array, length: number): string =>
  String.fromCharCode(...bytes.subarray(Math.max(0, bytes.length - length)));

/** Encodes base64url without padding. */
export const toBase64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** Decodes base64url without padding; leftover bits at the end are ignored. */
export const fromBase64Url = (text: string): Uint8Array =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
