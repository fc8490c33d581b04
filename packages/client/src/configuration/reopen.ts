import { digestOf, SetpointError, type Snapshot } from '@setpoint/protocol';
import { openSnapshot, type Received, type ReceiveOptions } from '../receive.ts';

export interface ReopenOptions extends Omit<ReceiveOptions, 'applied'> {
  readonly authority: string;
}

/**
 * Opens what the disk has: as strictly as a live snapshot, and it must come from this authority. Epochs of two
 * authorities can't be compared: the last good one of another would make every live one stale.
 * @throws SetpointError the reason why it is not to be used
 */
export function reopen(bytes: Uint8Array, options: ReopenOptions): Received {
  if (bytes.length === 0) throw new SetpointError('envelope_malformed', 'the file is empty');
  const { source, ...received } = openSnapshot(bytes, options);
  if (source !== `/authority/${options.authority}`) throw foreign(source, options.authority);
  if (!options.keys) checkDigest(received.snapshot);
  return received;
}

function foreign(source: string, authority: string): SetpointError {
  const message = `the snapshot on disk comes from ${source}, and this service listens to /authority/${authority}`;
  return new SetpointError('message_unexpected', message);
}

/** Where no signature says so, this tells a document that is not as it was written. */
function checkDigest({ values, digest }: Snapshot): void {
  if (digestOf(values) === digest) return;
  throw new SetpointError('envelope_malformed', 'the snapshot on disk is damaged: its values do not have its digest');
}
