import type {
  Bus,
  BusOptions,
  BusStatus,
  MessageHandler,
  PendingSubscription,
  PublishOptions,
  StopOptions,
  SubscribeOptions,
} from '../bus.ts';
import { BusError, describeError } from '../bus-error.ts';
import { type ConnectionEvent, connectionTransitions } from './connection-state.ts';
import type { Link, SessionLimits } from './link.ts';
import { type ResolvedBusOptions, resolveBusOptions } from './options.ts';
import { Publisher } from './publisher.ts';
import { StatusNotifier } from './status-notifier.ts';
import { Subscriber } from './subscriber.ts';

/** A bus over any link: what is promised in `bus.ts` and doesn't depend on how bytes reach the broker. */
export class LinkBus implements Bus {
  readonly #link: Link;
  readonly #options: ResolvedBusOptions;
  readonly #status: StatusNotifier;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #firstConnection = Promise.withResolvers<void>();
  /** Calls of `probe` that wait for a sign of life on the present connection. */
  readonly #probes = new Set<(isAlive: boolean) => void>();
  readonly #holders = new Set<() => void>();
  #session = 0;
  #stopping: Promise<void> | undefined;

  constructor(link: Link, options: BusOptions) {
    this.#link = link;
    this.#options = resolveBusOptions(options);
    this.#status = new StatusNotifier((cause) => this.#handlerThrew('a status listener', cause));
    this.#publisher = new Publisher(link, this.#options);
    this.#subscriber = new Subscriber(link, this.#options.report, (filter, cause) =>
      this.#handlerThrew(`the handler of ${filter}`, cause),
    );
    // Nobody may be waiting in `start` when the bus stops.
    this.#firstConnection.promise.catch(() => {});
  }

  get status(): BusStatus {
    return this.#status.current;
  }

  async start({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.#stopping) throw stopped();
    if (this.#status.current.kind === 'idle') this.#open();
    if (!signal) return this.#firstConnection.promise;
    const aborted = (): void => {
      this.#firstConnection.reject(signal.reason);
      void this.stop();
    };
    signal.addEventListener('abort', aborted, { once: true });
    try {
      await this.#firstConnection.promise;
    } finally {
      signal.removeEventListener('abort', aborted);
    }
  }

  publish(topic: string, payload: Uint8Array | string, options?: PublishOptions): Promise<void> {
    return this.#stopping ? Promise.reject(stopped()) : this.#publisher.publish(topic, payload, options);
  }

  subscribe(filter: string, handler: MessageHandler, options?: SubscribeOptions): PendingSubscription {
    if (this.#stopping) throw stopped();
    return this.#subscriber.subscribe(filter, handler, options);
  }

  onStatus(listener: (status: BusStatus) => void): () => void {
    return this.#status.listen(listener);
  }

  reconnect(reason: string): void {
    if (this.#status.current.kind === 'connected' && !this.#stopping) this.#link.drop(reason);
  }

  probe(): Promise<boolean> {
    if (this.#status.current.kind !== 'connected') return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#probes.add(resolve);
      this.#link.probe(() => this.#answerProbes(true));
    });
  }

  holdBack(): () => void {
    const letGo = (): void => {
      if (this.#holders.delete(letGo) && this.#holders.size === 0) this.#link.holdBack(false);
    };
    this.#holders.add(letGo);
    this.#link.holdBack(true);
    return letGo;
  }

  stop(options: StopOptions = {}): Promise<void> {
    if (options.abrupt) this.#publisher.cut();
    this.#stopping ??= this.#stop(options);
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #open(): void {
    this.#link.open({
      connecting: (attempt, reason) => {
        const event = attempt > 0 ? 'failed' : this.#session === 0 ? 'start' : 'lost';
        this.#move(event, attempt, reason);
      },
      connected: (limits) => this.#connected(limits),
      lost: (blame) => this.#lost(blame),
      message: (message) => {
        if (!this.#stopping) this.#subscriber.dispatch(message);
      },
      fault: (fault) => this.#options.report(fault),
    });
  }

  #connected(limits: SessionLimits): void {
    this.#session += 1;
    // Subscriptions first: a message that makes the broker hang up must not keep them from coming back.
    this.#subscriber.connected();
    this.#publisher.connected(limits);
    this.#move('accepted');
    this.#firstConnection.resolve();
  }

  #move(event: ConnectionEvent, attempt = 0, reason?: string): void {
    const before = this.#status.current.kind;
    const kind = connectionTransitions[before][event];
    // Told again only where it says something new: another attempt, another session.
    if (kind === before && (kind === 'idle' || kind === 'draining' || kind === 'closed')) return;
    if (kind === 'connecting') this.#status.change({ kind, attempt, ...(reason === undefined ? {} : { reason }) });
    else if (kind === 'reconnecting') this.#status.change({ kind, attempt, reason: reason ?? 'not known' });
    else if (kind === 'connected') this.#status.change({ kind, session: this.#session });
    else this.#status.change({ kind });
  }

  #answerProbes(isAlive: boolean): void {
    for (const resolve of this.#probes) resolve(isAlive);
    this.#probes.clear();
  }

  #lost(blame: boolean): void {
    this.#publisher.lost(blame);
    this.#subscriber.lost(blame);
    this.#answerProbes(false);
  }

  async #stop({ drainTimeoutMs = 2000, abrupt = false }: StopOptions): Promise<void> {
    // `stop` returns this promise, so everything below must find it set.
    await Promise.resolve();
    this.#move('stop');
    const deadlineMs = performance.now() + drainTimeoutMs;
    if (!abrupt) await this.#publisher.drain(drainTimeoutMs);
    const cut = this.#publisher.isCut;
    this.#publisher.stop(stopped());
    this.#subscriber.stop(stopped());
    this.#answerProbes(false);
    // What is left of the drain's time, and enough for a broker that answers.
    await this.#link.close({ abrupt: cut, timeoutMs: Math.max(500, deadlineMs - performance.now()) });
    this.#firstConnection.reject(stopped());
    this.#move('ended');
  }

  #handlerThrew(who: string, cause: unknown): void {
    this.#options.report({ kind: 'handler_threw', message: `${who} threw: ${describeError(cause)}`, cause });
  }
}

/**
 * Makes a bus of a link, with everything that does not depend on how bytes reach the broker: the publish queue,
 * deadlines, subscriptions that are restored, statuses. For authors of an adapter.
 * @example
 * export function createSerialBus(options: BusOptions & { readonly path: string }): Bus {
 *   return createLinkBus(new SerialLink(options.path), options);
 * }
 */
export function createLinkBus(link: Link, options: BusOptions = {}): Bus {
  return new LinkBus(link, options);
}

function stopped(): BusError {
  return new BusError('stopped', 'the bus was stopped; create a new one to go on');
}
