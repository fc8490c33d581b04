/** How long to wait before an attempt to connect. */
export interface BackoffOptions {
  /** Ceiling of the second attempt's delay; every further one doubles it. Milliseconds. @default 500 */
  readonly minDelayMs?: number;
  /** Milliseconds. @default 5000 */
  readonly maxDelayMs?: number;
}

/** The first attempt after a loss is spread this far, so that a thousand clients don't connect at one instant. Milliseconds. */
const firstAttemptJitterMs = 100;

/**
 * The delay before attempt number `attempt` (from 0) in whole milliseconds, with full jitter: attempt 0 waits 0 to
 * 100 ms, the next ones up to 500, 1000, 2000 ms and so on until `maxDelayMs`.
 * @param random from 0 (included) to 1 (not included)
 * @see docs/protocol.md, what a client does
 */
export function backoffDelayMs(attempt: number, random: number, options: BackoffOptions = {}): number {
  const { minDelayMs = 500, maxDelayMs = 5000 } = options;
  if (attempt <= 0) return Math.floor(random * Math.min(firstAttemptJitterMs, maxDelayMs));
  const ceilingMs = Math.min(maxDelayMs, minDelayMs * 2 ** (attempt - 1));
  return Math.floor(random * ceilingMs);
}
