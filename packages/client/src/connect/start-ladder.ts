import type { Logger } from '@setpoint/participant';
import { type Pointer, readPointer, type SetpointError } from '@setpoint/protocol';
import type { Configuration } from '../configuration/configuration.ts';
import type { ReceivedSnapshot } from '../configuration/receive.ts';
import type { ResolvedOptions } from '../options/resolve-options.ts';
import { noConfiguration } from './no-configuration.ts';

export interface StartLadderOptions {
  readonly options: ResolvedOptions;
  readonly logger: Logger;
  readonly configuration: Pick<Configuration<unknown>, 'takeCached' | 'takeDefaults' | 'waitForSnapshot' | 'misfit'>;
  /** The last good snapshot on disk. */
  readonly cached: ReceivedSnapshot | undefined;
  /** Why the last snapshot of the broker was not applied. */
  readonly refusal: SetpointError | undefined;
  readonly isConnected: () => boolean;
  /** Resolves when the first document is in force. */
  readonly firstDocument: Promise<void>;
}

/**
 * Starts without a live snapshot: on the last good one, else on the schema's defaults, else it waits, as
 * `withoutSnapshot` and the boot policy allow.
 * @throws SetpointError `no_configuration`
 */
export async function startWithoutSnapshot(given: StartLadderOptions): Promise<void> {
  const { options, logger, configuration, cached, firstDocument } = given;
  const { withoutSnapshot, service, policy } = options;
  if (policy.refusing.length > 0) throw fail(given);
  if (cached && keepsAll(cached, policy.kept) && (await configuration.takeCached(cached))) {
    const { version } = cached.snapshot;
    logger.warn({ service, version }, 'no live snapshot: started on the last good one');
    return;
  }
  if (withoutSnapshot === 'defaults' && (await configuration.takeDefaults(cached))) {
    logger.warn({ service }, 'no snapshot, live or kept: started on the defaults of the schema');
    return;
  }
  if (withoutSnapshot !== 'wait') throw fail(given);
  configuration.waitForSnapshot();
  logger.warn({ service }, 'no snapshot, live or kept: waiting for one');
  await firstDocument;
}

function fail({ options, configuration, cached, refusal, isConnected }: StartLadderOptions): SetpointError {
  return noConfiguration(options, {
    isConnected: isConnected(),
    refusal,
    hadKept: cached !== undefined,
    misfit: configuration.misfit,
  });
}

/** Whether every value that the boot policy keeps is in the last good document. */
const keepsAll = ({ snapshot }: ReceivedSnapshot, kept: readonly Pointer[]): boolean =>
  kept.every((pointer) => readPointer(snapshot.values, pointer) !== undefined);
