/** One direction of one client's connection: what it carries arrives in order, however late. */
export interface Lane {
  /** Calls `arrive` when its time and the turn of all before it have come; at once where nothing waits. */
  carry(lateMs: number, arrive: () => void): void;
  /** Calls `arrive` when its time has come, whatever else waits. */
  overtake(lateMs: number, arrive: () => void): void;
}

/** A longer one would fire at once. Milliseconds. */
export const longestTimerMs = 2_147_483_647;

export function createLane(): Lane {
  let waiting: { readonly dueMs: number; readonly arrive: () => void }[] = [];
  let isSet = false;

  const set = (ms: number): void => {
    if (isSet) return;
    isSet = true;
    setTimeout(pump, Math.min(ms, longestTimerMs));
  };

  const pump = (): void => {
    isSet = false;
    const nowMs = performance.now();
    for (let head = waiting[0]; head && head.dueMs <= nowMs; head = waiting[0]) {
      waiting = waiting.slice(1);
      head.arrive();
    }
    const head = waiting[0];
    if (head) set(Math.ceil(head.dueMs - nowMs));
  };

  return {
    carry(lateMs, arrive) {
      if (lateMs <= 0 && waiting.length === 0) return arrive();
      const dueMs = Math.max(performance.now() + lateMs, waiting.at(-1)?.dueMs ?? 0);
      waiting.push({ dueMs, arrive });
      set(Math.ceil(lateMs));
    },
    overtake: (lateMs, arrive) => void setTimeout(arrive, lateMs),
  };
}
