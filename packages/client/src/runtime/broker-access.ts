import { readFileSync } from 'node:fs';

/** The URL schemes by which a broker can be reached from this runtime. */
export const brokerSchemes: readonly string[] = ['mqtt', 'mqtts', 'ws', 'wss'];

/** @throws Error of the file system, with its code */
export const readTlsFile = (file: string): Uint8Array => readFileSync(file);
