import {
  type Bus,
  BusError,
  type BusOptions,
  type BusStatus,
  type MessageHandler,
  type PublishOptions,
  type StopOptions,
  type SubscribeOptions,
  type Subscription,
} from './bus.ts';
import type { Link, SessionLimits } from './link.ts';
import { describeError, type ResolvedBusOptions, resolveBusOptions } from './options.ts';
import { Publisher } from './publisher.ts';
import { StatusTeller } from './status.ts';
import { Subscriber } from './subscriber.ts';

/** A bus over any link: what is promised in `bus.ts` and doesn't depend on how bytes reach the broker. */
export class LinkBus implements Bus {
  readonly #link: Link;
  readonly #options: ResolvedBusOptions;
  readonly #status: StatusTeller;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #firstConnection = Promise.withResolvers<void>();
  #session = 0;
  #stopping: Promise<void> | undefined;

  constructor(link: Link, options: BusOptions) {
    this.#link = link;
    this.#options = resolveBusOptions(options);
    this.#status = new StatusTeller((cause) => this.#handlerThrew('a status listener', cause));
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

  subscribe(filter: string, handler: MessageHandler, options?: SubscribeOptions): Subscription {
    if (this.#stopping) throw stopped();
    return this.#subscriber.subscribe(filter, handler, options);
  }

  onStatus(listener: (status: BusStatus) => void): () => void {
    return this.#status.listen(listener);
  }

  reconnect(reason: string): void {
    if (this.#status.current.kind === 'connected' && !this.#stopping) this.#link.drop(reason);
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
      connecting: (attempt, reason) =>
        this.#status.change({ kind: 'connecting', attempt, ...(reason === undefined ? {} : { reason }) }),
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
    this.#status.change({ kind: 'connected', session: this.#session });
    this.#firstConnection.resolve();
  }

  #lost(blame: boolean): void {
    this.#publisher.lost(blame);
    this.#subscriber.lost(blame);
  }

  async #stop({ drainTimeoutMs = 2000, abrupt = false }: StopOptions): Promise<void> {
    // `stop` returns this promise, so everything below must find it set.
    await Promise.resolve();
    const deadlineMs = performance.now() + drainTimeoutMs;
    if (!abrupt) await this.#publisher.drain(drainTimeoutMs);
    const cut = this.#publisher.isCut;
    this.#publisher.stop(stopped());
    this.#subscriber.stop(stopped());
    // What is left of the drain's time, and enough for a broker that answers.
    await this.#link.close({ abrupt: cut, timeoutMs: Math.max(500, deadlineMs - performance.now()) });
    this.#firstConnection.reject(stopped());
    this.#status.change({ kind: 'stopped' });
  }

  #handlerThrew(who: string, cause: unknown): void {
    this.#options.report({ kind: 'handler_threw', message: `${who} threw: ${describeError(cause)}`, cause });
  }
}

function stopped(): BusError {
  return new BusError('stopped', 'the bus was stopped; create a new one to go on');
}
