import type { Change, ConnectOptions } from '@setpoint/client';

/** What the three workers are given. */
export interface Stage {
  /** Where the broker is, and whose snapshots to believe. */
  readonly broker: Pick<ConnectOptions, 'url' | 'trustedKeys'>;
  /** Ends the worker. */
  readonly signal: AbortSignal;
  /** Told of every change. */
  readonly onChange: (service: string, change: Change<unknown>) => void;
}

/** Resolves when `signal` aborts. */
export const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((settle) => {
    if (signal.aborted) settle();
    else signal.addEventListener('abort', () => settle(), { once: true });
  });
