import type { LinkMessage } from './link.ts';

/** One QoS 1 message between the call of `publish` and its end. */
export interface QueuedPublish extends LinkMessage {
  /** What it counts against the bounds: topic, payload and properties. */
  readonly bytes: number;
  /** On the clock that `expire` is given. Entries must be offered in the order of their deadlines. */
  readonly deadlineMs: number;
  /** How many connections have closed while this message was under way on them. */
  closes: number;
  /** The caller has been told that the time is up; the message only still holds its place in the window. */
  overdue: boolean;
  /** Ends the caller's promise. */
  readonly settle: (error?: Error) => void;
}

export interface PublishQueueLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** A message is given up when this many connections have closed while it was under way. */
export const maxCloses = 3;

/**
 * The messages that wait, in order, and those under way. Pure: it has no clock, no timer and no connection.
 *
 * A broker answers some messages by closing the connection, and can't say which one it meant. So after a close
 * every message that was under way is sent again alone: the guilty one is found, the innocent ones survive.
 */
export class PublishQueue {
  readonly #limits: PublishQueueLimits;
  #queue: (QueuedPublish | undefined)[] = [];
  #head = 0;
  #waitingBytes = 0;
  #window = 0;
  /** A suspect is under way, alone. */
  #probing = false;
  readonly #inFlight = new Set<QueuedPublish>();

  constructor(limits: PublishQueueLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Nothing can be sent any more: each place in the window is held by a message that was never acknowledged. */
  get isStuck(): boolean {
    if (this.#inFlight.size === 0 || !(this.#probing || this.#inFlight.size >= this.#window)) return false;
    for (const entry of this.#inFlight) if (!entry.overdue) return false;
    return true;
  }

  /** Adds a message at the end. `false`: the outbox is full. */
  offer(entry: QueuedPublish): boolean {
    if (this.waiting >= this.#limits.maxMessages) return false;
    if (this.#waitingBytes + entry.bytes > this.#limits.maxBytes) return false;
    this.#queue.push(entry);
    this.#waitingBytes += entry.bytes;
    return true;
  }

  /** A connection is there that takes `window` unacknowledged messages. */
  open(window: number): void {
    this.#window = window;
  }

  /** Takes the next message that may be sent now. The caller sends it, then says `acknowledged` or `closed`. */
  next(): QueuedPublish | undefined {
    if (this.#probing || this.#inFlight.size >= this.#window) return undefined;
    const entry = this.#queue[this.#head];
    if (!entry) return undefined;
    if (entry.closes > 0) {
      if (this.#inFlight.size > 0) return undefined;
      this.#probing = true;
    }
    this.#shift(entry);
    this.#inFlight.add(entry);
    return entry;
  }

  /** The broker has answered, well or badly: the message's place in the window is free. */
  acknowledged(entry: QueuedPublish): void {
    if (this.#inFlight.delete(entry) && entry.closes > 0) this.#probing = false;
  }

  /**
   * The connection is gone. What was under way waits again, at the front and in order; returned are the messages
   * that are given up. With `blame` false the close had another cause and counts against no message.
   */
  closed(blame: boolean): QueuedPublish[] {
    const again: QueuedPublish[] = [];
    const givenUp: QueuedPublish[] = [];
    for (const entry of this.#inFlight) {
      if (blame) entry.closes += 1;
      if (entry.overdue) continue;
      (entry.closes >= maxCloses ? givenUp : again).push(entry);
    }
    this.#window = 0;
    this.#probing = false;
    this.#inFlight.clear();
    this.#putBack(again);
    return givenUp;
  }

  /** Takes out what waits, and marks what is under way, with a deadline at or before `nowMs`. */
  expire(nowMs: number): QueuedPublish[] {
    const expired: QueuedPublish[] = [];
    for (const entry of this.#inFlight) {
      if (entry.overdue || entry.deadlineMs > nowMs) continue;
      entry.overdue = true;
      expired.push(entry);
    }
    for (let entry = this.#queue[this.#head]; entry && entry.deadlineMs <= nowMs; entry = this.#queue[this.#head]) {
      this.#shift(entry);
      expired.push(entry);
    }
    return expired;
  }

  /** When `expire` has something to do next. */
  get nextDeadlineMs(): number | undefined {
    for (const entry of this.#inFlight) if (!entry.overdue) return entry.deadlineMs;
    return this.#queue[this.#head]?.deadlineMs;
  }

  /** Whether somebody still waits for an answer. */
  get isIdle(): boolean {
    return this.nextDeadlineMs === undefined;
  }

  /** Takes out everything that somebody still waits for. */
  clear(): QueuedPublish[] {
    const left = [...this.#inFlight].filter((entry) => !entry.overdue);
    for (const entry of this.#queue) if (entry) left.push(entry);
    this.#inFlight.clear();
    this.#probing = false;
    this.#queue = [];
    this.#head = 0;
    this.#waitingBytes = 0;
    return left;
  }

  #shift(entry: QueuedPublish): void {
    this.#queue[this.#head] = undefined;
    this.#head += 1;
    this.#waitingBytes -= entry.bytes;
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    } else if (this.#head >= 64 && this.#head * 2 > this.#queue.length) {
      // Places are given back in strides, so that taking a message stays O(1).
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #putBack(entries: readonly QueuedPublish[]): void {
    if (entries.length === 0) return;
    this.#queue = [...entries, ...this.#queue.slice(this.#head)];
    this.#head = 0;
    for (const entry of entries) this.#waitingBytes += entry.bytes;
  }
}
