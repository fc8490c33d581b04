import type { Bus, PublishOptions } from '@setpoint/bus';
import { createInbox } from './samples.ts';

export interface HeldPublish {
  readonly topic: string;
  readonly text: string;
  readonly options: PublishOptions | undefined;
  /** Hands it on to the broker. */
  pass(): Promise<void>;
  /** Tells the publisher that it failed; the broker never sees it. */
  fail(cause: Error): void;
}

export interface HeldBus extends Bus {
  /** The next publish that waits to be passed or failed. */
  nextHeld(): Promise<HeldPublish>;
  readonly held: readonly HeldPublish[];
}

/** A bus whose publishes wait until the test lets them go: a broker that is slow, or refuses now and then. */
export function holdPublishes(bus: Bus): HeldBus {
  const inbox = createInbox<HeldPublish>();
  return {
    get status() {
      return bus.status;
    },
    held: inbox.all,
    nextHeld: () => inbox.next(),
    start: (options) => bus.start(options),
    subscribe: (filter, handler, options) => bus.subscribe(filter, handler, options),
    onStatus: (listener) => bus.onStatus(listener),
    reconnect: (reason) => bus.reconnect(reason),
    stop: (options) => bus.stop(options),
    publish: (topic, payload, options) =>
      new Promise((resolve, reject) => {
        const pass = async (): Promise<void> => {
          await bus.publish(topic, payload, options).then(resolve, reject);
        };
        inbox.put({ topic, text: Buffer.from(payload).toString(), options, pass, fail: reject });
      }),
    [Symbol.asyncDispose]: () => bus.stop(),
  };
}
