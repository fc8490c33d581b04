/** When each instance was last heard, and which are gone. Times are those of a monotonic clock, in milliseconds. */
export interface Presence {
  /** The instance gave a sign of life and is due again after `intervalMs`; by default after its last known interval. */
  heard(instance: string, intervalMs?: number): void;
  /** Whether the instance has missed its keepalives. */
  isSilent(instance: string): boolean;
  /** The instance said goodbye, or was lost. */
  left(instance: string): void;
  forget(instance: string): void;
  /** Finds instances that have fallen silent since the last call, and gone ones that are to be forgotten. */
  sweep(): { readonly silent: readonly string[]; readonly expired: readonly string[] };
}

/** An instance is silent after missing this many of its own intervals. */
const missedKeepalives = 3;
/** The interval of an instance that has not sent a keepalive yet. Milliseconds. */
const usualIntervalMs = 5000;
/** Gone instances are remembered this long, so that convergence can name them. Milliseconds. */
const forgetAfterMs = 86_400_000;
/** Gone instances that are remembered at most. The one that left first is forgotten first. */
const maxGone = 10_000;

export function createPresence(elapsed: () => number): Presence {
  const lastHeard = new Map<string, { at: number; intervalMs: number; isSilent: boolean }>();
  /** Instance → when it left, in the order of leaving. */
  const gone = new Map<string, number>();

  function findSilent(): string[] {
    const silent: string[] = [];
    for (const [instance, heard] of lastHeard) {
      if (heard.isSilent || elapsed() - heard.at <= heard.intervalMs * missedKeepalives) continue;
      lastHeard.set(instance, { ...heard, isSilent: true });
      gone.set(instance, elapsed());
      silent.push(instance);
    }
    return silent;
  }

  function findExpired(): string[] {
    let tooMany = gone.size - maxGone;
    return [...gone].filter(([, since]) => elapsed() - since > forgetAfterMs || tooMany-- > 0).map(([name]) => name);
  }

  return {
    heard(instance, intervalMs = lastHeard.get(instance)?.intervalMs ?? usualIntervalMs) {
      gone.delete(instance);
      lastHeard.set(instance, { at: elapsed(), intervalMs, isSilent: false });
    },
    isSilent: (instance) => lastHeard.get(instance)?.isSilent ?? false,
    left(instance) {
      gone.delete(instance);
      gone.set(instance, elapsed());
      lastHeard.delete(instance);
    },
    forget(instance) {
      gone.delete(instance);
      lastHeard.delete(instance);
    },
    sweep: () => ({ silent: findSilent(), expired: findExpired() }),
  };
}
