import type { BusMessage, MessageHandler, QoS } from '../bus.ts';
import { hasWildcard, matchesLevels } from './topic-filter.ts';

/** One handler of one filter. */
export interface Listener {
  readonly handler: MessageHandler;
  readonly qos: QoS;
  /** The subscription was closed: the handler is not called any more, not even for the message being dispatched. */
  closed: boolean;
  /** Called at the first grant. */
  readonly granted: () => void;
  /** Called when it ends before. */
  readonly ended: (reason: unknown) => void;
}

/** One filter and its handlers. The broker is asked for it once, whatever the number of handlers. */
export interface FilterState {
  readonly filter: string;
  readonly levels: readonly string[];
  /** Replaced at every change, never changed in place: a dispatch under way goes on with the one it began with. */
  listeners: readonly Listener[];
  /** Why the broker refused it the last time. */
  refused: string | undefined;
}

/** The set of subscriptions that every connection restores. Pure: it sends nothing. */
export class Subscriptions {
  readonly #byFilter = new Map<string, FilterState>();
  // Most subscriptions of a configuration bus are exact topics: those are found by one look-up.
  readonly #wildcards = new Set<FilterState>();

  get filters(): IterableIterator<FilterState> {
    return this.#byFilter.values();
  }

  has(state: FilterState): boolean {
    return this.#byFilter.get(state.filter) === state;
  }

  add(filter: string, listener: Listener): FilterState {
    const state = this.#byFilter.get(filter) ?? this.#open(filter);
    state.listeners = [...state.listeners, listener];
    return state;
  }

  /** Returns whether that was the filter's last one. */
  remove(state: FilterState, listener: Listener): boolean {
    listener.closed = true;
    state.listeners = state.listeners.filter((other) => other !== listener);
    if (state.listeners.length > 0 || !this.has(state)) return false;
    this.#byFilter.delete(state.filter);
    this.#wildcards.delete(state);
    return true;
  }

  /** Calls every handler whose filter matches. `threw` is called with what a handler threw. */
  dispatch(message: BusMessage, threw: (filter: string, error: unknown) => void): void {
    const exact = this.#byFilter.get(message.topic);
    if (exact) call(exact, message, threw);
    for (const state of this.#wildcards) {
      if (matchesLevels(state.levels, message.topic)) call(state, message, threw);
    }
  }

  #open(filter: string): FilterState {
    const state: FilterState = { filter, levels: filter.split('/'), listeners: [], refused: undefined };
    this.#byFilter.set(filter, state);
    if (hasWildcard(filter)) this.#wildcards.add(state);
    return state;
  }
}

/** The QoS to ask the broker for: the highest of any handler. */
export function highestQoS(state: FilterState): QoS {
  return state.listeners.some((listener) => listener.qos === 1) ? 1 : 0;
}

function call(state: FilterState, message: BusMessage, threw: (filter: string, error: unknown) => void): void {
  for (const listener of state.listeners) {
    if (listener.closed) continue;
    try {
      const result = listener.handler(message) as unknown;
      // The rejection of a handler that is an async function by mistake must not end the process.
      if (result instanceof Promise) result.catch((error: unknown) => threw(state.filter, error));
    } catch (error) {
      threw(state.filter, error);
    }
  }
}
