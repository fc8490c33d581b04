import type { OverflowPolicy, PublishLane, PublishLaneOptions } from '../bus.ts';
import { BusError } from '../bus-error.ts';

/** The account of one lane: what waits and what is under way. The queues of a bus keep it. */
export class Lane implements PublishLane {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly overflow: OverflowPolicy;
  readonly #onClosed: (() => void)[] = [];
  #waiting = 0;
  #waitingBytes = 0;
  #underWay = 0;
  #isClosed = false;

  constructor({ maxMessages, maxBytes, overflow }: PublishLaneOptions) {
    this.maxMessages = maxMessages;
    this.maxBytes = maxBytes;
    this.overflow = overflow;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get underWay(): number {
    return this.#underWay;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const closed of this.#onClosed.splice(0)) closed();
  }

  onClosed(listener: () => void): void {
    this.#onClosed.push(listener);
  }

  hasRoomFor(bytes: number): boolean {
    return this.#waiting < this.maxMessages && this.#waitingBytes + bytes <= this.maxBytes;
  }

  enter(bytes: number): void {
    this.#waiting += 1;
    this.#waitingBytes += bytes;
  }

  leave(bytes: number): void {
    this.#waiting -= 1;
    this.#waitingBytes -= bytes;
  }

  sent(): void {
    this.#underWay += 1;
  }

  ended(): void {
    this.#underWay -= 1;
  }

  /** The error of a message that finds no room, or has to make room for a newer one. */
  fullError(topic: string): BusError {
    return new BusError(
      'outbox_full',
      `${topic}: ${this.#waiting} messages of ${this.#waitingBytes} bytes wait already; slow down, or raise outboxMaxMessages, outboxMaxBytes`,
    );
  }
}

/**
 * Creates a lane for `bus.publish(topic, payload, { lane })`.
 * @example
 * const readings = createPublishLane({ maxMessages: 100, maxBytes: 1_000_000, overflow: 'drop-oldest' });
 * await bus.publish('cellar/temperature', '12.5', { lane: readings });
 */
export function createPublishLane(options: PublishLaneOptions): PublishLane {
  return new Lane(options);
}
