import { type Keepalive, maxRecentServices, type Stamp } from '@setpoint/protocol';

/** What the authority's signs of life say besides: what changed lately, so that a lost message is noticed. */
export interface Beacon {
  changed(service: string, stamp: Stamp): void;
  read(): Pick<Keepalive, 'recent' | 'commit'>;
}

/** Milliseconds. */
const windowMs = 60_000;

/**
 * `now` counts milliseconds whatever becomes of the wall clock: one that jumps must not make changes look old.
 * @see docs/protocol.md#7-health-presence-convergence
 */
export function createBeacon(commitCount: () => number, now: () => number = () => performance.now()): Beacon {
  /** Oldest first. */
  const changes = new Map<string, { epoch: number; version: number; at: number }>();
  return {
    changed(service, { epoch, version }) {
      changes.delete(service);
      changes.set(service, { epoch, version, at: now() });
    },
    read() {
      for (const [service, { at }] of changes) if (now() - at > windowMs) changes.delete(service);
      const newest = [...changes].slice(-maxRecentServices).reverse();
      const recent = Object.fromEntries(newest.map(([service, { epoch, version }]) => [service, { epoch, version }]));
      return { recent, commit: commitCount() };
    },
  };
}
