/** Functions of the caller's that want to be told of something. */
export class Listeners<E> {
  readonly #listeners = new Set<(event: E) => unknown>();
  readonly #onFailed: (cause: unknown) => void;

  constructor(onFailed: (cause: unknown) => void) {
    this.#onFailed = onFailed;
  }

  /** Returns a function that ends it. */
  add(listener: (event: E) => unknown): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** One that throws, now or later, keeps nothing from the others, nor from who tells. */
  tell(event: E): void {
    for (const listener of [...this.#listeners]) {
      try {
        const answer = listener(event);
        if (answer instanceof Promise) answer.catch(this.#onFailed);
      } catch (cause) {
        this.#onFailed(cause);
      }
    }
  }
}
