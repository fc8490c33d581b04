import { createThrottle } from './throttle.ts';

/** Where a participant writes its log. A pino logger fits, and so does any object with these four methods. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Wraps a logger so that its methods never throw: a full disk or a closed stream costs log lines and nothing else.
 *
 * @example
 * const logger = guardLogger(pino());
 */
export function guardLogger(logger: Logger): Logger {
  const guard =
    (level: keyof Logger) =>
    (fields: object, message: string): void => {
      try {
        // A user's logger may be async although its type says it is not.
        const answer: unknown = logger[level](fields, message);
        if (answer instanceof Promise) answer.catch(() => undefined);
      } catch {
        // Logging is the last place where a failure could be reported.
      }
    };
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') };
}

/** Logs one line of a kind. `kind` groups lines that count as repetitions of each other. */
export type RateLimitedLog = (level: 'warn' | 'error', kind: string, fields: object, message: string) => void;

/** After a line of a kind, the next one of that kind is logged no sooner than this. Milliseconds. */
const perMs = 60_000;

/**
 * Returns a log function for events that a stranger can cause as often as they like. It writes one line a minute for
 * each kind; the field `leftOut` says how many were suppressed since the last line.
 *
 * @param now a clock in milliseconds; the default is monotonic
 * @example
 * const log = createRateLimitedLog(logger);
 * log('warn', 'signature_invalid', { topic }, 'a message was ignored because its signature is wrong');
 */
export function createRateLimitedLog(logger: Logger, now: () => number = () => performance.now()): RateLimitedLog {
  const throttle = createThrottle({ perMs, now });
  return (level, kind, fields, message) => {
    const leftOut = throttle.admit(kind);
    if (leftOut !== undefined) logger[level](leftOut > 0 ? { ...fields, leftOut } : fields, message);
  };
}
