import type { Bus, BusStatus } from '@setpoint/bus';
import type { Logger } from 'pino';

/**
 * Tells the log of the connection to the broker: that it is there, and how long it was not. Why it is lost, or not to be
 * had, the bus says by itself.
 */
export function createBrokerLog(logger: Logger, elapsed: () => number): (status: BusStatus) => void {
  const startedAt = elapsed();
  let isFirst = true;
  let awaySince: number | undefined;
  return (status) => {
    logger.debug({ ...status }, `broker: ${status.kind}`);
    const isAway = status.kind === 'reconnecting' || (status.kind === 'connecting' && status.reason !== undefined);
    if (isAway) awaySince ??= isFirst ? startedAt : elapsed();
    if (status.kind !== 'connected') return;
    const after = awaySince === undefined ? '' : ` after ${Math.round((elapsed() - awaySince) / 1000)} s`;
    logger.info({ session: status.session }, isFirst ? `connected to the broker${after}` : `connected again${after}`);
    isFirst = false;
    awaySince = undefined;
  };
}

/** Resolves when the first attempt to reach the broker has ended: with undefined, or with why it is not there. */
export function firstTry(bus: Bus, limitMs: number): Promise<string | undefined> {
  return new Promise((settle) => {
    const end = (why: string | undefined): void => {
      stopListening();
      clearTimeout(limit);
      settle(why);
    };
    const look = (status: BusStatus): void => {
      if (status.kind === 'connected') end(undefined);
      else if (status.kind === 'draining' || status.kind === 'closed') end('stopping');
      else if ('reason' in status && status.reason !== undefined) end(status.reason);
    };
    const stopListening = bus.onStatus(look);
    const limit = setTimeout(() => end('it has not answered yet'), limitMs);
    look(bus.status);
  });
}
