import type { Bus, BusMessage, BusStatus, Subscription } from '@setpoint/bus';

export interface Recorder {
  readonly handler: (message: BusMessage) => void;
  /** Everything heard until now. */
  readonly texts: string[];
  /** The next message that was not taken yet. */
  next(): Promise<BusMessage>;
  /** Resolves when `count` messages have been heard. */
  seen(count: number): Promise<void>;
}

export function recorder(): Recorder {
  const messages: BusMessage[] = [];
  let taken = 0;
  let heard = Promise.withResolvers<void>();
  const seen = async (count: number): Promise<void> => {
    while (messages.length < count) await heard.promise;
  };
  return {
    handler: (message) => {
      messages.push(message);
      heard.resolve();
      heard = Promise.withResolvers<void>();
    },
    get texts() {
      return messages.map(text);
    },
    next: async () => {
      taken += 1;
      const index = taken - 1;
      await seen(taken);
      return messages[index] as BusMessage;
    },
    seen,
  };
}

export async function hear(bus: Bus, filter: string): Promise<Recorder & { subscription: Subscription }> {
  const heard = recorder();
  const subscription = await bus.subscribe(filter, heard.handler);
  return Object.assign(heard, { subscription });
}

/** Resolves with the first status that `wanted` accepts, the present one included. */
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

export function text({ payload }: BusMessage): string {
  return new TextDecoder().decode(payload);
}
