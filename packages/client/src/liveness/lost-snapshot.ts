import { isNewer, type Keepalive, maxRecentServices } from '@setpoint/protocol';

/** Reads the authority's signs of life, to find out that a live message was lost on the way. */
export interface BeaconWatch {
  /** Should the retained snapshot be asked for again? */
  hear(keepalive: Keepalive, observed: { epoch: number; version: number } | undefined): boolean;
  /** A new connection has just been given the retained snapshot: what was missed before does not matter. */
  reset(): void;
}

/** How long the authority names a service that changed. Milliseconds. */
const recentWindowMs = 60_000;

/**
 * `now` counts milliseconds whatever becomes of the wall clock.
 * @see docs/protocol.md#7-health-presence-convergence
 */
export function createBeaconWatch(service: string, now: () => number = () => performance.now()): BeaconWatch {
  let last: { commit: number; at: number; session: string } | undefined;
  return {
    hear({ recent = {}, commit, session }, observed) {
      const before = last;
      if (commit !== undefined) last = { commit, at: now(), session };
      const named = Object.hasOwn(recent, service) ? recent[service] : undefined;
      if (named) return observed === undefined || isNewer(named, observed);
      if (commit === undefined || before === undefined || commit <= before.commit) return false;
      // An authority that was started again does not know what changed lately.
      if (before.session !== session) return true;
      // Something changed, and it may have dropped out of the list before this beacon was heard.
      return now() - before.at >= recentWindowMs || Object.keys(recent).length >= maxRecentServices;
    },
    reset() {
      last = undefined;
    },
  };
}
