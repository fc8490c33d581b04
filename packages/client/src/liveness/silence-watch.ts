import { startBackgroundTimer } from '@setpoint/participant';

/** Notices that something which is heard again and again is not heard any more. */
export interface SilenceWatch {
  /** It was heard; the next time is due within `limitMs`. */
  heard(limitMs: number): void;
  /** Nothing is expected, until it is heard again. */
  rest(): void;
}

/** A process that stood still for this part of the limit has not read yet what came meanwhile. */
const stalledPart = 1 / 6;
/** And is given this part of the limit to do so. */
const gracePart = 1 / 3;

/** Calls `onSilent` once for a silence of `limitMs`, and not again before something was heard. */
export function createSilenceWatch(onSilent: () => void): SilenceWatch {
  let timer: NodeJS.Timeout | undefined;

  const arm = (limitMs: number, dueMs: number): void => {
    clearTimeout(timer);
    const check = (): void => {
      const lateMs = performance.now() - dueMs;
      // A timer may come a little early, and the clock of the timers is not always this one.
      if (lateMs < -1) arm(limitMs, dueMs);
      else if (lateMs > limitMs * stalledPart) arm(limitMs, performance.now() + limitMs * gracePart);
      else onSilent();
    };
    // What it watches keeps the process alive, not the watching.
    timer = startBackgroundTimer(check, Math.max(1, Math.ceil(dueMs - performance.now())));
  };

  return {
    heard: (limitMs) => arm(limitMs, performance.now() + limitMs),
    rest: () => clearTimeout(timer),
  };
}
