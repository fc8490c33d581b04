/** Bytes of their own. */
export const copyOf = (bytes: Uint8Array): Uint8Array => Buffer.from(bytes);
