/** The URL schemes by which a broker can be reached from this runtime. */
export const brokerSchemes: readonly string[] = ['ws', 'wss'];

/** @throws always: a page has no files */
export function readTlsFile(_file: string): Uint8Array {
  throw { code: 'a page has none' };
}
