import type { Logger } from '@setpoint/participant';

/** The logger of a page that gives none: the console gets warnings and errors. */
export async function createDefaultLogger(name: string): Promise<Logger> {
  return {
    debug: () => undefined,
    info: () => undefined,
    // biome-ignore lint/suspicious/noConsole: a page logs to its console
    warn: (fields, message) => console.warn(`${name}: ${message}`, fields),
    // biome-ignore lint/suspicious/noConsole: a page logs to its console
    error: (fields, message) => console.error(`${name}: ${message}`, fields),
  };
}
