import { digestOf, SetpointError, type Snapshot } from '@setpoint/protocol';
import { splitChecksum } from '../configuration/checksum.ts';
import { openSnapshot, type Received, type ReceiveOptions } from '../configuration/receive.ts';

/**
 * Opens what the disk has: as strictly as a live snapshot. Where no keys are trusted, its checksum says that it is as it
 * was written.
 * @throws SetpointError the reason why it is not to be used
 */
export function reopen(file: Uint8Array, options: Omit<ReceiveOptions, 'applied'>): Received {
  if (file.length === 0) throw new SetpointError('envelope_malformed', 'the file is empty');
  const { bytes, isDamaged } = splitChecksum(file);
  const received = openSnapshot(bytes, options);
  if (options.keys) return received;
  if (isDamaged) throw damaged('it is not as it was written');
  checkDigest(received.snapshot);
  return received;
}

/** Where neither signature nor checksum says so, this tells values that are not as they were published. */
function checkDigest({ values, digest }: Snapshot): void {
  if (digestOf(values) !== digest) throw damaged('its values do not have its digest');
}

const damaged = (why: string): SetpointError =>
  new SetpointError('envelope_malformed', `the snapshot on disk is damaged: ${why}`);
