import { digestOf, SetpointError, type Snapshot } from '@setpoint/protocol';
import { openSnapshot, type ReceivedSnapshot, type ReceiveOptions } from '../configuration/receive.ts';

/**
 * Opens a snapshot from disk, as strictly as a live one. Without trusted keys its checksum proves that it is unchanged.
 * @throws SetpointError the code of the reason why it must not be used
 */
export function openCachedSnapshot(file: Uint8Array, options: Omit<ReceiveOptions, 'applied'>): ReceivedSnapshot {
  if (file.length === 0) throw new SetpointError('envelope_malformed', 'the file is empty');
  const { bytes, isDamaged } = splitChecksum(file);
  const received = openSnapshot(bytes, options);
  if (options.keys) return received;
  if (isDamaged) throw damaged('it is not as it was written');
  checkDigest(received.snapshot);
  return received;
}

/** For a file with neither signature nor checksum: finds values that are not as they were published. */
function checkDigest({ values, digest }: Snapshot): void {
  if (digestOf(values) !== digest) throw damaged('its values do not have its digest');
}

const damaged = (why: string): SetpointError =>
  new SetpointError('envelope_malformed', `the snapshot on disk is damaged: ${why}`);

/**
 * A file without a signature ends in `,"checksum":"sha256:<hex>"}`, computed over the message as received. It is still
 * a valid message, because readers ignore unknown members.
 */
const tailPattern = /,"checksum":"(sha256:[0-9a-f]{64})"\}$/;

const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Adds the checksum to a message. A message that ends in white space is kept without one. */
export function joinChecksum(bytes: Uint8Array): Uint8Array {
  const text = textOf(bytes);
  if (!text.endsWith('}')) return bytes;
  return new TextEncoder().encode(`${text.slice(0, -1)},"checksum":"${digestOf(text)}"}`);
}

/** Returns the message, and whether its checksum is wrong. A message without a checksum does not count as damaged. */
export function splitChecksum(file: Uint8Array): { readonly bytes: Uint8Array; readonly isDamaged: boolean } {
  const text = textOf(file);
  const match = tailPattern.exec(text);
  if (!match) return { bytes: file, isDamaged: false };
  const message = `${text.slice(0, match.index)}}`;
  return { bytes: new TextEncoder().encode(message), isDamaged: digestOf(message) !== match[1] };
}
