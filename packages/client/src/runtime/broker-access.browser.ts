/** How a broker can be reached from here. */
export const brokerSchemes: readonly string[] = ['ws', 'wss'];

/** @throws always */
export function readTlsFile(_file: string): Uint8Array {
  throw { code: 'a page has none' };
}
