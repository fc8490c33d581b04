import { type Bus, BusError, type BusOptions, type BusStatus, type Subscription } from '@setpoint/bus';
import { awaitable } from '@setpoint/bus/internal';
import { digestOf, isName, SetpointError } from '@setpoint/protocol';
import type { z } from 'zod';
import { Listeners } from '../configuration/guarded-callbacks.ts';
import type { Connection, OpenOptions } from '../connection.ts';
import type { ConnectOptions } from '../options/connect-options.ts';

/** The additional documents of one connection. */
export class AdditionalDocuments {
  readonly #open = new Set<Pick<Connection<unknown>, 'stop'>>();
  /** The instances that use the connection, including those that are being opened. */
  readonly #instances: Set<string>;
  readonly #stopping = new AbortController();

  /** @param first the instance of the connection itself */
  constructor(first: string) {
    this.#instances = new Set([first]);
  }

  /**
   * Opens an additional document. `open` gets a signal that ends its start.
   * @throws SetpointError `stopped`; `options_invalid` when the instance is in use already; whatever `open` throws
   */
  async add<T>(
    instance: string,
    signal: AbortSignal | undefined,
    open: (signal: AbortSignal) => Promise<Connection<T>>,
  ): Promise<Connection<T>> {
    if (this.#stopping.signal.aborted) throw stopped();
    if (this.#instances.has(instance)) throw taken(instance);
    this.#instances.add(instance);
    const forget = (): void => void this.#instances.delete(instance);
    try {
      const opened = await open(either(this.#stopping.signal, signal));
      this.#open.add(opened);
      opened.bus.onStatus(({ kind }) => {
        if (kind === 'closed' && this.#open.delete(opened)) forget();
      });
      if (!this.#stopping.signal.aborted) return opened;
      await opened.stop();
    } catch (cause) {
      forget();
      if (!this.#stopping.signal.aborted) throw cause;
    }
    throw stopped();
  }

  /** Stops all of them, and those that are being opened. */
  stop(): Promise<void>[] {
    this.#stopping.abort();
    return [...this.#open].map((document) => document.stop());
  }
}

/** Passes anything that is not an AbortSignal on, so that option checking rejects it. */
const either = (stopping: AbortSignal, signal: AbortSignal | undefined): AbortSignal => {
  if (signal === undefined) return stopping;
  return signal instanceof AbortSignal ? AbortSignal.any([stopping, signal]) : signal;
};

const stopped = (): SetpointError =>
  new SetpointError('stopped', 'the connection was stopped; connect again, and open the document on that one');

const taken = (instance: string): SetpointError =>
  new SetpointError(
    'options_invalid',
    `${instance} uses this connection already; stop that document first, or open this one with another instance`,
    { faults: [{ pointer: '/instance', message: `${instance} is taken on this connection` }] },
  );

const longestName = 63;

/**
 * The instance of an additional document: the given one, else `<first>-<service>`. A name that would be too long is cut
 * and ends in a part of its digest, so that it is unique and the same at every start.
 */
export function additionalInstance(
  first: string,
  { instance, service }: Partial<Pick<OpenOptions, 'instance' | 'service'>> = {},
): string {
  // An invalid service name is reported by itself, and not again as a part of this one.
  const name = instance ?? `${first}-${isName(String(service)) ? service : 'unnamed'}`;
  if (instance !== undefined || name.length <= longestName) return name;
  const digest = digestOf(name).slice(-12);
  return `${name.slice(0, longestName - digest.length - 1)}-${digest}`;
}

/** The options of `connect` for an additional document: those of the first, without what belongs to that one alone. */
export function additionalOptions<Schema extends z.ZodType>(
  {
    service: _service,
    schema: _schema,
    url: _url,
    bus: _bus,
    signal: _signal,
    boot: _boot,
    staleness: _staleness,
    overrides: _overrides,
    ...rest
  }: ConnectOptions,
  bus: Bus,
  options: OpenOptions<Schema> & { readonly instance: string },
): ConnectOptions<Schema> {
  return {
    ...rest,
    // Messages are numbered per source, so two counters must not share a name.
    sourceName: options.instance,
    ...options,
    // Also when it is missing, so that it is refused: only the first document may leave it out.
    schema: options.schema,
    bus: (busOptions) => shareBus(bus, busOptions),
  };
}

/**
 * Returns a bus on the connection of another one. It starts and stops nothing but its own subscriptions, has no Last
 * Will, and is closed with the other one.
 */
export function shareBus(bus: Bus, { will, onFault }: BusOptions): Bus {
  const listeners = new Listeners<BusStatus>((cause) =>
    onFault?.({ kind: 'handler_threw', message: 'a status listener threw', cause }),
  );
  const subscriptions = new Set<Subscription>();
  const closed: BusStatus = { kind: 'closed' };
  let phase: 'idle' | 'started' | 'stopped' = 'idle';
  let unlisten: (() => void) | undefined;

  const notify = (status: BusStatus): void => listeners.notify(status);
  const statusNow = (): BusStatus => (phase === 'stopped' ? closed : phase === 'idle' ? { kind: 'idle' } : bus.status);

  const shared: Bus = {
    get status() {
      return statusNow();
    },
    async start({ signal } = {}) {
      if (phase !== 'idle') throw closedHere();
      phase = 'started';
      // Called for its side effect of beginning a session; the Last Will of the connection is the first document's.
      will?.();
      unlisten = bus.onStatus(notify);
      if (bus.status.kind === 'connected') return notify(bus.status);
      const connected = Promise.withResolvers<void>();
      const leave = shared.onStatus((status) => {
        if (status.kind === 'connected') connected.resolve();
        if (status.kind === 'closed') connected.reject(closedHere());
      });
      const abort = (): void => {
        connected.reject(signal?.reason);
        void shared.stop();
      };
      signal?.addEventListener('abort', abort, { once: true });
      await connected.promise.finally(() => {
        leave();
        signal?.removeEventListener('abort', abort);
      });
    },
    publish: (...message) => (phase === 'stopped' ? Promise.reject(closedHere()) : bus.publish(...message)),
    subscribe(...wanted) {
      const subscription = bus.subscribe(...wanted);
      subscriptions.add(subscription);
      return awaitable<Subscription>({
        ready: subscription.ready,
        get refused() {
          return subscription.refused;
        },
        refresh: () => subscription.refresh(),
        close() {
          subscriptions.delete(subscription);
          return subscription.close();
        },
      });
    },
    // Wrapped, so that a function that was added twice can be removed once.
    onStatus: (listener) => listeners.add((status) => listener(status)),
    reconnect: (reason) => bus.reconnect(reason),
    ...(bus.holdBack && { holdBack: () => bus.holdBack?.() ?? (() => {}) }),
    ...(bus.probe && { probe: () => bus.probe?.() ?? Promise.resolve(false) }),
    async stop() {
      if (phase === 'stopped') return;
      phase = 'stopped';
      unlisten?.();
      const closing = [...subscriptions].map((subscription) => subscription.close());
      subscriptions.clear();
      notify(closed);
      await Promise.allSettled(closing);
    },
    [Symbol.asyncDispose]: () => shared.stop(),
  };
  return shared;
}

const closedHere = (): BusError => new BusError('stopped', 'this part of the connection was stopped; open it again');
