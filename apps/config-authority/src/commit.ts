import type { Engine, Store, VersionRecord } from '@setpoint/engine';
import type { InstanceWatch } from './instances/instance-watch.ts';
import type { Beacon } from './publish/beacon.ts';
import type { SnapshotPublisher } from './publish/snapshot-publisher.ts';
import type { StaleRepair } from './publish/stale-repair.ts';
import type { TracedRequests } from './requests/traced-requests.ts';

export interface CommitStepOptions {
  readonly store: Pick<Store, 'services' | 'pendingOutbox'>;
  readonly engine: Pick<Engine, 'onCommit'>;
  readonly publisher: Pick<SnapshotPublisher, 'enqueue'>;
  readonly beacon: Pick<Beacon, 'changed'>;
  readonly traced: Pick<TracedRequests, 'traceOf'>;
}

/** What the versions of the store are followed with once the instances are watched. */
export interface CommitFollowers {
  readonly instances: Pick<InstanceWatch, 'target' | 'release'>;
  readonly repair: Pick<StaleRepair, 'changed'>;
}

/** The step from a durable version to its publication. */
export interface CommitStep {
  /** The latest version of a service, also of a deleted one; undefined when there is none. */
  latest(service: string): VersionRecord | undefined;
  /** Every service, deleted ones included. */
  services(): readonly string[];
  /** Takes up what an earlier process committed, then follows every commit. */
  follow(followers: CommitFollowers): void;
}

/** The beacons after a start name at most this many services, whatever is in the store. */
const namedAtStart = 100;

/**
 * Follows every version from its commit on: it is published, named in the beacons, and the version to converge on. Opens
 * with what the store has.
 */
export async function openCommitStep(options: CommitStepOptions): Promise<CommitStep> {
  const { store, engine, publisher, beacon, traced } = options;
  const latest = new Map((await store.services()).map((each) => [each.service, each.latest]));
  const pending = await store.pendingOutbox();

  function resume({ instances }: CommitFollowers): void {
    for (const { snapshot, deleted } of latest.values()) if (!deleted) instances.target(snapshot);
    // The process before may have been killed before a beacon named them, and a broker may keep older ones.
    for (const { snapshot } of newest([...latest.values()])) beacon.changed(snapshot.service, snapshot);
    for (const { service } of pending) {
      const record = latest.get(service);
      if (record) publisher.enqueue(record);
    }
  }

  function publish(record: VersionRecord, requestId: string | undefined, followers: CommitFollowers): void {
    const { snapshot, deleted } = record;
    const { service } = snapshot;
    latest.set(service, record);
    publisher.enqueue(record, traced.traceOf(requestId));
    beacon.changed(service, snapshot);
    followers.repair.changed(service);
    if (deleted) followers.instances.release(service);
    else followers.instances.target(snapshot);
  }

  return {
    latest: (service) => latest.get(service),
    services: () => [...latest.keys()],
    follow(followers) {
      resume(followers);
      engine.onCommit((record, requestId) => publish(record, requestId, followers));
    },
  };
}

/** The services that changed last, the most recent one at the end. */
const newest = (records: readonly VersionRecord[]): VersionRecord[] =>
  records
    .filter(({ deleted }) => !deleted)
    .sort((a, b) => (a.snapshot.committedAt < b.snapshot.committedAt ? -1 : 1))
    .slice(-namedAtStart);
