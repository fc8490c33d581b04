import { startBackgroundTimer } from '@setpoint/participant';

/** Notices when something that is heard regularly falls silent. */
export interface SilenceWatch {
  /** Call when it was heard. It is silent if it is not heard again within `limitMs`. */
  heard(limitMs: number): void;
  /** Expects nothing until it is heard again. */
  rest(): void;
}

/** A process that stood still for this part of the limit has not yet read what arrived meanwhile … */
const stalledPart = 1 / 6;
/** … and gets this part of the limit to do so. */
const gracePart = 1 / 3;

/** Calls `onSilent` once per silence of `limitMs`. */
export function createSilenceWatch(onSilent: () => void): SilenceWatch {
  let timer: NodeJS.Timeout | undefined;

  const arm = (limitMs: number, dueMs: number): void => {
    clearTimeout(timer);
    const check = (): void => {
      const lateMs = performance.now() - dueMs;
      // Timers may fire a little early, and do not use the same clock.
      if (lateMs < -1) arm(limitMs, dueMs);
      else if (lateMs > limitMs * stalledPart) arm(limitMs, performance.now() + limitMs * gracePart);
      else onSilent();
    };
    // The connection keeps the process alive, not this watch.
    timer = startBackgroundTimer(check, Math.max(1, Math.ceil(dueMs - performance.now())));
  };

  return {
    heard: (limitMs) => arm(limitMs, performance.now() + limitMs),
    rest: () => clearTimeout(timer),
  };
}
