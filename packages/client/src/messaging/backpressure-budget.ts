/** How long the connection may be held back, shared by all its subscriptions. */
export interface BackpressureBudget {
  /** Holds the connection back until the returned function is called. Returns nothing if the budget is spent. */
  tryHold(): (() => void) | undefined;
  isSpent(): boolean;
}

/** The longest hold, however many subscriptions take part. Milliseconds. */
const maxHoldMs = 2000;
/** The largest share of all time: signs of life of the broker, and the configuration, wait behind the messages. */
const shareOfTime = 0.2;

/**
 * The budget is spent while any subscription holds the connection back, and comes back by a fifth of the time that
 * passes.
 * @param now a clock that never goes back. Milliseconds.
 */
export function createBackpressureBudget(
  holdBack: () => () => void,
  now: () => number = () => performance.now(),
): BackpressureBudget {
  let leftMs = maxHoldMs;
  let atMs = now();
  let holders = 0;

  function settle(): void {
    const nowMs = now();
    const passedMs = nowMs - atMs;
    atMs = nowMs;
    leftMs = Math.min(maxHoldMs, leftMs + passedMs * (holders > 0 ? -1 : shareOfTime));
  }

  const isSpent = (): boolean => {
    settle();
    return leftMs <= 0;
  };

  return {
    isSpent,
    tryHold() {
      if (isSpent()) return undefined;
      holders += 1;
      const letGo = holdBack();
      return () => {
        settle();
        holders -= 1;
        letGo();
      };
    },
  };
}
