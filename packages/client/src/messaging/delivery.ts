import type { Envelope } from '@setpoint/protocol';
import { copyOf } from '#runtime/bytes';
import type { createHoldBudget } from './backpressure-budget.ts';
import type { Deduplication } from './deduplication.ts';
import type { MessageQueue } from './message-queue.ts';
import { laterTurn, type Turn } from './time-slice.ts';

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
  /** Nothing more arrives until what `tryHold` returns is called; left out where the bus can't. */
  readonly hold?: ReturnType<typeof createHoldBudget> | undefined;
  /** @throws what `onFault` is told; the message is counted as invalid. */
  readonly open: (topic: string, payload: Uint8Array) => Envelope;
  /** What it returns is awaited. */
  readonly handler: (message: Envelope, topic: string) => unknown;
  readonly onFault: OnFault;
  /** Called when a message has left the queue. */
  readonly onTaken?: () => void;
  /** Called when the next message would push one out, and the handler has had its turn. */
  readonly onFull?: () => void;
}

/** `kind`: what the same is said of, however often. */
export type OnFault = (message: string, cause: unknown, kind: string) => void;

/** Brings the messages of one subscription to its handler. */
export interface Delivery {
  put(topic: string, payload: Uint8Array): void;
  /** Handles nothing more; what waits is dropped, what runs goes on. */
  end(): void;
  /** Resolves when no handler runs. */
  whenIdle(): Promise<void>;
  counters(): DeliveryCounters;
}

/** What has happened since the queue was empty. */
interface Backlog {
  readonly sinceMs: number;
  readonly receivedBefore: number;
  readonly startedBefore: number;
  /** How often in a row the handler took too few meanwhile. */
  misses: number;
  /** Whether it was told that a message was dropped. */
  isTold: boolean;
}

/** A quick handler takes so many in a slice of time. For another one the connection is not held back: others would wait. */
const quickMessages = 5;
/** A slice may be short by no fault of the handler: where the machine is busy, or garbage is collected. */
const maxMisses = 20;
/** Worth a turn of the event loop; what waits has to be copied. */
const soonMessages = 64;

/**
 * Messages are opened when their turn comes, not when they arrive: one that is dropped has cost nothing but its place.
 * A burst that arrives within one turn of the event loop is no reason to drop any: the connection is held back until the
 * handler has had its slice of time, as long as it is quick. What is too much for the queue then is told once, and again
 * after the queue has been empty; the counters know every message.
 */
export function createDelivery(options: DeliveryOptions): Delivery {
  const { queue, concurrency, deduplication, turn, hold, open, handler, onFault, onTaken, onFull } = options;
  const counts = { received: 0, handled: 0, failed: 0, duplicates: 0, invalid: 0, dropped: 0, replaced: 0 };
  /** By what tells one message from another: the outcome of the copy that runs. */
  const underWay = new Map<string, Promise<void>>();
  const idle: (() => void)[] = [];
  let running = 0;
  /** Of those that run: how many have nothing to do but wait for the next slice of time. */
  let waitingForTurn = 0;
  /** Messages that the handler was given. */
  let started = 0;
  let backlog: Backlog | undefined;
  let letGo: (() => void) | undefined;
  let isEnded = false;

  function put(topic: string, payload: Uint8Array): void {
    if (isEnded) return;
    counts.received += 1;
    const isFree = running < concurrency;
    if (isFree && queue.size === 0 && !turn.isOver()) return handleNow(topic, payload);
    backlog ??= beginBacklog();
    const { replaced, dropped } = queue.put({ topic, payload: compact(payload) });
    if (replaced) counts.replaced += 1;
    if (dropped > 0) overflowed(backlog, topic, dropped);
    if (isFree) void work();
    if (queue.isFull ? !replaced : waitingForTurn > 0 && queue.size >= soonMessages) holdOn(backlog);
  }

  /** Nothing waits: the message needs no place in the queue, and is not copied. */
  function handleNow(topic: string, payload: Uint8Array): void {
    running += 1;
    const handling = deliver(topic, payload);
    if (handling) void handling.then(handled);
    else handled();
  }

  function handled(): void {
    running -= 1;
    if (queue.size > 0) void work();
    else rest();
  }

  async function work(): Promise<void> {
    running += 1;
    while (queue.size > 0) {
      if (turn.isOver()) await nextTurn();
      const next = queue.take();
      if (!next) break;
      onTaken?.();
      const handling = deliver(next.topic, next.payload);
      if (handling) await handling;
    }
    running -= 1;
    rest();
  }

  async function nextTurn(): Promise<void> {
    waitingForTurn += 1;
    await turn.next();
    waitingForTurn -= 1;
  }

  function rest(): void {
    if (queue.size === 0) backlog = undefined;
    if (running === 0 && idle.length > 0) for (const settle of idle.splice(0)) settle();
  }

  const beginBacklog = (): Backlog => ({
    sinceMs: performance.now(),
    receivedBefore: counts.received - 1,
    startedBefore: started,
    misses: 0,
    isTold: false,
  });

  function holdOn(of: Backlog): void {
    if (letGo) return;
    letGo = of.misses > maxMisses ? undefined : hold?.tryHold();
    if (!letGo) {
      if (queue.isFull) onFull?.();
      return;
    }
    const startedBefore = started;
    const wanted = Math.min(quickMessages, queue.size);
    const look = (): void => {
      if (!letGo) return;
      const took = started - startedBefore;
      // Other handlers have their turn before this one.
      if (took === 0 && waitingForTurn > 0 && !hold?.isSpent()) {
        laterTurn(look);
        return;
      }
      // One that took nothing waits for something else than its turn.
      of.misses = took >= wanted ? 0 : took > 0 ? of.misses + 1 : Number.POSITIVE_INFINITY;
      if (queue.isFull) onFull?.();
      goOn();
    };
    laterTurn(look);
  }

  function goOn(): void {
    const release = letGo;
    letGo = undefined;
    release?.();
  }

  function overflowed(of: Backlog, topic: string, dropped: number): void {
    counts.dropped += dropped;
    if (of.isTold) return;
    of.isTold = true;
    const came = `within ${Math.round(performance.now() - of.sinceMs)} ms ${counts.received - of.receivedBefore} came`;
    const took = `it took ${started - of.startedBefore}`;
    const hint =
      'make it faster, raise its concurrency or its queue limit, or let the latest message of each topic win';
    const what = `the oldest of ${queue.size} messages that wait for the handler of ${topic} was dropped`;
    onFault(`${what}: ${came} and ${took}; ${hint}`, undefined, 'dropped');
  }

  function deliver(topic: string, payload: Uint8Array): Promise<void> | undefined {
    let message: Envelope;
    started += 1;
    try {
      message = open(topic, payload);
    } catch (cause) {
      counts.invalid += 1;
      onFault(`a message on ${topic} is ignored`, cause, 'ignored');
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
      onFault(`a message on ${topic} is ignored`, cause.cause, 'ignored');
      return;
    }
    counts.failed += 1;
    onFault(`the handler of ${topic} threw`, cause, 'threw');
  }

  return {
    put,
    end() {
      isEnded = true;
      counts.dropped += queue.clear();
      goOn();
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

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/** A payload is a piece of what the socket read; a small one that waits must not keep the whole in memory. */
const compact = (payload: Uint8Array): Uint8Array =>
  payload.byteLength * 2 < payload.buffer.byteLength ? copyOf(payload) : payload;
