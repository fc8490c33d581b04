/** A copy of the first `length` bytes, and one byte more. */
export function headWith(bytes: Uint8Array, length: number, last: number): Uint8Array {
  const head = new Uint8Array(length + 1);
  head.set(bytes.subarray(0, length));
  head[length] = last;
  return head;
}

const encoder = new TextEncoder();

/** The bytes of a text in UTF-8; half a surrogate pair becomes U+FFFD. */
export const toUtf8 = (text: string): Uint8Array => encoder.encode(text);

/** One character for each of the last `length` bytes. */
export const tailAsLatin1 = (bytes: Uint8Array, length: number): string =>
  String.fromCharCode(...bytes.subarray(Math.max(0, bytes.length - length)));

/** Without padding. */
export const toBase64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** Reads a text of that alphabet, without padding; bits that are left over at its end are not looked at. */
export const fromBase64Url = (text: string): Uint8Array =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
