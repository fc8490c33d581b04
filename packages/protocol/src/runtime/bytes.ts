/** Returns a copy of the first `length` bytes, followed by one more byte. */
export function headWith(bytes: Uint8Array, length: number, last: number): Uint8Array {
  const head = Buffer.allocUnsafe(length + 1);
  Buffer.from(bytes.buffer, bytes.byteOffset, length).copy(head);
  head[length] = last;
  return head;
}

/** The bytes of a text in UTF-8; half a surrogate pair becomes U+FFFD. */
export const toUtf8 = (text: string): Uint8Array => Buffer.from(text);

/** Decodes the last `length` bytes as Latin-1: one character for each byte. */
export const tailAsLatin1 = (bytes: Uint8Array, length: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', Math.max(0, bytes.length - length));

/** Encodes base64url without padding. */
export const toBase64Url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');

/** Decodes base64url without padding; leftover bits at the end are ignored. */
export const fromBase64Url = (text: string): Uint8Array => Buffer.from(text, 'base64url');
