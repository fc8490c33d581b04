import type { Logger } from './logger.ts';
import { createThrottle } from './throttle.ts';

/** One kind of line is told at once, and then not before. Milliseconds. */
const perMs = 60_000;

/**
 * Logs what a stranger can cause as often as they like: of each kind one line a minute, with `leftOut`, how many there
 * were since the last one.
 */
export function createLimitedLog(
  logger: Logger,
  now: () => number = () => performance.now(),
): (level: 'warn' | 'error', kind: string, fields: object, message: string) => void {
  const throttle = createThrottle({ perMs, now });
  return (level, kind, fields, message) => {
    const leftOut = throttle.admit(kind);
    if (leftOut !== undefined) logger[level](leftOut > 0 ? { ...fields, leftOut } : fields, message);
  };
}
