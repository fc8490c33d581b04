import type { BusStatus } from '../bus.ts';

/** Holds the status and calls every listener at every change, in order, even at one that a listener causes. */
export class StatusNotifier {
  #current: BusStatus = { kind: 'idle' };
  #untold: BusStatus[] = [];
  #telling = false;
  readonly #listeners = new Set<(status: BusStatus) => void>();
  readonly #threw: (error: unknown) => void;

  constructor(threw: (error: unknown) => void) {
    this.#threw = threw;
  }

  get current(): BusStatus {
    return this.#current;
  }

  listen(listener: (status: BusStatus) => void): () => void {
    // Wrapped, so that one function listening twice can stop once.
    const own = (status: BusStatus): void => listener(status);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  change(status: BusStatus): void {
    this.#current = status;
    this.#untold.push(status);
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#untold.shift(); next; next = this.#untold.shift()) this.#tell(next);
    this.#telling = false;
  }

  #tell(status: BusStatus): void {
    for (const listener of this.#listeners) {
      try {
        const answer: unknown = listener(status);
        if (answer instanceof Promise) answer.catch(this.#threw);
      } catch (error) {
        this.#threw(error);
      }
    }
  }
}
