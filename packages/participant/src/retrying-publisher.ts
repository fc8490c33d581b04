import { startBackgroundTimer } from './background-timer.ts';

export interface RetryingPublisherOptions {
  /** Publishes the present state. */
  readonly publish: () => Promise<void>;
  /** Whether publishing can work now. When it can't, the caller requests again once connected. */
  readonly isPossible: () => boolean;
  readonly onFailed: (error: Error) => void;
}

/** Publishes the present state of something, and retries until the broker has taken it. */
export interface RetryingPublisher {
  /** Publishes soon. Several requests while one publish is under way lead to one more publish. */
  request(): void;
  stop(): void;
}

/** Milliseconds. */
const firstRetryMs = 1000;
const longestRetryMs = 60_000;

/**
 * A publish that fails is retried after 1, 2, 4 and so on up to 60 seconds, and with the next request.
 *
 * @example
 * const contract = createRetryingPublisher({
 *   publish: () => bus.publish(topic, bytes, { retain: true }),
 *   isPossible: () => bus.status.kind === 'connected',
 *   onFailed: (error) => logger.warn({ err: error }, 'the contract was not published; it is tried again'),
 * });
 * bus.onStatus(contract.request);
 */
export function createRetryingPublisher({
  publish,
  isPossible,
  onFailed,
}: RetryingPublisherOptions): RetryingPublisher {
  let isRequested = false;
  let isPublishing = false;
  let isStopped = false;
  let retryMs = firstRetryMs;
  let timer: NodeJS.Timeout | undefined;

  async function publishUntilTaken(): Promise<void> {
    if (isPublishing) return;
    isPublishing = true;
    while (isRequested && isPossible() && !isStopped) {
      isRequested = false;
      try {
        await publish();
        clearTimeout(timer);
        retryMs = firstRetryMs;
      } catch (cause) {
        // Includes a message that is too large to be made: it must neither end the process nor block the next one.
        onFailed(cause as Error);
        retryLater();
      }
    }
    isPublishing = false;
  }

  function retryLater(): void {
    clearTimeout(timer);
    if (isStopped) return;
    timer = startBackgroundTimer(request, retryMs);
    retryMs = Math.min(2 * retryMs, longestRetryMs);
  }

  function request(): void {
    isRequested = true;
    void publishUntilTaken();
  }

  return {
    request,
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
