import type { Snapshot } from '@setpoint/protocol';
import { createInbox, type Inbox, midnight, sealSnapshot } from '@setpoint/test-support/samples';
import type { z } from 'zod';
import type { ApplyOutcome } from '../src/configuration/apply-outcome.ts';
import { Configuration, type ConfigurationOptions } from '../src/configuration/configuration.ts';
import type { ReceivedSnapshot } from '../src/configuration/receive.ts';
import { subscribeAll } from '../src/configuration/subscription.ts';
import { resolvePolicy } from '../src/options/policy.ts';
import type { ChangeHandler } from '../src/transaction/handler-step.ts';

export interface OpenedConfiguration<T> {
  readonly configuration: Configuration<T>;
  readonly outcomes: Inbox<ApplyOutcome>;
  /** The versions that were kept on disk. */
  readonly remembered: readonly number[];
  readonly revertFaults: readonly unknown[];
  readonly firsts: number;
  offer(snapshot: Snapshot): void;
  /** Offers the snapshot and waits until it was applied or rejected. */
  apply(snapshot: Snapshot): Promise<ApplyOutcome>;
}

/** Opens a configuration of the service `vad` without bus and disk, and records what it reports. */
export function openConfiguration<T>(
  schema: z.ZodType<T>,
  options: Partial<ConfigurationOptions<T>> = {},
): OpenedConfiguration<T> {
  const outcomes = createInbox<ApplyOutcome>();
  const remembered: number[] = [];
  const revertFaults: unknown[] = [];
  let firsts = 0;
  const configuration = new Configuration<T>({
    service: 'vad',
    authority: 'config-authority',
    schema,
    keys: undefined,
    applyTimeoutMs: 1000,
    now: () => midnight,
    policy: resolvePolicy({}, () => {}),
    applyingRecord: undefined,
    onStaleness: () => {},
    onListenerFailed: () => {},
    onFirst: () => void firsts++,
    remember: async ({ snapshot }) => void remembered.push(snapshot.version),
    onOutcome: outcomes.put,
    onRevertFailed: (cause) => void revertFaults.push(cause),
    ...options,
  });
  const offer = (snapshot: Snapshot): void => configuration.offer(sealSnapshot(snapshot));
  return {
    configuration,
    outcomes,
    remembered,
    revertFaults,
    offer,
    apply: async (snapshot: Snapshot): Promise<ApplyOutcome> => {
      offer(snapshot);
      const outcome = await outcomes.next();
      await new Promise(setImmediate);
      return outcome;
    },
    get firsts() {
      return firsts;
    },
  };
}

export const follow = <T>(configuration: Configuration<T>, handler: ChangeHandler<T>): (() => void) =>
  configuration.addSubscriber(subscribeAll(handler));

export const received = (snapshot: Snapshot): ReceivedSnapshot => ({ snapshot, bytes: sealSnapshot(snapshot) });
