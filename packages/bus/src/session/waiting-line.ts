import type { LinkMessage } from './link.ts';
import type { Lane } from './publish-lane.ts';

/** One message between the call of `publish` and its end. */
export interface QueuedPublish extends LinkMessage {
  readonly lane: Lane;
  /** Counted against the bounds of the lane: topic, payload and properties. */
  readonly bytes: number;
  /** From the call until the message is given up. */
  readonly maxAgeMs: number;
  /** On the clock that `expire` is given. */
  readonly deadlineMs: number;
  /** How many connections have closed while this message was under way on them. */
  closes: number;
  /** It was handed to a connection at least once. */
  wasSent: boolean;
  /** When the broker counts as silent about it; set when the message is handed to a connection. */
  answerDueMs: number;
  /** The caller waits for it no longer: the message only holds its place until the broker answers. */
  isAbandoned: boolean;
  /** Ends the caller's promise. */
  readonly settle: (error?: Error) => void;
}

const nothing: readonly QueuedPublish[] = [];

/** Messages that wait, first in, first out, each within the bounds of its lane. */
export class WaitingLine {
  /** Places before `#head`, and those of messages that were taken out, are empty. */
  #places: (QueuedPublish | undefined)[] = [];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): QueuedPublish | undefined {
    return this.#places[this.#head];
  }

  /** Adds a message at the end without asking its lane for room. */
  push(entry: QueuedPublish): void {
    this.#places.push(entry);
    this.#size += 1;
    entry.lane.enter(entry.bytes);
  }

  /** Adds a message at the end. Returns the messages it pushed out, or `undefined` if it finds no room itself. */
  offer(entry: QueuedPublish): readonly QueuedPublish[] | undefined {
    const { lane, bytes } = entry;
    if (lane.hasRoomFor(bytes)) {
      this.push(entry);
      return nothing;
    }
    if (lane.overflow === 'refuse' || bytes > lane.maxBytes) return undefined;
    const pushedOut: QueuedPublish[] = [];
    for (let at = this.#head; at < this.#places.length && !lane.hasRoomFor(bytes); at += 1) {
      const oldest = this.#places[at];
      if (oldest?.lane !== lane) continue;
      this.#empty(at, oldest);
      pushedOut.push(oldest);
    }
    this.#skipEmpty();
    this.push(entry);
    return pushedOut;
  }

  shift(): QueuedPublish | undefined {
    const entry = this.first;
    if (!entry) return undefined;
    this.#empty(this.#head, entry);
    this.#skipEmpty();
    return entry;
  }

  /** Puts messages at the front again, in their order, whether or not there is room. */
  putBack(entries: readonly QueuedPublish[]): void {
    if (entries.length === 0) return;
    this.#places = [...entries, ...this.#places.slice(this.#head)];
    this.#head = 0;
    this.#size += entries.length;
    for (const { lane, bytes } of entries) lane.enter(bytes);
  }

  /** Takes out every message that `isWanted` chooses. */
  takeOut(isWanted: (entry: QueuedPublish) => boolean): QueuedPublish[] {
    const taken: QueuedPublish[] = [];
    for (let at = this.#head; at < this.#places.length; at += 1) {
      const entry = this.#places[at];
      if (!entry || !isWanted(entry)) continue;
      this.#empty(at, entry);
      taken.push(entry);
    }
    this.#skipEmpty();
    return taken;
  }

  /** The earliest deadline of all. */
  get nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.#places) if (entry && entry.deadlineMs < next) next = entry.deadlineMs;
    return next;
  }

  #empty(at: number, { lane, bytes }: QueuedPublish): void {
    this.#places[at] = undefined;
    this.#size -= 1;
    lane.leave(bytes);
  }

  #skipEmpty(): void {
    if (this.#size === 0) {
      this.#places.length = 0;
      this.#head = 0;
      return;
    }
    while (this.#places[this.#head] === undefined) this.#head += 1;
    if (this.#head < 64 || this.#head * 2 <= this.#places.length) return;
    // Empty places are given back in strides, so that taking a message stays O(1).
    this.#places = this.#places.slice(this.#head);
    this.#head = 0;
  }
}
