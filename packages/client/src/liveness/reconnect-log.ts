import type { Bus } from '@setpoint/bus';

/** Calls `onReconnected` with how long the connection was away. The loss itself is a fault that the bus reports. */
export function watchReconnects(bus: Pick<Bus, 'onStatus'>, onReconnected: (awayMs: number) => void): void {
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
    if (sinceMs !== undefined) onReconnected(performance.now() - sinceMs);
  });
}
