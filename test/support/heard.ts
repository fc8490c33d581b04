import type { Bus, BusStatus, Subscription } from '@setpoint/bus';

export interface Heard {
  readonly subscription: Subscription;
  /** Every text heard until now. */
  readonly texts: readonly string[];
  /** The next text that was not taken yet. */
  next(): Promise<string>;
}

/** Listens to a filter, without waiting for the broker's grant. */
export function hear(bus: Bus, filter: string): Heard {
  const texts: string[] = [];
  let taken = 0;
  let more = Promise.withResolvers<void>();
  const subscription = bus.subscribe(filter, ({ payload }) => {
    texts.push(Buffer.from(payload).toString());
    more.resolve();
    more = Promise.withResolvers<void>();
  });
  return {
    subscription,
    texts,
    next: async () => {
      const index = taken;
      taken += 1;
      while (texts.length <= index) await more.promise;
      return texts[index] ?? '';
    },
  };
}

/** Resolves with the first status, the one of now included, that `wanted` accepts. */
export function reached(bus: Bus, wanted: (status: BusStatus) => boolean): Promise<BusStatus> {
  return new Promise((resolve) => {
    const check = (status: BusStatus): void => {
      if (!wanted(status)) return;
      leave();
      resolve(status);
    };
    const leave = bus.onStatus(check);
    check(bus.status);
  });
}

/** Resolves when the bus has connected for the `count`th time. */
export function session(bus: Bus, count: number): Promise<BusStatus> {
  return reached(bus, (status) => status.kind === 'connected' && status.session >= count);
}
