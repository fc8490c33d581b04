import { FairQueue, type FairQueueOptions } from './fair-queue.ts';

/** Runs work one piece after another, lane by lane, and lets everything else have its turn in between. */
export interface FairTurns {
  /** Resolves with the outcome of `work`; with undefined when too much waits, and `work` is not called. */
  run<T>(lane: string, work: () => Promise<T>): Promise<T | undefined>;
}

/** What else the process has to do gets its turn after this time. Milliseconds. */
const maxTurnMs = 10;

export function createFairTurns(options: FairQueueOptions): FairTurns {
  const queue = new FairQueue<() => Promise<void>>(options);
  let isRunning = false;

  async function drain(): Promise<void> {
    let end = performance.now() + maxTurnMs;
    for (let [next] = queue.take(1); next; [next] = queue.take(1)) {
      await next.item();
      if (performance.now() < end) continue;
      await new Promise((resolve) => setImmediate(resolve));
      end = performance.now() + maxTurnMs;
    }
    isRunning = false;
  }

  return {
    run: (lane, work) =>
      new Promise((resolve, reject) => {
        const piece = (): Promise<void> => work().then(resolve, reject);
        if (!queue.offer(lane, piece)) return resolve(undefined);
        if (isRunning) return;
        isRunning = true;
        void drain();
      }),
  };
}
