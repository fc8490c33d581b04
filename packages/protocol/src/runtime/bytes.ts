/** A copy of the first `length` bytes, and one byte more. */
export function headWith(bytes: Uint8Array, length: number, last: number): Uint8Array {
  const head = Buffer.allocUnsafe(length + 1);
  Buffer.from(bytes.buffer, bytes.byteOffset, length).copy(head);
  head[length] = last;
  return head;
}

/** The bytes of a text in UTF-8; half a surrogate pair becomes U+FFFD. */
export const toUtf8 = (text: string): Uint8Array => Buffer.from(text);

/** One character for each of the last `length` bytes. */
export const tailAsLatin1 = (bytes: Uint8Array, length: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', Math.max(0, bytes.length - length));

/** Without padding. */
export const toBase64Url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');

/** Reads a text of that alphabet, without padding; bits that are left over at its end are not looked at. */
export const fromBase64Url = (text: string): Uint8Array => Buffer.from(text, 'base64url');
