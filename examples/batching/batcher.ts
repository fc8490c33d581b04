export interface BatcherOptions<T> {
  /** A batch is sent as soon as it has this many items. */
  readonly maxItems: number;
  /** A batch is sent at the latest this many milliseconds after its first item. */
  readonly maxDelayMs: number;
  readonly send: (items: readonly T[]) => Promise<unknown>;
}

/** Collects items and sends them together. Holds at most `maxItems`, and the batch that is being sent. */
export function createBatcher<T>({ maxItems, maxDelayMs, send }: BatcherOptions<T>) {
  let items: T[] = [];
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<unknown> = Promise.resolve();

  function flush(): Promise<unknown> {
    clearTimeout(timer);
    timer = undefined;
    if (items.length > 0) {
      const batch = items;
      items = [];
      // One after another, so that batches arrive in their order.
      sending = sending.then(() => send(batch));
    }
    return sending;
  }

  return {
    flush,
    /** Adds an item. Await it: it resolves at once, or when a full batch has been sent. */
    async add(item: T): Promise<void> {
      items.push(item);
      timer ??= setTimeout(flush, maxDelayMs);
      if (items.length >= maxItems) await flush();
    },
    /** Sends the items that are left. */
    [Symbol.asyncDispose]: async (): Promise<void> => void (await flush()),
  };
}
