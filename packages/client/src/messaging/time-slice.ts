/**
 * Shares the event loop between handlers and everything else: messages that wait are handled for one slice of time
 * without a break, then timers and sockets have their turn. Without it a thousand waiting messages at 5 ms each would
 * hold back every heartbeat for 5 s.
 */
export interface Turn {
  /** Whether this turn of the event loop has had its slice. */
  isOver(): boolean;
  /** Resolves in a later turn; one waiter a turn, in their order. */
  next(): Promise<void>;
}

/** @param sliceMs longer than this only one single call of a handler can hold the event loop. Milliseconds. */
export function createTurn(sliceMs = 10): Turn {
  const waiters: (() => void)[] = [];
  let begunAtMs: number | undefined;

  function begin(): void {
    begunAtMs = performance.now();
    laterTurn(end);
  }

  function end(): void {
    begunAtMs = undefined;
    const waiter = waiters.shift();
    if (!waiter) return;
    begin();
    waiter();
  }

  return {
    isOver() {
      if (begunAtMs !== undefined) return performance.now() - begunAtMs >= sliceMs;
      begin();
      return false;
    },
    next: () =>
      new Promise((settle) => {
        waiters.push(settle);
        if (begunAtMs === undefined) begin();
      }),
  };
}

/** Calls it in the next turn of the event loop. Browsers have no `setImmediate`. */
export const laterTurn: (call: () => void) => unknown =
  typeof setImmediate === 'function' ? (call) => setImmediate(call) : (call) => setTimeout(call, 0);
