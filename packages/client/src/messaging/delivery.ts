import type { Envelope } from '@setpoint/protocol';
import type { Deduplication } from './deduplication.ts';
import type { MessageQueue } from './queue.ts';
import type { Turn } from './turn.ts';

/** What became of the messages of one subscription. Everything that was received is in exactly one of the others. */
export interface DeliveryCounters {
  /** Messages that the broker delivered. */
  readonly received: number;
  /** The handler succeeded. */
  readonly handled: number;
  /** The handler threw. */
  readonly failed: number;
  /** Was handled before. */
  readonly duplicates: number;
  /** Was no CloudEvent, or did not fit the schema of a typed topic. */
  readonly invalid: number;
  /** Pushed out of a full queue, or left in it at the end. */
  readonly dropped: number;
  /** Overtaken by a newer one of its topic (`latest-per-topic`). */
  readonly replaced: number;
  /** In the queue now. */
  readonly waiting: number;
  /** Being handled now. */
  readonly running: number;
}

export interface DeliveryOptions {
  readonly queue: MessageQueue;
  /** Messages that may be handled at once. */
  readonly concurrency: number;
  readonly deduplication: Deduplication;
  readonly turn: Turn;
  /** @throws what `onFault` is told; the message is counted as invalid. */
  readonly open: (topic: string, payload: Uint8Array) => Envelope;
  /** What it returns is awaited. */
  readonly handler: (message: Envelope, topic: string) => unknown;
  readonly onFault: (message: string, cause: unknown) => void;
  /** Called when a message has left the queue. */
  readonly onTaken?: () => void;
}

/** Brings the messages of one subscription to its handler. */
export interface Delivery {
  put(topic: string, payload: Uint8Array): void;
  /** Handles nothing more; what waits is dropped, what runs goes on. */
  end(): void;
  /** Resolves when no handler runs. */
  whenIdle(): Promise<void>;
  counters(): DeliveryCounters;
}

/**
 * Messages are opened when their turn comes, not when they arrive: one that is dropped has cost nothing but its place.
 * A full queue is told once, and again after it has been empty; the counters know every message.
 */
export function createDelivery(options: DeliveryOptions): Delivery {
  const { queue, concurrency, deduplication, turn, open, handler, onFault, onTaken } = options;
  const counts = { received: 0, handled: 0, failed: 0, duplicates: 0, invalid: 0, dropped: 0, replaced: 0 };
  /** By what tells one message from another: the outcome of the copy that runs. */
  const underWay = new Map<string, Promise<void>>();
  const idle: (() => void)[] = [];
  let running = 0;
  let isEnded = false;
  let isOverflowTold = false;

  function put(topic: string, payload: Uint8Array): void {
    if (isEnded) return;
    counts.received += 1;
    const mustWait = running >= concurrency || turn.isOver();
    const { replaced, dropped } = queue.put({ topic, payload: mustWait ? compact(payload) : payload });
    if (replaced) counts.replaced += 1;
    if (dropped > 0) overflowed(topic, dropped);
    if (running < concurrency) void work();
  }

  function overflowed(topic: string, dropped: number): void {
    counts.dropped += dropped;
    if (isOverflowTold) return;
    isOverflowTold = true;
    const message = `the handler of ${topic} is too slow: the oldest of ${queue.size} waiting messages was dropped; make it faster, raise its concurrency or its queue limit, or let the latest message of each topic win`;
    onFault(message, undefined);
  }

  async function work(): Promise<void> {
    running += 1;
    for (let next = queue.take(); next; next = queue.take()) {
      onTaken?.();
      if (turn.isOver()) await turn.next();
      if (isEnded) {
        counts.dropped += 1;
        break;
      }
      const handling = deliver(next.topic, next.payload);
      if (handling) await handling;
    }
    running -= 1;
    if (queue.size === 0) isOverflowTold = false;
    if (running === 0) for (const settle of idle.splice(0)) settle();
  }

  function deliver(topic: string, payload: Uint8Array): Promise<void> | undefined {
    let message: Envelope;
    try {
      message = open(topic, payload);
    } catch (cause) {
      counts.invalid += 1;
      onFault(`a message on ${topic} is ignored`, cause);
      return undefined;
    }
    return concurrency === 1 ? handle(message, topic) : handleAlone(message, topic);
  }

  /** Two copies of one message are not handled at once: the second one waits to see whether it is needed. */
  async function handleAlone(message: Envelope, topic: string): Promise<void> {
    const key = `${message.source}\0${message.id}`;
    for (let other = underWay.get(key); other; other = underWay.get(key)) await other;
    if (isEnded) {
      counts.dropped += 1;
      return;
    }
    const handling = handle(message, topic);
    if (!handling) return;
    underWay.set(key, handling);
    await handling;
    underWay.delete(key);
  }

  /** Nothing is awaited where the handler is done when it returns. */
  function handle(message: Envelope, topic: string): Promise<void> | undefined {
    if (deduplication.has(message)) {
      counts.duplicates += 1;
      return undefined;
    }
    try {
      const result = handler(message, topic);
      if (isThenable(result)) {
        return Promise.resolve(result).then(
          () => succeeded(message),
          (cause) => failed(topic, cause),
        );
      }
      succeeded(message);
    } catch (cause) {
      failed(topic, cause);
    }
    return undefined;
  }

  function succeeded(message: Envelope): void {
    counts.handled += 1;
    deduplication.add(message);
  }

  function failed(topic: string, cause: unknown): void {
    if (cause instanceof InvalidMessage) {
      counts.invalid += 1;
      onFault(`a message on ${topic} is ignored`, cause.cause);
      return;
    }
    counts.failed += 1;
    onFault(`the handler of ${topic} threw`, cause);
  }

  return {
    put,
    end() {
      isEnded = true;
      counts.dropped += queue.clear();
    },
    async whenIdle() {
      if (running > 0) await new Promise<void>((settle) => idle.push(settle));
    },
    counters: () => ({ ...counts, waiting: queue.size, running }),
  };
}

/** Thrown in place of calling the user's handler: the message is at fault, not the handler. */
export class InvalidMessage extends Error {
  override readonly name = 'InvalidMessage';
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/** A payload is a piece of what the socket read; a small one that waits must not keep the whole in memory. */
const compact = (payload: Uint8Array): Uint8Array =>
  payload.byteLength * 2 < payload.buffer.byteLength ? Buffer.from(payload) : payload;
