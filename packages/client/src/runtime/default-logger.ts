import type { Logger } from '@setpoint/participant';

/** Lines that could not be written wait for the next one, up to this many bytes; the rest is lost. */
const maxUnwrittenBytes = 65_536;

/** The logger of a service that gives none: pino writes warnings and errors to standard error, as JSON lines. */
export async function createDefaultLogger(name: string): Promise<Logger> {
  const { pino } = await import('pino');
  const destination = pino.destination({ dest: 2, sync: true, maxLength: maxUnwrittenBytes });
  // Without a listener the event would be thrown, and a full disk under standard error would end the process.
  destination.on('error', () => undefined);
  const logger = pino({ name, level: 'warn' }, destination);
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
