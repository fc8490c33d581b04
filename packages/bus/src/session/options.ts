import type { BusFault, BusOptions, LastWill, OverflowPolicy } from '../bus.ts';
import { describeError } from '../bus-error.ts';

/** `BusOptions` with nothing left open. */
export interface ResolvedBusOptions {
  readonly maxMessageBytes: number;
  readonly outboxMaxMessages: number;
  readonly outboxMaxBytes: number;
  readonly outboxPolicy: OverflowPolicy;
  readonly maxInFlight: number;
  readonly publishTimeoutMs: number;
  /** Tells `onFault`, whatever that does. */
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
        // There is nobody left to tell, and a listener that fails must not take the connection with it.
      }
    },
  };
}

/** Asks for this session's Last Will. One that can't be made is reported, and the session goes without. */
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
