/**
 * Shares the event loop between handlers and everything else: waiting messages are handled for one time slice without
 * a break, then timers and sockets have their turn. Without it a thousand waiting messages at 5 ms each would delay every
 * keepalive by 5 s.
 */
export interface TimeSlice {
  /** Whether the time slice of this turn of the event loop is used up. */
  isOver(): boolean;
  /** Resolves in a later turn; one waiting caller a turn, in their order. */
  next(): Promise<void>;
}

/** @param sliceMs only a single call of a handler can block the event loop for longer. Milliseconds. */
export function createTimeSlice(sliceMs = 10): TimeSlice {
  const waiting: (() => void)[] = [];
  let begunAtMs: number | undefined;

  function begin(): void {
    begunAtMs = performance.now();
    inLaterTurn(end);
  }

  function end(): void {
    begunAtMs = undefined;
    const resolve = waiting.shift();
    if (!resolve) return;
    begin();
    resolve();
  }

  return {
    isOver() {
      if (begunAtMs !== undefined) return performance.now() - begunAtMs >= sliceMs;
      begin();
      return false;
    },
    next: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        if (begunAtMs === undefined) begin();
      }),
  };
}

/** Calls it in the next turn of the event loop. Browsers have no `setImmediate`. */
export const inLaterTurn: (call: () => void) => unknown =
  typeof setImmediate === 'function' ? (call) => setImmediate(call) : (call) => setTimeout(call, 0);
