import { startBackgroundTimer } from '@setpoint/participant';

/** How long the authority may be silent. */
export interface StalenessOptions {
  /** From here on the document counts as stale. Milliseconds. */
  readonly softMs: number;
  /** From here on it counts as failed. Milliseconds, not less than `softMs`. */
  readonly hardMs: number;
}

export type Staleness = 'fresh' | 'soft' | 'hard';

export interface StalenessWatch {
  readonly level: Staleness;
  /** There was a sign of the authority. */
  hear(): void;
  stop(): void;
}

/**
 * Counts from now on, and anew from every sign. By timers and not by the clock: a clock that is set makes nothing
 * stale. They do not keep the process alive.
 */
export function watchStaleness(
  options: StalenessOptions | undefined,
  onChange: (level: Staleness) => void,
): StalenessWatch {
  let level: Staleness = 'fresh';
  let timer: NodeJS.Timeout | undefined;

  const enter = (next: Staleness): void => {
    if (level === next) return;
    level = next;
    onChange(next);
  };
  const arm = (): void => {
    clearTimeout(timer);
    if (!options) return;
    const { softMs, hardMs } = options;
    timer = startBackgroundTimer(() => {
      timer = startBackgroundTimer(() => enter('hard'), hardMs - softMs);
      enter('soft');
    }, softMs);
  };
  arm();
  return {
    get level() {
      return level;
    },
    hear() {
      arm();
      enter('fresh');
    },
    stop: () => clearTimeout(timer),
  };
}
