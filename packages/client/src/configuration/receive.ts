import {
  judge,
  type KeyRing,
  openMessage,
  SetpointError,
  type Snapshot,
  type Stamp,
  snapshotType,
} from '@setpoint/protocol';

/** A snapshot that was opened and verified, with its original bytes. */
export interface ReceivedSnapshot {
  readonly snapshot: Snapshot;
  readonly bytes: Uint8Array;
  /** The cause of its publication, in W3C Trace Context. */
  readonly traceparent?: string;
}

export type Reception =
  | { readonly kind: 'apply'; readonly received: ReceivedSnapshot }
  | { readonly kind: 'skip'; readonly reason: 'duplicate' | 'stale'; readonly received: ReceivedSnapshot }
  /** The retained message was cleared: the service was deleted. The document in force stays. */
  | { readonly kind: 'deleted' }
  | { readonly kind: 'refuse'; readonly error: SetpointError; readonly stamp?: Stamp };

export interface ReceiveOptions {
  readonly service: string;
  /** The name of the authority whose snapshots are accepted: epochs of two authorities can't be compared. */
  readonly authority: string;
  readonly keys: KeyRing | undefined;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** The applied version, or the one of the last good snapshot on disk. */
  readonly applied: Stamp | undefined;
}

/** Verifies the bytes of a snapshot and compares its version with the applied one. Never throws for bad bytes. */
export function receive(bytes: Uint8Array, options: ReceiveOptions): Reception {
  if (bytes.length === 0) return { kind: 'deleted' };
  try {
    return compare(openSnapshot(bytes, options), options.applied);
  } catch (cause) {
    if (cause instanceof SetpointError) return { kind: 'refuse', error: cause };
    throw cause;
  }
}

/**
 * Opens and verifies a snapshot.
 * @throws SetpointError the code of what is wrong with the message; `message_unexpected` when it belongs to another
 * service or comes from another authority
 */
export function openSnapshot(
  bytes: Uint8Array,
  { service, authority, keys, now }: Omit<ReceiveOptions, 'applied'>,
): ReceivedSnapshot {
  const { data: snapshot, envelope } = openMessage(snapshotType, bytes, { keys, now });
  if (snapshot.service !== service) {
    const message = `a snapshot of ${snapshot.service} came on the topic of ${service}; it is ignored`;
    throw new SetpointError('message_unexpected', message);
  }
  const { source, traceparent } = envelope;
  if (source !== `/authority/${authority}`) {
    const message = `the snapshot comes from ${source}, and this service listens to /authority/${authority}; it is ignored`;
    throw new SetpointError('message_unexpected', message);
  }
  return { snapshot, bytes, ...(traceparent !== undefined && { traceparent }) };
}

function compare(received: ReceivedSnapshot, applied: Stamp | undefined): Reception {
  const { snapshot } = received;
  const verdict = judge(applied, snapshot);
  if (verdict.kind === 'apply') return { kind: 'apply', received };
  if (verdict.kind === 'skip') return { kind: 'skip', reason: verdict.reason, received };
  return { kind: 'refuse', error: versionReused(snapshot), stamp: snapshot };
}

export function versionReused({ epoch, version }: Stamp): SetpointError {
  const message = `version ${version} of epoch ${epoch} came with another digest than the one before; two authorities, or a store that was put back without a restore`;
  return new SetpointError('version_reused', message);
}
