import type { IClientOptions } from 'mqtt';

/** What is used of a browser's worker. */
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
  /** Where no worker does it. */
  own?: NodeJS.Timeout;
}

/**
 * Intervals of a worker, which go on in a hidden page: its own come once a minute there, and a broker that hears nothing
 * hangs up. Where the page may not have this worker (`worker-src blob:`), its own have to do.
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

/** What MQTT.js measures its silence towards the broker by. */
export const keepaliveTimer: NonNullable<IClientOptions['timerVariant']> = {
  set: (call, ms) => {
    intervals ??= new PatientIntervals();
    return intervals.set(call as () => void, ms as number);
  },
  clear: (id) => intervals?.clear(id as number),
};
