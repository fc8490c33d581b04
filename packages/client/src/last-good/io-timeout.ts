import { startBackgroundTimer } from '@setpoint/participant';

/** Waits for a disk, and not for ever. */
export interface Patience {
  /**
   * Carries out one step. While one hangs no other is begun: each would take a thread of the few there are.
   * @throws what the step throws; Error where it takes too long, at once where an earlier one still hangs
   */
  within<T>(step: () => Promise<T>): Promise<T>;
  /** Carries it out when nothing hangs any more, and waits for it where nothing does. */
  afterwards(step: () => Promise<void>): Promise<void>;
}

/** Milliseconds. */
const longestMs = 2000;

export function createPatience(): Patience {
  let hanging: Promise<unknown> | undefined;

  async function within<T>(step: () => Promise<T>): Promise<T> {
    if (hanging) throw new Error('the disk does not answer; what is kept on it is left alone until it does');
    const running = step();
    const late = Promise.withResolvers<never>();
    const timer = startBackgroundTimer(() => {
      hanging = running
        .catch(() => undefined)
        .finally(() => {
          hanging = undefined;
        });
      late.reject(new Error(`the disk did not answer within ${longestMs} ms`));
    }, longestMs);
    try {
      return await Promise.race([running, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    within,
    async afterwards(step) {
      if (!hanging) return within(step);
      void hanging.then(() => within(step)).catch(() => undefined);
    },
  };
}
