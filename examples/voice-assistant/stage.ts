import type { Change, ConnectOptions } from '@setpoint/client';

/** The options that all three workers get. */
export interface Stage {
  /** Where the broker is, and whose snapshots to trust. */
  readonly broker: Pick<ConnectOptions, 'url' | 'trustedKeys'>;
  /** Aborting it stops the worker. */
  readonly signal: AbortSignal;
  /** Called with every change. */
  readonly onChange: (service: string, change: Change<unknown>) => void;
}

/** Resolves when `signal` aborts. */
export const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((settle) => {
    if (signal.aborted) settle();
    else signal.addEventListener('abort', () => settle(), { once: true });
  });
