import { isNewer, type Keepalive, type Stamp } from '@setpoint/protocol';

type Version = Pick<Stamp, 'epoch' | 'version'>;

/** Finds out that what runs here is newer than what the authority has: a snapshot of its own would be stale for ever. */
export interface AheadWatch {
  /** The authority's newest version, where this sign of life is the one that makes it certain. */
  hear(keepalive: Keepalive, applied: Version | undefined): Version | undefined;
}

/** One sign of life may have been overtaken by the version that it does not know yet. */
const heardToBelieve = 2;

export function createAheadWatch(service: string): AheadWatch {
  let heard = 0;
  return {
    hear({ recent = {} }, applied) {
      const named = Object.hasOwn(recent, service) ? recent[service] : undefined;
      if (!named) return undefined;
      heard = applied && isNewer(applied, named) ? heard + 1 : 0;
      return heard === heardToBelieve ? named : undefined;
    },
  };
}

/** What is so, why, and what to do. */
export const describeAhead = (authority: string, newest: Version, applied: Version | undefined): string =>
  `version ${applied?.version} of epoch ${applied?.epoch} runs, which is newer than what the authority has, version ${newest.version} of epoch ${newest.epoch}: what it publishes is not applied; look who else publishes as ${authority}, whether its store was put back without a restore, and what is in cacheDir`;
