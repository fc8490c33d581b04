import { SetpointError } from '@setpoint/protocol';
import type { Connection } from './connect.ts';

/** The other documents on one connection. */
export class Others {
  readonly #open = new Set<Pick<Connection<unknown>, 'stop'>>();
  /** The instances that speak on the connection, also while they are being opened. */
  readonly #names: Set<string>;
  readonly #stopping = new AbortController();

  /** @param first the instance that the connection is of */
  constructor(first: string) {
    this.#names = new Set([first]);
  }

  /**
   * Opens one more, and forgets it when it was stopped. `open` is given a signal that ends its start.
   * @throws SetpointError `stopped`; `options_invalid` where the instance is there already; what `open` throws
   */
  async add<T>(
    instance: string,
    signal: AbortSignal | undefined,
    open: (signal: AbortSignal) => Promise<Connection<T>>,
  ): Promise<Connection<T>> {
    if (this.#stopping.signal.aborted) throw stopped();
    if (this.#names.has(instance)) throw taken(instance);
    this.#names.add(instance);
    const forget = (): void => void this.#names.delete(instance);
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
    return [...this.#open].map((other) => other.stop());
  }
}

/** What is no signal is handed on: the options are refused for it. */
const either = (stopping: AbortSignal, signal: AbortSignal | undefined): AbortSignal => {
  if (signal === undefined) return stopping;
  return signal instanceof AbortSignal ? AbortSignal.any([stopping, signal]) : signal;
};

const stopped = (): SetpointError =>
  new SetpointError('stopped', 'the connection was stopped; connect again, and open the document on that one');

const taken = (instance: string): SetpointError =>
  new SetpointError(
    'options_invalid',
    `${instance} speaks on this connection already; stop that document first, or open this one with another instance`,
    { faults: [{ pointer: '/instance', message: `${instance} is taken on this connection` }] },
  );
