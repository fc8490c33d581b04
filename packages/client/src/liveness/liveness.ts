import type { Bus } from '@setpoint/bus';
import { healthType, tryOpenMessage } from '@setpoint/protocol';
import { createSkewWatch } from './authority-beacon.ts';
import { createSilenceWatch } from './silence-watch.ts';

export interface LivenessOptions {
  readonly bus: Bus;
  /** The topic of the authority's health. */
  readonly authorityHealthTopic: string;
  /** Time between two probes of the broker. Milliseconds. */
  readonly intervalMs: number;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Called when this clock and the authority's differ too much; positive when this one is ahead. */
  readonly onSkew: (skewMs: number) => void;
}

/** Reconnects a connection that looks alive and is dead. */
export interface Liveness {
  /** Call with each beacon of the authority. */
  heardAuthority(beacon: { readonly sentAt: string; readonly intervalMs: number }): void;
  stop(): void;
}

/** Silent intervals in a row after which the connection is made anew. */
const silentIntervals = 3;

/** Shorter intervals count as this: a machine that is busy for a moment is not dead. Milliseconds. */
const shortestIntervalMs = 1000;
const longestTimerMs = 2_147_483_647;

const limitOf = (intervalMs: number): number =>
  Math.min(silentIntervals * Math.max(intervalMs, shortestIntervalMs), longestTimerMs);

/**
 * Watches the broker and the authority. The broker is probed every `intervalMs`, ahead of everything that waits to be
 * published, so that a full publish queue does not look like a dead broker. The authority's beacons are expected from
 * the first one of a connection on: an authority that is gone costs one reconnect at most, and none if its health says so.
 * @see docs/protocol.md#8-what-a-client-does
 */
export function watchLiveness({ bus, authorityHealthTopic, intervalMs, now, onSkew }: LivenessOptions): Liveness {
  const broker = createSilenceWatch(() =>
    bus.reconnect(`the broker has been silent for ${silentIntervals} intervals of ${intervalMs} ms`),
  );
  const authority = createSilenceWatch(() =>
    bus.reconnect(`${silentIntervals} beacons of the authority did not come, although it did not say goodbye`),
  );
  const compareClocks = createSkewWatch(onSkew);

  const probe = async (): Promise<void> => {
    if (bus.status.kind === 'connected' && (await bus.probe?.())) broker.heard(limitOf(intervalMs));
  };
  const subscription = bus.subscribe(authorityHealthTopic, ({ payload }) => {
    const health = tryOpenMessage(healthType, payload, { now: now() })?.data;
    if (health?.state === 'offline') authority.rest();
  });
  const leave = bus.onStatus(({ kind }) => {
    authority.rest();
    if (kind !== 'connected') broker.rest();
    else if (bus.probe) broker.heard(limitOf(intervalMs));
  });
  // Not on the keepalive timer, which a full connection or a slow handler may delay.
  const timer = setInterval(() => void probe(), intervalMs);
  timer.unref?.();

  return {
    heardAuthority({ sentAt, intervalMs: authorityIntervalMs }) {
      if (bus.status.kind !== 'connected') return;
      authority.heard(limitOf(authorityIntervalMs));
      compareClocks(Date.parse(sentAt), now());
    },
    stop() {
      leave();
      clearInterval(timer);
      broker.rest();
      authority.rest();
      void subscription.close();
    },
  };
}
