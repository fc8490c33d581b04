import { copyOf } from '#runtime/bytes';
import type { BackpressureBudget } from './backpressure-budget.ts';
import { createMessageHandling, type MessageHandlingOptions } from './message-handling.ts';
import type { MessageQueue } from './message-queue.ts';
import { inLaterTurn, type TimeSlice } from './time-slice.ts';

/** What became of the messages of one subscription. Each one received is counted in exactly one of the others. */
export interface DeliveryCounters {
  /** Messages that the broker delivered. */
  readonly received: number;
  /** The handler succeeded. */
  readonly handled: number;
  /** The handler threw. */
  readonly failed: number;
  /** The message had been handled before. */
  readonly duplicates: number;
  /** The message was no CloudEvent, or did not fit the schema of a typed topic. */
  readonly invalid: number;
  /** Pushed out of a full queue, or left in it at the end. */
  readonly dropped: number;
  /** Replaced by a newer message of its topic (`latest-per-topic`). */
  readonly replaced: number;
  /** In the queue now. */
  readonly waiting: number;
  /** Being handled now. */
  readonly running: number;
}

export interface DeliveryOptions extends MessageHandlingOptions {
  readonly queue: MessageQueue;
  readonly timeSlice: TimeSlice;
  /** Left out where the bus can't hold messages back. */
  readonly backpressure?: BackpressureBudget | undefined;
  /** Called when a message has left the queue. */
  readonly onTaken?: () => void;
  /** Called when the next message would push one out although the handler has had its time slice. */
  readonly onFull?: () => void;
}

/** Brings the messages of one subscription to its handler. */
export interface Delivery {
  put(topic: string, payload: Uint8Array): void;
  /** Handles nothing more: drops what waits and lets the handlers that run go on. */
  end(): void;
  /** Resolves when no handler runs. */
  whenIdle(): Promise<void>;
  counters(): DeliveryCounters;
}

/** What has happened since the queue was last empty. */
interface Backlog {
  readonly sinceMs: number;
  readonly receivedBefore: number;
  readonly startedBefore: number;
  /** How often in a row the handler took too few messages while the connection was held back. */
  misses: number;
  /** A dropped message was reported. */
  isReported: boolean;
}

/** A quick handler takes so many in a time slice. The connection is not held back for another one: all others would wait. */
const quickMessages = 5;
/** A slice may be short by no fault of the handler: when the machine is busy, or garbage is collected. */
const maxMisses = 20;
/** So many waiting messages are worth a turn of the event loop; each of them has to be copied. */
const soonMessages = 64;

/**
 * Messages are opened when their turn comes, not when they arrive, so a dropped message costs no more than its place.
 * A burst that arrives within one turn of the event loop drops none: the connection is held back until the handler has had
 * its time slice, as long as the handler is quick. Drops are reported once, and again after the queue has been empty;
 * the counters count every message.
 */
export function createDelivery(options: DeliveryOptions): Delivery {
  const { queue, concurrency, timeSlice, backpressure, onFault, onTaken, onFull } = options;
  const handling = createMessageHandling(options);
  const counts = { received: 0, dropped: 0, replaced: 0 };
  const idle: (() => void)[] = [];
  let running = 0;
  /** Of those that run: how many only wait for the next time slice. */
  let waitingForSlice = 0;
  let backlog: Backlog | undefined;
  let letGo: (() => void) | undefined;
  let isEnded = false;

  function put(topic: string, payload: Uint8Array): void {
    if (isEnded) return;
    counts.received += 1;
    const isFree = running < concurrency;
    if (isFree && queue.size === 0 && !timeSlice.isOver()) return handleNow(topic, payload);
    backlog ??= beginBacklog();
    const { replaced, dropped } = queue.put({ topic, payload: compact(payload) });
    if (replaced) counts.replaced += 1;
    if (dropped > 0) countDropped(backlog, topic, dropped);
    if (isFree) void workOff();
    if (queue.isFull ? !replaced : waitingForSlice > 0 && queue.size >= soonMessages) holdBack(backlog);
  }

  /** The queue is empty: the message needs no place in it, and is not copied. */
  function handleNow(topic: string, payload: Uint8Array): void {
    running += 1;
    const pending = handling.handle(topic, payload);
    if (pending) void pending.then(handledNow);
    else handledNow();
  }

  function handledNow(): void {
    running -= 1;
    if (queue.size > 0) void workOff();
    else noteIdle();
  }

  async function workOff(): Promise<void> {
    running += 1;
    while (queue.size > 0) {
      if (timeSlice.isOver()) await nextSlice();
      const next = queue.take();
      if (!next) break;
      onTaken?.();
      const pending = handling.handle(next.topic, next.payload);
      if (pending) await pending;
    }
    running -= 1;
    noteIdle();
  }

  async function nextSlice(): Promise<void> {
    waitingForSlice += 1;
    await timeSlice.next();
    waitingForSlice -= 1;
  }

  function noteIdle(): void {
    if (queue.size === 0) backlog = undefined;
    if (running === 0 && idle.length > 0) for (const resolve of idle.splice(0)) resolve();
  }

  const beginBacklog = (): Backlog => ({
    sinceMs: performance.now(),
    receivedBefore: counts.received - 1,
    startedBefore: handling.started,
    misses: 0,
    isReported: false,
  });

  /** Holds the connection back until the handler has had its time slice. */
  function holdBack(of: Backlog): void {
    if (letGo) return;
    letGo = of.misses > maxMisses ? undefined : backpressure?.tryHold();
    if (!letGo) {
      if (queue.isFull) onFull?.();
      return;
    }
    const startedBefore = handling.started;
    const wanted = Math.min(quickMessages, queue.size);
    const look = (): void => {
      if (!letGo) return;
      const took = handling.started - startedBefore;
      // Other handlers have their slice before this one.
      if (took === 0 && waitingForSlice > 0 && !backpressure?.isSpent()) {
        inLaterTurn(look);
        return;
      }
      // A handler that took nothing waits for something other than its slice.
      of.misses = took >= wanted ? 0 : took > 0 ? of.misses + 1 : Number.POSITIVE_INFINITY;
      if (queue.isFull) onFull?.();
      release();
    };
    inLaterTurn(look);
  }

  function release(): void {
    const held = letGo;
    letGo = undefined;
    held?.();
  }

  function countDropped(of: Backlog, topic: string, dropped: number): void {
    counts.dropped += dropped;
    if (of.isReported) return;
    of.isReported = true;
    const came = `within ${Math.round(performance.now() - of.sinceMs)} ms ${counts.received - of.receivedBefore} came`;
    const took = `it took ${handling.started - of.startedBefore}`;
    const hint =
      'make it faster, raise its concurrency or its queue limit, or let the latest message of each topic win';
    const what = `the oldest of ${queue.size} messages that wait for the handler of ${topic} was dropped`;
    onFault(`${what}: ${came} and ${took}; ${hint}`, undefined, 'dropped');
  }

  return {
    put,
    end() {
      isEnded = true;
      handling.end();
      counts.dropped += queue.clear();
      release();
    },
    async whenIdle() {
      if (running > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
    counters: () => ({
      ...handling.counts,
      ...counts,
      dropped: counts.dropped + handling.counts.dropped,
      waiting: queue.size,
      running,
    }),
  };
}

/** A payload is a piece of what the socket read; a small one that waits must not keep the whole in memory. */
const compact = (payload: Uint8Array): Uint8Array =>
  payload.byteLength * 2 < payload.buffer.byteLength ? copyOf(payload) : payload;
