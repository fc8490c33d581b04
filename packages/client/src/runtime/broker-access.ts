import { readFileSync } from 'node:fs';

/** How a broker can be reached from here. */
export const brokerSchemes: readonly string[] = ['mqtt', 'mqtts', 'ws', 'wss'];

/** @throws what the file system says */
export const readTlsFile = (file: string): Uint8Array => readFileSync(file);
