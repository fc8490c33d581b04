import type { Bus } from '@setpoint/bus';

/**
 * Publishes the newest state of many topics, each known by a key: a bounded number at once, one after another for each
 * key, and of the states that wait only the newest. What fails is retried after 1, 2, 4 and so on up to 60 seconds, and
 * at the next connection; a key has one such chain, whatever state it has meanwhile, and delays no other.
 */
export interface RetainedPublisher<State> {
  /** Publishes this state as soon as there is a connection and room. */
  enqueue(key: string, state: State): void;
  /** Whether the broker has acknowledged everything. */
  readonly isEmpty: boolean;
  /** Resolves when everything is acknowledged, or rejects when `signal` aborts. */
  flush(signal: AbortSignal): Promise<void>;
  stop(): void;
}

export interface RetainedPublisherOptions<State> {
  readonly bus: Pick<Bus, 'status' | 'onStatus'>;
  /** Resolves when the broker has the state. */
  readonly publish: (key: string, state: State) => Promise<void>;
  /** Called for each attempt that failed; it is made again. */
  readonly onFailed: (key: string, state: State, error: Error) => void;
}

/**
 * Enough to hide the round trip to a broker. Far below the queue of a bus (1,000), which every other message of the
 * authority needs too, and whose refusals would only cause more attempts.
 */
const maxUnderWay = 64;

/** Milliseconds. */
const firstRetryMs = 1000;
const longestRetryMs = 60_000;

/** A key whose last attempt failed. */
interface Retry {
  readonly timer: NodeJS.Timeout;
  readonly delayMs: number;
}

export function createRetainedPublisher<State>(options: RetainedPublisherOptions<State>): RetainedPublisher<State> {
  const { bus, publish, onFailed } = options;
  /** What may be published now, in the order in which it came. */
  const ready = new Map<string, State>();
  /** What waits for its retry. */
  const resting = new Map<string, State>();
  const underWay = new Set<string>();
  const retries = new Map<string, Retry>();
  /** States that came while an earlier one of the same key was under way. */
  const next = new Map<string, State>();
  const idle = new Set<() => void>();
  let isStopped = false;

  const endStatus = bus.onStatus(({ kind }) => {
    if (kind !== 'connected') return;
    for (const key of [...resting.keys()]) wake(key);
    pump();
  });

  const isEmpty = (): boolean => ready.size === 0 && resting.size === 0 && underWay.size === 0;

  function pump(): void {
    for (const [key, state] of ready) {
      if (isStopped || bus.status.kind !== 'connected' || underWay.size >= maxUnderWay) return;
      ready.delete(key);
      void attempt(key, state);
    }
  }

  async function attempt(key: string, state: State): Promise<void> {
    underWay.add(key);
    let error: Error | undefined;
    try {
      await publish(key, state);
    } catch (cause) {
      error = cause as Error;
    }
    underWay.delete(key);
    const newer = next.get(key);
    next.delete(key);
    if (error) {
      onFailed(key, state, error);
      retryLater(key, newer ?? state);
    } else {
      forgetRetry(key);
      if (newer !== undefined) ready.set(key, newer);
    }
    pump();
    if (isEmpty()) for (const settle of idle) settle();
  }

  function retryLater(key: string, state: State): void {
    const before = retries.get(key)?.delayMs;
    const delayMs = before === undefined ? firstRetryMs : Math.min(2 * before, longestRetryMs);
    const timer = setTimeout(() => {
      wake(key);
      pump();
    }, delayMs);
    timer.unref();
    retries.set(key, { timer, delayMs });
    resting.set(key, state);
    if (isStopped) clearTimeout(timer);
  }

  /** Lets a key be published again; how long it has to rest after another failure is kept. */
  function wake(key: string): void {
    const state = resting.get(key);
    if (state === undefined) return;
    clearTimeout(retries.get(key)?.timer);
    resting.delete(key);
    ready.set(key, state);
  }

  function forgetRetry(key: string): void {
    clearTimeout(retries.get(key)?.timer);
    retries.delete(key);
  }

  return {
    enqueue(key, state) {
      if (underWay.has(key)) next.set(key, state);
      else if (resting.has(key)) resting.set(key, state);
      else ready.set(key, state);
      pump();
    },
    get isEmpty() {
      return isEmpty();
    },
    async flush(signal) {
      if (isEmpty()) return;
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      idle.add(resolve);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      await promise.finally(() => idle.delete(resolve));
    },
    stop() {
      isStopped = true;
      endStatus();
      for (const { timer } of retries.values()) clearTimeout(timer);
    },
  };
}
