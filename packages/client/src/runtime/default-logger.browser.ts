import type { Logger } from '@setpoint/participant';

/** For those who bring no logger: the console, warnings and up. */
export async function createDefaultLogger(name: string): Promise<Logger> {
  return {
    debug: () => undefined,
    info: () => undefined,
    // biome-ignore lint/suspicious/noConsole: it is where a page logs
    warn: (fields, message) => console.warn(`${name}: ${message}`, fields),
    // biome-ignore lint/suspicious/noConsole: it is where a page logs
    error: (fields, message) => console.error(`${name}: ${message}`, fields),
  };
}
