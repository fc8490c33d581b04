import type { Lane } from './publish-lane.ts';
import { type QueuedPublish, WaitingLine } from './waiting-line.ts';

/** Messages handed to the connection at once: those can't be taken back when a newer one should push them out. */
const maxWriting = 64;
/** And bytes, unless it is a single message. */
const maxWritingBytes = 8_388_608;

/** The QoS 0 messages that wait for the socket, and those being written. Pure, and used only while connected. */
export class WriteQueue {
  readonly #line = new WaitingLine();
  readonly #writing = new Set<QueuedPublish>();
  #writingBytes = 0;

  /** Adds a message. Returns the messages that it pushed out of its lane, or `undefined` if it is refused. */
  offer(entry: QueuedPublish): readonly QueuedPublish[] | undefined {
    if (this.#line.size > 0 || !this.#hasRoomFor(entry)) return this.#line.offer(entry);
    this.#line.push(entry);
    return [];
  }

  /** Takes the next message that may be written now. The caller writes it, then calls `written`. */
  next(): QueuedPublish | undefined {
    const entry = this.#line.first;
    if (!entry || !this.#hasRoomFor(entry)) return undefined;
    this.#line.shift();
    this.#writing.add(entry);
    this.#writingBytes += entry.bytes;
    entry.lane.sent();
    return entry;
  }

  /** Returns false if the message was given up before. */
  written(entry: QueuedPublish): boolean {
    if (!this.#writing.delete(entry)) return false;
    this.#writingBytes -= entry.bytes;
    entry.lane.ended();
    return true;
  }

  /** Takes out everything with a deadline at or before `nowMs`. */
  expire(nowMs: number): QueuedPublish[] {
    const expired = [...this.#writing].filter(({ deadlineMs }) => deadlineMs <= nowMs);
    for (const entry of expired) this.written(entry);
    expired.push(...this.#line.takeOut(({ deadlineMs }) => deadlineMs <= nowMs));
    return expired;
  }

  get nextDeadlineMs(): number {
    let next = this.#line.nextDeadlineMs;
    for (const { deadlineMs } of this.#writing) next = Math.min(next, deadlineMs);
    return next;
  }

  get isIdle(): boolean {
    return this.#line.size === 0 && this.#writing.size === 0;
  }

  /** Takes out what waits on a lane. */
  clearLane(lane: Lane): QueuedPublish[] {
    return this.#line.takeOut((entry) => entry.lane === lane);
  }

  /** Takes out everything. */
  clear(): QueuedPublish[] {
    const left = [...this.#writing];
    for (const entry of left) this.written(entry);
    left.push(...this.#line.takeOut(() => true));
    return left;
  }

  #hasRoomFor({ bytes }: QueuedPublish): boolean {
    if (this.#writing.size === 0) return true;
    return this.#writing.size < maxWriting && this.#writingBytes + bytes <= maxWritingBytes;
  }
}
