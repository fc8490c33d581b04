import type { ApplyOutcome } from './apply-outcome.ts';
import type { Staleness } from './staleness.ts';

/** The functions by which a configuration tells its owner what happens. */
export interface ApplyCallbacks {
  /** The first document is in force. */
  readonly onFirst: () => void;
  readonly onOutcome: (outcome: ApplyOutcome) => void;
  /** A handler could not go back. */
  readonly onRevertFailed: (cause: unknown) => void;
  /** The authority has been silent for long, or is heard again. */
  readonly onStaleness: (level: Staleness) => void;
  /** A listener or callback threw. */
  readonly onListenerFailed: (cause: unknown) => void;
}

/** Wraps callbacks so that one that throws can't stop the change it is told about. */
export function guardCallbacks<Callbacks extends ApplyCallbacks>(callbacks: Callbacks): Callbacks {
  const { onListenerFailed, onOutcome, onFirst, onRevertFailed, onStaleness } = callbacks;
  const reportFailure = guard(onListenerFailed, () => {});
  return {
    ...callbacks,
    onListenerFailed: reportFailure,
    onFirst: guard(onFirst, reportFailure),
    onOutcome: guard(onOutcome, reportFailure),
    onRevertFailed: guard(onRevertFailed, reportFailure),
    onStaleness: guard(onStaleness, reportFailure),
  };
}

const guard =
  <Args extends readonly unknown[]>(callback: (...args: Args) => void, onFailed: (cause: unknown) => void) =>
  (...args: Args): void => {
    try {
      callback(...args);
    } catch (cause) {
      onFailed(cause);
    }
  };

/** The listeners of one kind of event. */
export class Listeners<E> {
  readonly #listeners = new Set<(event: E) => unknown>();
  readonly #onFailed: (cause: unknown) => void;

  constructor(onFailed: (cause: unknown) => void) {
    this.#onFailed = onFailed;
  }

  /** Returns a function that removes the listener. */
  add(listener: (event: E) => unknown): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls every listener. One that throws or rejects disturbs neither the others nor the caller. */
  notify(event: E): void {
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
