import type { IClientOptions } from 'mqtt';

/** The part of a browser's `Worker` that is used. */
declare const Worker: new (
  url: string,
) => {
  onmessage: ((event: { readonly data: number }) => void) | null;
  onerror: ((event: Event) => void) | null;
  postMessage(message: readonly [id: number, ms?: number]): void;
};

const program = `
  const timers = new Map();
  onmessage = ({ data: [id, ms] }) => {
    clearInterval(timers.get(id));
    if (ms === undefined) timers.delete(id);
    else timers.set(id, setInterval(() => postMessage(id), ms));
  };
`;

interface Interval {
  readonly call: () => void;
  readonly ms: number;
  /** The interval of the page, used when there is no worker. */
  own?: NodeJS.Timeout;
}

/**
 * Intervals of a worker, which keep their pace in a hidden page. The page's own fire once a minute there, and a broker that
 * gets nothing hangs up. They are used only where the page may not have this worker (`worker-src blob:`).
 */
class PatientIntervals {
  readonly #intervals = new Map<number, Interval>();
  readonly #worker: InstanceType<typeof Worker> | undefined;
  #isWorkerGone = false;
  #lastId = 0;

  constructor() {
    try {
      const url = URL.createObjectURL(new Blob([program], { type: 'text/javascript' }));
      this.#worker = new Worker(url);
      this.#worker.onmessage = ({ data: id }) => this.#intervals.get(id)?.call();
      this.#worker.onerror = () => this.#goOnAlone();
    } catch {
      this.#isWorkerGone = true;
    }
  }

  set(call: () => void, ms: number): number {
    const id = ++this.#lastId;
    const interval: Interval = { call, ms };
    this.#intervals.set(id, interval);
    if (this.#isWorkerGone) interval.own = setInterval(call, ms);
    else this.#worker?.postMessage([id, ms]);
    return id;
  }

  clear(id: number): void {
    clearInterval(this.#intervals.get(id)?.own);
    this.#intervals.delete(id);
    this.#worker?.postMessage([id]);
  }

  #goOnAlone(): void {
    this.#isWorkerGone = true;
    for (const interval of this.#intervals.values()) interval.own ??= setInterval(interval.call, interval.ms);
  }
}

let intervals: PatientIntervals | undefined;

/** The timer by which MQTT.js decides when to send a ping. */
export const keepaliveTimer: NonNullable<IClientOptions['timerVariant']> = {
  set: (call, ms) => {
    intervals ??= new PatientIntervals();
    return intervals.set(call as () => void, ms as number);
  },
  clear: (id) => intervals?.clear(id as number),
};
