import { startBackgroundTimer } from '@setpoint/participant';

/** How long the authority may be silent. */
export interface StalenessOptions {
  /** After this time the document counts as stale. Milliseconds. */
  readonly softMs: number;
  /** After this time it counts as failed. Milliseconds, not less than `softMs`. */
  readonly hardMs: number;
}

export type Staleness = 'fresh' | 'soft' | 'hard';

export interface StalenessWatch {
  readonly level: Staleness;
  /** The authority gave a sign of life. */
  heard(): void;
  stop(): void;
}

/**
 * Measures the silence of the authority from now on, and anew from every sign of life. Uses timers and not the wall
 * clock, so that setting the clock makes nothing stale. The timers do not keep the process alive.
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
    heard() {
      arm();
      enter('fresh');
    },
    stop: () => clearTimeout(timer),
  };
}
