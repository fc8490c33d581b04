/** Lets one event of each key pass in a time, and counts the others. */
export interface Throttle {
  /** How many were held back since the last that passed; undefined where this one is held back too. */
  admit(key: string): number | undefined;
}

/** Keys that are told apart; past it the oldest is forgotten, and would pass again. */
const capacity = 1000;

export function createThrottle({ perMs, now }: { perMs: number; now: () => number }): Throttle {
  const seen = new Map<string, { at: number; dropped: number }>();
  return {
    admit(key) {
      const last = seen.get(key);
      if (last && now() - last.at < perMs) {
        last.dropped += 1;
        return undefined;
      }
      seen.delete(key);
      seen.set(key, { at: now(), dropped: 0 });
      if (seen.size > capacity) seen.delete(seen.keys().next().value as string);
      return last?.dropped ?? 0;
    },
  };
}
