import { type Bus, BusError, type BusOptions, type BusStatus, type Subscription } from '@setpoint/bus';
import { Listeners } from '../configuration/guarded-callbacks.ts';

/**
 * A bus on the connection of another one: it begins and ends nothing but its own subscriptions, and has no Last Will.
 * It is over when the other one is.
 */
export function shareBus(bus: Bus, { will, onFault }: BusOptions): Bus {
  const listeners = new Listeners<BusStatus>((cause) =>
    onFault?.({ kind: 'handler_threw', message: 'a status listener threw', cause }),
  );
  const subscriptions = new Set<Subscription>();
  const closed: BusStatus = { kind: 'closed' };
  let phase: 'idle' | 'started' | 'stopped' = 'idle';
  let unlisten: (() => void) | undefined;

  const tell = (status: BusStatus): void => listeners.tell(status);
  const statusNow = (): BusStatus => (phase === 'stopped' ? closed : phase === 'idle' ? { kind: 'idle' } : bus.status);

  const shared: Bus = {
    get status() {
      return statusNow();
    },
    async start({ signal } = {}) {
      if (phase !== 'idle') throw refusal();
      phase = 'started';
      // It has the names of a session; the connection's Last Will is the first one's.
      will?.();
      unlisten = bus.onStatus(tell);
      if (bus.status.kind === 'connected') return tell(bus.status);
      const connected = Promise.withResolvers<void>();
      const leave = shared.onStatus((status) => {
        if (status.kind === 'connected') connected.resolve();
        if (status.kind === 'closed') connected.reject(refusal());
      });
      const abort = (): void => {
        connected.reject(signal?.reason);
        void shared.stop();
      };
      signal?.addEventListener('abort', abort, { once: true });
      await connected.promise.finally(() => {
        leave();
        signal?.removeEventListener('abort', abort);
      });
    },
    async publish(...message) {
      if (phase === 'stopped') throw refusal();
      return bus.publish(...message);
    },
    subscribe(...wanted) {
      const subscription = bus.subscribe(...wanted);
      subscriptions.add(subscription);
      return {
        ready: subscription.ready,
        get refused() {
          return subscription.refused;
        },
        refresh: () => subscription.refresh(),
        close() {
          subscriptions.delete(subscription);
          return subscription.close();
        },
      };
    },
    // Wrapped, so that one function listening twice can stop once.
    onStatus: (listener) => listeners.add((status) => listener(status)),
    reconnect: (reason) => bus.reconnect(reason),
    ...(bus.holdBack && { holdBack: () => bus.holdBack?.() ?? (() => {}) }),
    ...(bus.probe && { probe: () => bus.probe?.() ?? Promise.resolve(false) }),
    async stop() {
      if (phase === 'stopped') return;
      phase = 'stopped';
      unlisten?.();
      const closing = [...subscriptions].map((subscription) => subscription.close());
      subscriptions.clear();
      tell(closed);
      await Promise.allSettled(closing);
    },
    [Symbol.asyncDispose]: () => shared.stop(),
  };
  return shared;
}

const refusal = (): BusError => new BusError('stopped', 'this part of the connection was stopped; open it again');
