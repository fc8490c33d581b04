import type { Bus } from '@setpoint/bus';

/** Tells how long the connection was away, when it is back. The loss itself is a fault of the bus, which tells it. */
export function watchReturns(bus: Pick<Bus, 'onStatus'>, onReturn: (awayMs: number) => void): void {
  let wasConnected = false;
  let lostAtMs: number | undefined;
  bus.onStatus(({ kind }) => {
    if (kind !== 'connected') {
      if (wasConnected) lostAtMs ??= performance.now();
      return;
    }
    wasConnected = true;
    const sinceMs = lostAtMs;
    lostAtMs = undefined;
    if (sinceMs !== undefined) onReturn(performance.now() - sinceMs);
  });
}
