import { randomBytes } from 'node:crypto';

export type EventKind = 'change' | 'health' | 'convergence';

export interface LoggedEvent {
  /** Counts from 1. */
  readonly number: number;
  readonly kind: EventKind;
  readonly service: string;
  /** JSON. */
  readonly data: string;
}

/** The last events, for those who read them as they come and those who come back. */
export interface EventLog {
  append(kind: EventKind, service: string, data: object): void;
  /** The number of the last event; 0 before the first. */
  readonly last: number;
  /** The number of the oldest that is remembered; one more than `last` where none is. */
  readonly oldest: number;
  get(number: number): LoggedEvent | undefined;
  /** How an event is called from outside: another run of the authority has other names. */
  idOf(number: number): string;
  /** The number in an id; undefined where it is of another run, or none at all. */
  numberOf(id: string): number | undefined;
  /** Calls `listener` after every append. Returns a function that ends it. */
  onAppend(listener: () => void): () => void;
}

/** Remembers `capacity` events; who was away for longer is told so, and reads afresh. */
export function createEventLog(capacity = 1000): EventLog {
  const run = randomBytes(6).toString('hex');
  const ring: LoggedEvent[] = [];
  const listeners = new Set<() => void>();
  let last = 0;
  const oldest = (): number => Math.max(1, last - capacity + 1);

  return {
    append(kind, service, data) {
      last += 1;
      ring[last % capacity] = { number: last, kind, service, data: JSON.stringify(data) };
      for (const listener of listeners) listener();
    },
    get last() {
      return last;
    },
    get oldest() {
      return oldest();
    },
    get: (number) => (number >= oldest() && number <= last ? ring[number % capacity] : undefined),
    idOf: (number) => `${run}-${number}`,
    numberOf(id) {
      const [, given, digits] = /^([0-9a-f]{12})-(\d{1,15})$/.exec(id) ?? [];
      const number = Number(digits);
      return given === run && number <= last ? number : undefined;
    },
    onAppend(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
