/** Holds nothing back where the connection has been held for too long of late: then there is nothing to let go. */
export type TryHold = () => (() => void) | undefined;

/** What it may be held in one go, however many take part. Milliseconds. */
const mostMs = 2000;
/** And of all the time: what the broker says of itself, and the configuration, come behind the messages. */
const shareOfTime = 0.2;

/**
 * One budget for all subscriptions of a connection. It is spent while anybody holds the connection back, and comes back by a
 * fifth of the time that passes. `now` counts milliseconds and never goes back.
 */
export function createHoldBudget(
  holdBack: () => () => void,
  now: () => number = () => performance.now(),
): { readonly tryHold: TryHold; readonly isSpent: () => boolean } {
  let leftMs = mostMs;
  let atMs = now();
  let holders = 0;

  function settle(): void {
    const nowMs = now();
    const passedMs = nowMs - atMs;
    atMs = nowMs;
    leftMs = Math.min(mostMs, leftMs + passedMs * (holders > 0 ? -1 : shareOfTime));
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
