export interface FairQueueOptions {
  /** Items that may wait in all. */
  readonly maxWaiting: number;
  /** Items of one lane that may wait. */
  readonly maxWaitingPerLane: number;
}

/** What waits, in lanes that take turns: however much one lane brings, the next item of another waits for one of it. */
export class FairQueue<Item> {
  readonly #maxWaiting: number;
  readonly #maxWaitingPerLane: number;
  /** In the order of their turns. An empty lane is not kept. */
  readonly #lanes = new Map<string, Item[]>();
  #size = 0;

  constructor({ maxWaiting, maxWaitingPerLane }: FairQueueOptions) {
    this.#maxWaiting = maxWaiting;
    this.#maxWaitingPerLane = maxWaitingPerLane;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds an item at the end of its lane. False when there is no room. */
  offer(lane: string, item: Item): boolean {
    const waiting = this.#lanes.get(lane);
    if (this.#size >= this.#maxWaiting || (waiting && waiting.length >= this.#maxWaitingPerLane)) return false;
    this.push(lane, item);
    return true;
  }

  /** Adds an item whatever the bounds say. */
  push(lane: string, item: Item): void {
    const waiting = this.#lanes.get(lane);
    if (waiting) waiting.push(item);
    else this.#lanes.set(lane, [item]);
    this.#size += 1;
  }

  /** Takes up to `count` items, one of each lane in turn; within a lane in their order. */
  take(count: number): { readonly lane: string; readonly item: Item }[] {
    const taken: { lane: string; item: Item }[] = [];
    while (taken.length < count) {
      const [first] = this.#lanes;
      if (!first) break;
      const [lane, waiting] = first;
      // The lane has had its turn: it goes to the end.
      this.#lanes.delete(lane);
      const item = waiting.shift() as Item;
      if (waiting.length > 0) this.#lanes.set(lane, waiting);
      taken.push({ lane, item });
      this.#size -= 1;
    }
    return taken;
  }

  /** Puts items back to the front of their lanes, in their order. */
  putBack(items: readonly { readonly lane: string; readonly item: Item }[]): void {
    for (const { lane, item } of [...items].reverse()) {
      const waiting = this.#lanes.get(lane);
      if (waiting) waiting.unshift(item);
      else this.#lanes.set(lane, [item]);
      this.#size += 1;
    }
  }
}
