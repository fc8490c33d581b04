import type {
  BusFault,
  BusMessage,
  MessageHandler,
  PendingSubscription,
  SubscribeOptions,
  Subscription,
} from '../bus.ts';
import { BusError } from '../bus-error.ts';
import { refuseFilter, refuseSubscribe } from './call-checks.ts';
import { FilterRequests } from './filter-requests.ts';
import type { Link } from './link.ts';
import { awaitable } from './pending-subscription.ts';
import { type FilterState, highestQoS, type Listener, Subscriptions } from './subscriptions.ts';

/** Keeps the subscriptions at the broker the same as those of this client. */
export class Subscriber {
  readonly #link: Link;
  readonly #report: (fault: BusFault) => void;
  readonly #handlerThrew: (filter: string, cause: unknown) => void;
  readonly #subscriptions = new Subscriptions();
  readonly #requests = new FilterRequests();
  #isConnected = false;
  #restTimer: NodeJS.Timeout | undefined;
  /** Resolve calls that wait for an answer; a lost connection brings none. */
  readonly #awaited = new Set<() => void>();

  constructor(link: Link, report: (fault: BusFault) => void, handlerThrew: (filter: string, cause: unknown) => void) {
    this.#link = link;
    this.#report = report;
    this.#handlerThrew = handlerThrew;
  }

  subscribe(filter: string, handler: MessageHandler, options: SubscribeOptions = {}): PendingSubscription {
    const wrong = refuseFilter(filter) ?? refuseSubscribe(handler, options);
    if (wrong) throw wrong;
    const { qos = 1 } = options;
    const ready = Promise.withResolvers<void>();
    // `ready` need not be awaited, so its rejection must not count as unhandled.
    ready.promise.catch(() => {});
    const listener: Listener = { handler, qos, closed: false, granted: ready.resolve, ended: ready.reject };
    const state = this.#subscriptions.add(filter, listener);
    // Also for a filter that is subscribed already: the new handler gets the retained messages too.
    if (this.#isConnected) this.#ask(state);
    return awaitable<Subscription>({
      ready: ready.promise,
      get refused() {
        return state.refused;
      },
      refresh: () => (listener.closed ? Promise.resolve() : this.#refresh(state)),
      close: () => this.#close(state, listener),
    });
  }

  dispatch(message: BusMessage): void {
    this.#subscriptions.dispatch(message, this.#handlerThrew);
  }

  connected(): void {
    this.#isConnected = true;
    for (const state of this.#requests.opened(this.#subscriptions.filters, performance.now())) this.#ask(state);
    this.#askSuspect();
    this.#watchRests();
  }

  lost(blame: boolean): void {
    this.#isConnected = false;
    for (const state of this.#requests.closed(performance.now(), blame)) {
      this.#refused(state, 'the broker closes the connection when it is asked for it');
    }
    this.#releaseAwaited();
  }

  stop(reason: BusError): void {
    this.#isConnected = false;
    clearTimeout(this.#restTimer);
    for (const state of this.#subscriptions.filters) for (const listener of state.listeners) listener.ended(reason);
    this.#releaseAwaited();
  }

  #ask(state: FilterState, answered?: () => void): void {
    this.#requests.asked(state);
    this.#link.subscribe(state.filter, highestQoS(state), (refused) => {
      this.#requests.answered(state);
      if (refused === undefined) this.#granted(state);
      else this.#refused(state, refused);
      answered?.();
      this.#askSuspect();
    });
  }

  #askSuspect(): void {
    if (!this.#isConnected) return;
    const suspect = this.#requests.nextSuspect();
    if (suspect) this.#ask(suspect);
  }

  #granted(state: FilterState): void {
    state.refused = undefined;
    for (const listener of state.listeners) listener.granted();
  }

  #refused(state: FilterState, reason: string): void {
    state.refused = reason;
    if (!this.#subscriptions.has(state)) return;
    this.#report({
      kind: 'subscription_refused',
      message: `the broker refused the subscription ${state.filter}: ${reason}`,
    });
  }

  #refresh(state: FilterState): Promise<void> {
    if (!this.#isConnected) return Promise.resolve();
    return this.#untilAnswered((answered) => this.#ask(state, answered));
  }

  #close(state: FilterState, listener: Listener): Promise<void> {
    if (listener.closed) return Promise.resolve();
    listener.ended(new BusError('stopped', `the subscription ${state.filter} was closed`));
    if (!this.#subscriptions.remove(state, listener)) return Promise.resolve();
    this.#requests.forget(state);
    if (!this.#isConnected) return Promise.resolve();
    return this.#untilAnswered((answered) => this.#link.unsubscribe(state.filter, answered));
  }

  #untilAnswered(send: (answered: () => void) => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const answered = (): void => {
      this.#awaited.delete(answered);
      resolve();
    };
    this.#awaited.add(answered);
    send(answered);
    return promise;
  }

  #releaseAwaited(): void {
    for (const answered of this.#awaited) answered();
  }

  #watchRests(): void {
    clearTimeout(this.#restTimer);
    const endMs = this.#requests.nextRestEndMs;
    if (endMs === undefined) return;
    this.#restTimer = setTimeout(() => this.#rested(), Math.max(1, Math.ceil(endMs - performance.now())));
    this.#restTimer.unref?.();
  }

  #rested(): void {
    this.#requests.rested(performance.now());
    this.#askSuspect();
    this.#watchRests();
  }
}
