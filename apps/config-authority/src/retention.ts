import type { Engine } from '@setpoint/engine';
import type { Logger } from 'pino';

/** Takes old versions out of the store, as the policy says: at the start, and every hour. */
export interface Retention {
  /** Ends it; resolves when what is under way is done. */
  stop(): Promise<void>;
}

/** Milliseconds. */
const intervalMs = 3_600_000;

export function startRetention(engine: Engine, logger: Logger): Retention {
  let running = Promise.resolve();
  const prune = (): void => {
    running = running.then(async () => {
      const { versions, answers, sources } = await engine.prune();
      if (versions > 0) logger.info({ versions, answers, sources }, 'old versions went, as the policy says');
    });
    // It is done the next time.
    running = running.catch((cause: unknown) => logger.warn({ err: cause }, 'old versions could not be taken away'));
  };
  prune();
  const timer = setInterval(prune, intervalMs);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
