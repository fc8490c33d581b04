/** What the client logs with: pino fits, and anything else with these four. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** For those who bring no logger: pino, as JSON lines on standard error, warnings and up. */
export async function createDefaultLogger(name: string): Promise<Logger> {
  const { pino } = await import('pino');
  const logger = pino({ name, level: 'warn' }, pino.destination({ dest: 2, sync: true }));
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
