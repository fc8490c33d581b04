import { startBackgroundTimer } from '@setpoint/participant';

/** Bounds how long this process waits for its disk. */
export interface IoTimeout {
  /**
   * Runs one operation. While one hangs no other is started: each would take one of the few threads for file access.
   * @throws whatever the operation throws; Error after two seconds, and at once while an earlier one hangs
   */
  run<T>(operation: () => Promise<T>): Promise<T>;
  /** Runs the operation once nothing hangs any more. Waits for it only if nothing hangs now. */
  runWhenFree(operation: () => Promise<void>): Promise<void>;
}

/** Milliseconds. */
const timeoutMs = 2000;

export function createIoTimeout(): IoTimeout {
  let hanging: Promise<unknown> | undefined;

  async function run<T>(operation: () => Promise<T>): Promise<T> {
    if (hanging) throw new Error('the disk does not answer; what is kept on it is left alone until it does');
    const running = operation();
    const late = Promise.withResolvers<never>();
    const timer = startBackgroundTimer(() => {
      hanging = running
        .catch(() => undefined)
        .finally(() => {
          hanging = undefined;
        });
      late.reject(new Error(`the disk did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    try {
      return await Promise.race([running, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    run,
    async runWhenFree(operation) {
      if (!hanging) return run(operation);
      void hanging.then(() => run(operation)).catch(() => undefined);
    },
  };
}
