import { digestOf } from '@setpoint/protocol';

/**
 * A file without a signature ends in `,"checksum":"sha256:<hex>"}`, over the message that was received. It is still a
 * message: who reads one ignores members that it does not know.
 */
const tailPattern = /,"checksum":"(sha256:[0-9a-f]{64})"\}$/;

const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Adds the checksum to a message; one that ends in white space is kept without. */
export function joinChecksum(bytes: Uint8Array): Uint8Array {
  const text = textOf(bytes);
  if (!text.endsWith('}')) return bytes;
  return new TextEncoder().encode(`${text.slice(0, -1)},"checksum":"${digestOf(text)}"}`);
}

/** The message, and whether it has another checksum than it was written with. One that has none is not damaged. */
export function splitChecksum(file: Uint8Array): { readonly bytes: Uint8Array; readonly isDamaged: boolean } {
  const text = textOf(file);
  const match = tailPattern.exec(text);
  if (!match) return { bytes: file, isDamaged: false };
  const message = `${text.slice(0, match.index)}}`;
  return { bytes: new TextEncoder().encode(message), isDamaged: digestOf(message) !== match[1] };
}
