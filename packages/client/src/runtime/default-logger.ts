import type { Logger } from '@setpoint/participant';

/** What could not be written waits for the next line, up to this many bytes; what is more is lost. */
const maxUnwrittenBytes = 65_536;

/** For those who bring no logger: pino, as JSON lines on standard error, warnings and up. */
export async function createDefaultLogger(name: string): Promise<Logger> {
  const { pino } = await import('pino');
  const destination = pino.destination({ dest: 2, sync: true, maxLength: maxUnwrittenBytes });
  // A disk that is full, where standard error is a file, must not end the process: unheard, the event would be thrown.
  destination.on('error', () => undefined);
  const logger = pino({ name, level: 'warn' }, destination);
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
