export interface ThrottleOptions {
  /** Milliseconds between two events of a key that pass. */
  readonly perMs: number;
  /** A clock in milliseconds. */
  readonly now: () => number;
}

/** Lets one event of each key pass per interval and counts the ones it holds back. */
export interface Throttle {
  /** How many events of this key were held back since the last one that passed; undefined when this one is held back. */
  admit(key: string): number | undefined;
}

/** Keys that are remembered. Past it the oldest is forgotten, and its next event passes. */
const capacity = 1000;

/**
 * Creates a throttle with bounded memory: it remembers the last 1,000 keys.
 *
 * @example
 * const throttle = createThrottle({ perMs: 1000, now: Date.now });
 * const heldBack = throttle.admit('client-7');
 * if (heldBack !== undefined) logger.warn({ heldBack }, 'too many requests');
 */
export function createThrottle({ perMs, now }: ThrottleOptions): Throttle {
  const seen = new Map<string, { at: number; heldBack: number }>();
  return {
    admit(key) {
      const last = seen.get(key);
      if (last && now() - last.at < perMs) {
        last.heldBack += 1;
        return undefined;
      }
      seen.delete(key);
      seen.set(key, { at: now(), heldBack: 0 });
      const oldest = seen.keys().next().value;
      if (seen.size > capacity && oldest !== undefined) seen.delete(oldest);
      return last?.heldBack ?? 0;
    },
  };
}
