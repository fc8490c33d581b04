import type { Bus } from '@setpoint/bus';
import { healthType, tryOpenMessage } from '@setpoint/protocol';
import { createSkewWatch } from './clock-skew.ts';
import { createSilenceWatch } from './silence-watch.ts';

export interface LivenessOptions {
  readonly bus: Bus;
  /** Where the authority says how it is. */
  readonly authorityHealthTopic: string;
  /** Between two questions to the broker. Milliseconds. */
  readonly intervalMs: number;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** This clock and the authority's are too far apart; positive: this one is ahead. */
  readonly onSkew: (skewMs: number) => void;
}

/** Makes a connection anew that looks alive and is dead. */
export interface Liveness {
  /** A sign of life of the authority came in. */
  heardAuthority(beacon: { readonly sentAt: string; readonly intervalMs: number }): void;
  stop(): void;
}

/** So many silent intervals in a row end a connection. */
const silentIntervals = 3;

/** A shorter interval is taken for this: a machine that is busy for a moment is not dead. Milliseconds. */
const shortestIntervalMs = 1000;
const longestTimerMs = 2_147_483_647;

const limitOf = (intervalMs: number): number =>
  Math.min(silentIntervals * Math.max(intervalMs, shortestIntervalMs), longestTimerMs);

/**
 * Two watches. The broker is asked every `intervalMs` for a sign of life, ahead of all that waits to be published, so
 * that a full outbox is no sign of death. The authority's beacons are expected from the first one of a connection on:
 * an authority that is gone costs one connection at most, and none where its health says that it is.
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

  const ask = async (): Promise<void> => {
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
  // Apart from the heartbeat, which a full wire or a slow handler may hold up.
  const timer = setInterval(() => void ask(), intervalMs);
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
