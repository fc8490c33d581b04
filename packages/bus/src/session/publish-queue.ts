import type { Lane } from './publish-lane.ts';
import { type QueuedPublish, WaitingLine } from './waiting-line.ts';

/** A message is given up when this many connections have closed while it was under way. */
export const maxCloses = 3;

/**
 * The QoS 1 messages that wait, in order, and those under way. Pure: it has no clock, no timer and no connection.
 *
 * A broker answers some messages by closing the connection, and can't say which one it meant. So after a close
 * every message that was under way is sent again alone: the guilty one is found, the innocent ones survive.
 */
export class PublishQueue {
  readonly #line = new WaitingLine();
  readonly #inFlight = new Set<QueuedPublish>();
  #window = 0;
  /** A suspect is under way, alone. */
  #probing = false;

  get waiting(): number {
    return this.#line.size;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Nothing can be sent any more: the broker has been silent for too long about every message in the window. */
  isStuck(nowMs: number): boolean {
    if (this.#inFlight.size === 0 || !(this.#probing || this.#inFlight.size >= this.#window)) return false;
    for (const entry of this.#inFlight) if (entry.answerDueMs > nowMs) return false;
    return true;
  }

  /**
   * Adds a message at the end. Returns the messages that it pushed out of its lane, or `undefined` if it is refused. The
   * bounds are for what waits: they don't hold for a message that can be sent at once.
   */
  offer(entry: QueuedPublish): readonly QueuedPublish[] | undefined {
    if (this.#line.size > 0 || !this.#hasRoom) return this.#line.offer(entry);
    this.#line.push(entry);
    return [];
  }

  /** A connection is there that takes `window` unacknowledged messages. */
  open(window: number): void {
    this.#window = window;
  }

  /** Takes the next message that may be sent now. The caller sends it, then calls `acknowledged` or `closed`. */
  next(): QueuedPublish | undefined {
    const entry = this.#line.first;
    if (!entry || !this.#hasRoom) return undefined;
    if (entry.closes > 0) {
      if (this.#inFlight.size > 0) return undefined;
      this.#probing = true;
    }
    this.#line.shift();
    this.#inFlight.add(entry);
    entry.lane.sent();
    return entry;
  }

  /** The broker has accepted or refused the message: its place in the window is free. */
  acknowledged(entry: QueuedPublish): void {
    if (!this.#inFlight.delete(entry)) return;
    entry.lane.ended();
    if (entry.closes > 0) this.#probing = false;
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
      if (entry.isAbandoned) continue;
      (entry.closes >= maxCloses ? givenUp : again).push(entry);
    }
    this.#window = 0;
    this.#emptyWindow();
    this.#line.putBack(again);
    return givenUp;
  }

  /** Takes out what waits, and abandons what is under way, with a deadline at or before `nowMs`. */
  expire(nowMs: number): QueuedPublish[] {
    const expired: QueuedPublish[] = [];
    for (const entry of this.#inFlight) {
      if (entry.isAbandoned || entry.deadlineMs > nowMs) continue;
      entry.isAbandoned = true;
      expired.push(entry);
    }
    expired.push(...this.#line.takeOut(({ deadlineMs }) => deadlineMs <= nowMs));
    return expired;
  }

  /** Sends again what the broker has been silent about for too long; the first copy keeps its place in the window. */
  retrySilent(nowMs: number): void {
    const again: QueuedPublish[] = [];
    for (const entry of this.#inFlight) {
      if (entry.isAbandoned || entry.answerDueMs > nowMs) continue;
      again.push({ ...entry });
      entry.isAbandoned = true;
    }
    this.#line.putBack(again);
  }

  /** When `expire`, `retrySilent` or `isStuck` can say something new. */
  nextDeadlineMs(nowMs: number): number {
    let next = this.#line.nextDeadlineMs;
    for (const { isAbandoned, deadlineMs, answerDueMs } of this.#inFlight) {
      if (!isAbandoned) next = Math.min(next, deadlineMs);
      if (answerDueMs > nowMs) next = Math.min(next, answerDueMs);
    }
    return next;
  }

  /** No caller waits for the end of a message. */
  get isIdle(): boolean {
    if (this.#line.size > 0) return false;
    for (const { isAbandoned } of this.#inFlight) if (!isAbandoned) return false;
    return true;
  }

  /** Takes out what waits on a lane. */
  clearLane(lane: Lane): QueuedPublish[] {
    return this.#line.takeOut((entry) => entry.lane === lane);
  }

  /** Takes out every message whose caller still waits. */
  clear(): QueuedPublish[] {
    const left = [...this.#inFlight].filter(({ isAbandoned }) => !isAbandoned);
    left.push(...this.#line.takeOut(() => true));
    this.#emptyWindow();
    return left;
  }

  get #hasRoom(): boolean {
    return !this.#probing && this.#inFlight.size < this.#window;
  }

  #emptyWindow(): void {
    for (const { lane } of this.#inFlight) lane.ended();
    this.#inFlight.clear();
    this.#probing = false;
  }
}
