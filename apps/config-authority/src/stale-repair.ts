import type { VersionRecord } from '@setpoint/engine';
import { type Health, isNewer } from '@setpoint/protocol';

/** Notices instances that the broker has given another snapshot than the one there is. */
export interface StaleRepair {
  hear(health: Health): void;
}

export interface StaleRepairOptions {
  /** The present version of a service; undefined where there is none. */
  readonly latest: (service: string) => VersionRecord | undefined;
  /** Publishes it again. */
  readonly reassert: (record: VersionRecord) => void;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

/** A version is on its way for so long. Milliseconds. */
const settleMs = 10_000;
/** At most so often for a service: an instance that can't read any snapshot must not make a storm. Milliseconds. */
const perMs = 60_000;

/**
 * A broker may keep an older retained message, or a stranger's, and the beacon names only what changed lately: who
 * starts later can't know. What it says of itself does: the newest version that it has seen, or that it could not read
 * what it got.
 */
export function createStaleRepair({ latest, reassert, now }: StaleRepairOptions): StaleRepair {
  const repairedAt = new Map<string, number>();
  return {
    hear({ service, state, config, error }) {
      const record = latest(service);
      if (!record || record.deleted || state === 'offline') return;
      const { snapshot } = record;
      const seen = config?.observed;
      const isStale = (seen !== undefined && isNewer(snapshot, seen)) || error?.code === 'snapshot_refused';
      if (!isStale || now() - Date.parse(snapshot.committedAt) < settleMs) return;
      const before = repairedAt.get(service);
      if (before !== undefined && now() - before < perMs) return;
      repairedAt.set(service, now());
      reassert(record);
    },
  };
}
