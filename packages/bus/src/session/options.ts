import type { BusFault, BusOptions, LastWill, OverflowPolicy } from '../bus.ts';
import { describeError } from '../bus-error.ts';

/** `BusOptions` with every default filled in. */
export interface ResolvedBusOptions {
  readonly maxMessageBytes: number;
  readonly outboxMaxMessages: number;
  readonly outboxMaxBytes: number;
  readonly outboxPolicy: OverflowPolicy;
  readonly maxInFlight: number;
  readonly publishTimeoutMs: number;
  /** Calls `onFault` and survives what it throws. */
  readonly report: (fault: BusFault) => void;
}

export function resolveBusOptions(options: BusOptions): ResolvedBusOptions {
  const { onFault } = options;
  return {
    maxMessageBytes: options.maxMessageBytes ?? 1_048_576 + 1024,
    outboxMaxMessages: options.outboxMaxMessages ?? 1000,
    outboxMaxBytes: options.outboxMaxBytes ?? 16_777_216,
    outboxPolicy: options.outboxPolicy ?? 'refuse',
    maxInFlight: options.maxInFlight ?? 8,
    publishTimeoutMs: options.publishTimeoutMs ?? 30_000,
    report: (fault) => {
      try {
        onFault?.(fault);
      } catch {
        // A listener that throws must not end the connection, and there is no other listener to report it to.
      }
    },
  };
}

/** Makes the Last Will of the next session. If `will` throws, that is reported and the session has none. */
export function makeLastWill(
  will: (() => LastWill) | undefined,
  report: (fault: BusFault) => void,
): LastWill | undefined {
  try {
    return will?.();
  } catch (cause) {
    report({ kind: 'handler_threw', message: `the Last Will could not be made: ${describeError(cause)}`, cause });
    return undefined;
  }
}
