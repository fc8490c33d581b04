import { createHook } from 'node:async_hooks';
import { createRandom } from './random.ts';

/** Time that passes only when it is told to, for everything in this process that uses the global timers. */
export interface VirtualClock extends Disposable {
  /** Unix time in milliseconds. */
  readonly nowMs: number;
  /** Lets so much time pass: every timer that is due goes off, in order, and what it starts runs to its end. */
  advance(ms: number): Promise<void>;
  /** Lets time pass until `condition` holds; false where it does not within so much of it. */
  advanceUntil(condition: () => boolean, withinMs: number): Promise<boolean>;
  /** Runs what is ready to run, files that are being read or written included, without any time passing. */
  settle(): Promise<void>;
  /** Puts the real clock back; timers that are still set never go off. */
  uninstall(): void;
}

export interface VirtualClockOptions {
  /** Unix time in milliseconds. @default 2026-06-01T00:00:00Z */
  readonly startMs?: number;
  /** Of `Math.random`, so that jitter is the same in every run. @default 1 */
  readonly seed?: number;
}

interface Timer {
  dueMs: number;
  readonly delayMs: number;
  readonly order: number;
  readonly repeats: boolean;
  readonly go: () => void;
}

/** Turns of the loop in which nothing happens before it is believed that nothing will. */
const quietTurns = 2;
/** Names of `process.getActiveResourcesInfo` for work that ends by itself and belongs to the present moment. */
const fileWork = new Set(['FSReqPromise', 'CloseReq']);

/**
 * Takes the place of `setTimeout`, `setInterval`, `Date.now`, `performance.now` and `Math.random` until `uninstall`.
 * `setImmediate`, promises and files stay real: time waits for them.
 */
export function installVirtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const { startMs = Date.UTC(2026, 5, 1), seed = 1 } = options;
  const real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    setImmediate: globalThis.setImmediate,
    clearImmediate: globalThis.clearImmediate,
    dateNow: Date.now,
    performanceNow: performance.now,
    random: Math.random,
  };
  const timers = new Set<Timer>();
  const handles = new WeakMap<object, Timer>();
  const immediates = new Set<object>();
  const files = watchFiles();
  let nowMs = startMs;
  let order = 0;

  const set = (repeats: boolean) =>
    ((callback: (...args: unknown[]) => void, delay?: number, ...args: unknown[]) => {
      const delayMs = Math.max(1, Math.trunc(Number(delay)) || 1);
      const timer: Timer = { dueMs: nowMs + delayMs, delayMs, order: ++order, repeats, go: () => callback(...args) };
      timers.add(timer);
      const handle = {
        ref: () => handle,
        unref: () => handle,
        hasRef: () => true,
        close() {
          timers.delete(timer);
          return handle;
        },
        refresh() {
          timer.dueMs = nowMs + delayMs;
          timers.add(timer);
          return handle;
        },
        [Symbol.toPrimitive]: () => timer.order,
        [Symbol.dispose]: () => void timers.delete(timer),
      };
      handles.set(handle, timer);
      return handle;
    }) as unknown as typeof setTimeout & typeof setInterval;
  const clear = (otherwise: (handle: NodeJS.Timeout | undefined) => void) => (handle: unknown) => {
    const timer = typeof handle === 'object' && handle !== null ? handles.get(handle) : undefined;
    if (timer) timers.delete(timer);
    // Not one of this clock's handles: whatever it is, the real function decides.
    else otherwise(handle as NodeJS.Timeout | undefined);
  };

  globalThis.setTimeout = set(false);
  globalThis.setInterval = set(true);
  globalThis.clearTimeout = clear(real.clearTimeout) as typeof clearTimeout;
  globalThis.clearInterval = clear(real.clearInterval) as typeof clearInterval;
  globalThis.setImmediate = ((callback: (...args: unknown[]) => void, ...args: unknown[]) => {
    const handle = real.setImmediate(() => {
      immediates.delete(handle);
      callback(...args);
    });
    immediates.add(handle);
    return handle;
  }) as typeof setImmediate;
  globalThis.clearImmediate = ((handle: NodeJS.Immediate) => {
    if (handle) immediates.delete(handle);
    real.clearImmediate(handle);
  }) as typeof clearImmediate;
  Date.now = () => nowMs;
  performance.now = () => nowMs - startMs;
  Math.random = createRandom(seed);

  async function settle(): Promise<void> {
    for (let quiet = 0; quiet < quietTurns; quiet += 1) {
      await new Promise((resolve) => real.setImmediate(resolve));
      if (immediates.size > 0 || files.isBusy()) quiet = -1;
    }
  }

  function next(untilMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.dueMs > untilMs) continue;
      if (!first || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order))
        first = timer;
    }
    return first;
  }

  /** Returns whether there was one. */
  async function step(untilMs: number): Promise<boolean> {
    const timer = next(untilMs);
    if (!timer) return false;
    nowMs = Math.max(nowMs, timer.dueMs);
    if (timer.repeats) timer.dueMs = nowMs + timer.delayMs;
    else timers.delete(timer);
    timer.go();
    await settle();
    return true;
  }

  const clock: VirtualClock = {
    get nowMs() {
      return nowMs;
    },
    settle,
    async advance(ms) {
      await clock.advanceUntil(() => false, ms);
    },
    async advanceUntil(condition, withinMs) {
      const endMs = nowMs + withinMs;
      await settle();
      while (!condition()) {
        if (await step(endMs)) continue;
        nowMs = endMs;
        return condition();
      }
      return true;
    },
    uninstall() {
      timers.clear();
      files.end();
      globalThis.setTimeout = real.setTimeout;
      globalThis.clearTimeout = real.clearTimeout;
      globalThis.setInterval = real.setInterval;
      globalThis.clearInterval = real.clearInterval;
      globalThis.setImmediate = real.setImmediate;
      globalThis.clearImmediate = real.clearImmediate;
      Date.now = real.dateNow;
      performance.now = real.performanceNow;
      Math.random = real.random;
    },
    [Symbol.dispose]: () => clock.uninstall(),
  };
  return clock;
}

/** Says whether a file is being read or written now. `readFile` is in no list of Node's, hence the hook. */
function watchFiles(): { isBusy(): boolean; end(): void } {
  const reading = new Set<number>();
  const forget = (id: number): void => void reading.delete(id);
  const hook = createHook({
    init: (id, type) => {
      if (type === 'FSREQCALLBACK') reading.add(id);
    },
    after: forget,
    destroy: forget,
    // Unknown to Node 24, where it only costs time.
    ...{ trackPromises: false },
  }).enable();
  return {
    isBusy: () => reading.size > 0 || process.getActiveResourcesInfo().some((name) => fileWork.has(name)),
    end: () => void hook.disable(),
  };
}
