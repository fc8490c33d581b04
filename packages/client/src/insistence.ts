import { inBackground } from './background-timer.ts';

export interface InsistenceOptions {
  /** Publishes what is so at this moment. */
  readonly publish: () => Promise<void>;
  /** Can anything be published now? Where not, the next `want` comes with the connection. */
  readonly isPossible: () => boolean;
  readonly onFailed: (error: Error) => void;
}

/** Publishes something until it has been taken. */
export interface Insistence {
  /** There is something new to publish; several at once are published as one. */
  want(): void;
  stop(): void;
}

/** Milliseconds. */
const firstRetryMs = 1000;
const longestRetryMs = 60_000;

/**
 * What the broker did not take is published again after 1, 2, 4 and so on up to 60 seconds, with the next one that is
 * wanted, and at the next connection.
 */
export function insist({ publish, isPossible, onFailed }: InsistenceOptions): Insistence {
  let isWanted = false;
  let isPublishing = false;
  let isStopped = false;
  let retryMs = firstRetryMs;
  let timer: NodeJS.Timeout | undefined;

  async function work(): Promise<void> {
    if (isPublishing) return;
    isPublishing = true;
    while (isWanted && isPossible() && !isStopped) {
      isWanted = false;
      try {
        await publish();
        clearTimeout(timer);
        retryMs = firstRetryMs;
      } catch (cause) {
        // Also what is too large to be made: it must not end the process, nor what is published after it.
        onFailed(cause as Error);
        retryLater();
      }
    }
    isPublishing = false;
  }

  function retryLater(): void {
    clearTimeout(timer);
    if (isStopped) return;
    timer = inBackground(want, retryMs);
    retryMs = Math.min(2 * retryMs, longestRetryMs);
  }

  function want(): void {
    isWanted = true;
    void work();
  }

  return {
    want,
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
