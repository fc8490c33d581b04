/**
 * Which of several brokers to try next. The first one is preferred, and a connection that works is never given up for
 * its sake: only a connection that was stable and is lost makes it the next one to try. Every failed attempt, and every
 * connection that did not hold or fell silent, goes on to the one after; the last is followed by the first.
 */
export class BrokerOrder {
  readonly #count: number;
  #index = 0;

  constructor(count: number) {
    this.#count = count;
  }

  /** The one to try now. */
  get index(): number {
    return this.#index;
  }

  /** An attempt has ended, or a connection; `heldStable`: it held for long, and it was the broker or the network that ended it. */
  ended(heldStable: boolean): void {
    this.#index = heldStable ? 0 : (this.#index + 1) % this.#count;
  }
}
