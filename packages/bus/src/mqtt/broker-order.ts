/**
 * Decides which of several brokers to try next. The first is preferred, but a working connection to another one is never
 * given up for it: the first is tried again when a stable connection is lost. After a failed attempt, or a connection that
 * did not hold or fell silent, the next broker follows; after the last, the first.
 */
export class BrokerOrder {
  readonly #count: number;
  #index = 0;

  constructor(count: number) {
    this.#count = count;
  }

  /** The index of the broker to try now. */
  get index(): number {
    return this.#index;
  }

  /** An attempt or a connection has ended. `heldStable`: it held for long, and the broker or the network ended it. */
  ended(heldStable: boolean): void {
    this.#index = heldStable ? 0 : (this.#index + 1) % this.#count;
  }
}
