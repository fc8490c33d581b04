import type { Logger } from '@setpoint/participant';
import { createProblem, type Keepalive, keepaliveType, tryOpenMessage } from '@setpoint/protocol';
import type { Configuration } from '../configuration/configuration.ts';
import { createAheadOfAuthorityWatch, createLostSnapshotWatch, describeAhead } from '../liveness/authority-beacon.ts';
import type { ResolvedOptions } from '../options/resolve-options.ts';
import type { ProcessConnection } from './process-connection.ts';

export interface FollowAuthorityOptions {
  readonly options: ResolvedOptions;
  readonly logger: Logger;
  readonly connection: ProcessConnection;
  readonly configuration: Pick<Configuration<unknown>, 'offer' | 'heardAuthority' | 'observed' | 'stamp'>;
  /** Resolves when the disk was read: it says which versions are too old to be applied. */
  readonly cacheRead: Promise<unknown>;
}

/** Subscribes to the snapshots of the service and to the authority's beacons, and announces this process. */
export function followAuthority(given: FollowAuthorityOptions): void {
  const { options, logger, connection, configuration, cacheRead } = given;
  const { topics, service, authority, now } = options;
  const bus = connection.observedBus;
  const lostSnapshots = createLostSnapshotWatch(service);
  const ahead = createAheadOfAuthorityWatch(service);

  const snapshots = bus.subscribe(topics.snapshot(service), ({ payload }) => {
    cacheRead
      .then(() => configuration.offer(payload))
      .catch((cause) => logger.error({ service, err: cause }, 'a snapshot was dropped; this is a fault of the client'));
  });
  // Subscribes after the snapshot, which a start waits for.
  const liveness = connection.watchLiveness();
  bus.subscribe(topics.keepalive(authority), ({ payload }) => hearBeacon(payload), { qos: 0 });
  connection.announce();
  bus.onStatus(({ kind }) => {
    if (kind === 'connected') lostSnapshots.reset();
  });

  function hearBeacon(payload: Uint8Array): void {
    const opened = tryOpenMessage(keepaliveType, payload, { now: now() });
    if (!opened) return;
    const { data: beacon, envelope } = opened;
    configuration.heardAuthority();
    liveness.heardAuthority({ sentAt: envelope.time, intervalMs: beacon.intervalMs });
    reportIfAhead(beacon);
    if (lostSnapshots.hear(beacon, configuration.observed)) askAgain();
  }

  function reportIfAhead(beacon: Keepalive): void {
    const newest = ahead.hear(beacon, configuration.stamp);
    if (!newest) return;
    const message = describeAhead(authority, newest, configuration.stamp);
    logger.error({ service }, message);
    connection.health.report('degraded', 'degraded', createProblem('version_unknown', message));
  }

  function askAgain(): void {
    logger.warn({ service }, 'a live snapshot was lost on the way; asking for the retained one');
    snapshots.refresh().catch((cause) => logger.debug({ err: cause }, 'asking again failed'));
  }
}
