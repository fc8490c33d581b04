import type { Bus, QoS, Subscription } from '@setpoint/bus';
import type { Envelope } from '@setpoint/protocol';
import type { BackpressureBudget } from './backpressure-budget.ts';
import type { Deduplication } from './deduplication.ts';
import { createDelivery, type DeliveryCounters } from './delivery.ts';
import type { OnFault } from './message-handling.ts';
import { createMessageQueue, type QueuePolicy } from './message-queue.ts';
import type { TimeSlice } from './time-slice.ts';

/** Called with every message on a matching topic. `signal` aborts when the subscription is closed or this process ends. */
export type MessageHandler<T> = (message: Envelope<T>, topic: string, signal: AbortSignal) => unknown;

export interface QueueOptions {
  /** Messages that may wait for the handler; `latest-per-topic`: topics. 1 to 1000000. @default 1000 */
  readonly limit?: number;
  /** Bytes that may wait; a message that is larger than that waits alone. @default 16777216 */
  readonly maxBytes?: number;
  /**
   * What gives way when the handler is too slow.
   * - `drop-oldest`: the message that has waited longest.
   * - `latest-per-topic`: the older message of the same topic, always; past `limit` topics the oldest.
   * - `back-pressure`: the broker. The filter is taken back until half the queue is empty; what is published meanwhile
   *   doesn't come, and costs this process nothing, but the broker sends retained messages again afterwards. Choose
   *   `limit` above the number of retained messages that match. MQTT can't hold back one filter of a connection without
   *   holding back all of them, heartbeats too; for a sender that waits, use `requestStream`.
   * @default "drop-oldest"
   */
  readonly policy?: QueuePolicy;
}

export interface MessageSubscribeOptions {
  /** @default 1 */
  readonly qos?: QoS;
  readonly queue?: QueueOptions;
  /** Messages handled at once; more than one gives up their order. 1 to 10000. @default 1 */
  readonly concurrency?: number;
}

export interface SubscriptionStats extends DeliveryCounters {
  /** `back-pressure`: how often the filter was taken back. */
  readonly pauses: number;
  readonly isPaused: boolean;
}

export interface MessageSubscription extends AsyncDisposable {
  /** Resolves when the broker has granted it for the first time; rejects with `stopped` when it ends before. */
  readonly ready: Promise<void>;
  /** Why the broker refused it the last time. */
  readonly refused: string | undefined;
  stats(): SubscriptionStats;
  /** Ends it: aborts the handler's signal and drops what waits. Resolves when the broker knows. Can be called twice. */
  close(): Promise<void>;
}

/** A subscription that can be awaited until the broker has granted it. */
export type PendingMessageSubscription = MessageSubscription & PromiseLike<MessageSubscription>;

export interface SubscriptionOptions {
  readonly bus: Pick<Bus, 'subscribe'>;
  /** Of the connection; undefined where the bus can't be held back. */
  readonly backpressure?: BackpressureBudget | undefined;
  readonly timeSlice: TimeSlice;
  readonly deduplication: Deduplication;
  /** @throws what is passed to `onFault` */
  readonly open: (topic: string, payload: Uint8Array) => Envelope;
  readonly onFault: OnFault;
  /** Called when it was closed. */
  readonly onClosed: (subscription: OwnSubscription) => void;
}

/** What the messenger needs beside that. */
export interface OwnSubscription extends MessageSubscription {
  /** Like `close`, without unsubscribing at the broker. Resolves when no handler runs any more. */
  end(): Promise<void>;
}

/** The least time before a filter that was taken back is subscribed to again. Milliseconds. */
const restMs = 100;

/**
 * Subscribes `handler` to `filter`.
 * @throws BusError `topic_invalid`, `stopped`
 */
export function openSubscription(
  { bus, backpressure, timeSlice, deduplication, open, onFault, onClosed }: SubscriptionOptions,
  filter: string,
  handler: MessageHandler<unknown>,
  {
    qos = 1,
    queue: { limit = 1000, maxBytes = 16_777_216, policy = 'drop-oldest' } = {},
    concurrency = 1,
  }: MessageSubscribeOptions,
): OwnSubscription {
  const controller = new AbortController();
  const { signal } = controller;
  const queue = createMessageQueue({ policy, maxMessages: limit, maxBytes });
  let pauses = 0;
  let pausedAtMs: number | undefined;
  let resuming: NodeJS.Timeout | undefined;

  const delivery = createDelivery({
    queue,
    concurrency,
    deduplication,
    timeSlice,
    backpressure,
    open,
    onFault: (message, cause, kind) => onFault(message, cause, `${kind} ${filter}`),
    handler: (message, topic) => handler(message, topic, signal),
    onTaken: () => {
      if (pausedAtMs !== undefined && resuming === undefined && queue.size <= limit / 2) resumeLater(pausedAtMs);
    },
    ...(policy === 'back-pressure' && { onFull: pause }),
  });

  const listen = (): Subscription =>
    bus.subscribe(filter, ({ topic, payload }) => delivery.put(topic, payload), { qos });
  const first = listen();
  let present = first;

  function pause(): void {
    if (pausedAtMs !== undefined) return;
    pausedAtMs = performance.now();
    pauses += 1;
    present.close().catch(() => {});
  }

  function resumeLater(sinceMs: number): void {
    resuming = setTimeout(resume, Math.max(0, sinceMs + restMs - performance.now()));
  }

  function resume(): void {
    resuming = undefined;
    pausedAtMs = undefined;
    try {
      present = listen();
    } catch (cause) {
      onFault(`${filter} is not subscribed to again`, cause, `not subscribed ${filter}`);
    }
  }

  function end(): void {
    clearTimeout(resuming);
    delivery.end();
    controller.abort(new Error(`the subscription ${filter} was closed`));
  }

  const subscription: OwnSubscription = {
    ready: first.ready,
    get refused() {
      return present.refused;
    },
    stats: () => ({ ...delivery.counters(), pauses, isPaused: pausedAtMs !== undefined }),
    end: () => {
      end();
      return delivery.whenIdle();
    },
    close() {
      end();
      onClosed(subscription);
      return present.close();
    },
    [Symbol.asyncDispose]: () => subscription.close(),
  };
  return subscription;
}
