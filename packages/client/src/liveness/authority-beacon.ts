import { isNewer, type Keepalive, maxRecentServices, type Stamp } from '@setpoint/protocol';

// What the authority's beacons (its keepalives) tell a client about itself.

type Version = Pick<Stamp, 'epoch' | 'version'>;

/** Finds out that a live snapshot was lost on the way. */
export interface LostSnapshotWatch {
  /** Whether the retained snapshot should be asked for again. */
  hear(beacon: Keepalive, observed: Version | undefined): boolean;
  /** A new connection delivers the retained snapshot: what was missed before does not matter. */
  reset(): void;
}

/** How long the authority names a service after a change. Milliseconds. */
const recentWindowMs = 60_000;

/**
 * @param now a monotonic clock in milliseconds
 * @see docs/protocol.md#7-health-presence-convergence
 */
export function createLostSnapshotWatch(
  service: string,
  now: () => number = () => performance.now(),
): LostSnapshotWatch {
  let last: { commit: number; at: number; session: string } | undefined;
  return {
    hear({ recent = {}, commit, session }, observed) {
      const before = last;
      if (commit !== undefined) last = { commit, at: now(), session };
      const named = Object.hasOwn(recent, service) ? recent[service] : undefined;
      if (named) return observed === undefined || isNewer(named, observed);
      if (commit === undefined || before === undefined || commit <= before.commit) return false;
      // A restarted authority does not know what changed recently.
      if (before.session !== session) return true;
      // Something changed, and may have dropped out of the list before this beacon was heard.
      return now() - before.at >= recentWindowMs || Object.keys(recent).length >= maxRecentServices;
    },
    reset() {
      last = undefined;
    },
  };
}

/** Finds out that a newer version runs here than the authority has: its snapshots would be stale for ever. */
export interface AheadOfAuthorityWatch {
  /** The authority's newest version, if this beacon makes it certain. */
  hear(beacon: Keepalive, applied: Version | undefined): Version | undefined;
}

/** A single beacon may have been sent before the version that it does not know yet. */
const beaconsToBelieve = 2;

export function createAheadOfAuthorityWatch(service: string): AheadOfAuthorityWatch {
  let heard = 0;
  return {
    hear({ recent = {} }, applied) {
      const named = Object.hasOwn(recent, service) ? recent[service] : undefined;
      if (!named) return undefined;
      heard = applied && isNewer(applied, named) ? heard + 1 : 0;
      return heard === beaconsToBelieve ? named : undefined;
    },
  };
}

/** Says what is wrong, why, and what to do. */
export const describeAhead = (authority: string, newest: Version, applied: Version | undefined): string =>
  `version ${applied?.version} of epoch ${applied?.epoch} runs, which is newer than what the authority has, version ${newest.version} of epoch ${newest.epoch}: what it publishes is not applied; look who else publishes as ${authority}, whether its store was put back without a restore, and what is in cacheDir`;

/** A larger difference between two clocks is reported. Milliseconds. */
const largestSkewMs = 10_000;
/** A single message may have been delayed on the way. */
const sightingsToReport = 2;

/**
 * Compares this process's clock with the authority's at each beacon. `onSkew` is called once per episode, with a positive
 * difference when this clock is ahead.
 */
export function createSkewWatch(onSkew: (skewMs: number) => void): (theirsMs: number, oursMs: number) => void {
  let sightings = 0;
  return (theirsMs, oursMs) => {
    const skewMs = oursMs - theirsMs;
    if (Number.isNaN(skewMs)) return;
    sightings = Math.abs(skewMs) > largestSkewMs ? sightings + 1 : 0;
    if (sightings === sightingsToReport) onSkew(skewMs);
  };
}
