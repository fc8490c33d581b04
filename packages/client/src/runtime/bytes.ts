/** Returns a copy that shares no memory with the original. */
export const copyOf = (bytes: Uint8Array): Uint8Array => Buffer.from(bytes);
