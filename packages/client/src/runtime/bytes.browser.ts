/** Bytes of their own. */
export const copyOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
