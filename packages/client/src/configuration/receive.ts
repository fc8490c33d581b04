import {
  judge,
  type KeyRing,
  openMessage,
  SetpointError,
  type Snapshot,
  type Stamp,
  snapshotType,
} from '@setpoint/protocol';

/** A snapshot that was opened and verified, with the bytes it came as. */
export interface Received {
  readonly snapshot: Snapshot;
  readonly bytes: Uint8Array;
  /** W3C Trace Context: what made the authority publish it. */
  readonly traceparent?: string;
}

export type Reception =
  | { readonly kind: 'apply'; readonly received: Received }
  | { readonly kind: 'skip'; readonly reason: 'duplicate' | 'stale'; readonly received: Received }
  /** The retained message was cleared: the service was deleted. What runs goes on. */
  | { readonly kind: 'deleted' }
  | { readonly kind: 'refuse'; readonly error: SetpointError; readonly stamp?: Stamp };

export interface ReceiveOptions {
  readonly service: string;
  /** The name of the one authority that is listened to: epochs of two can't be compared. */
  readonly authority: string;
  readonly keys: KeyRing | undefined;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** What is applied, or what the last good snapshot says was. */
  readonly applied: Stamp | undefined;
}

/** Verify, then judge: what to do with the bytes of a snapshot, wherever they came from. Never throws. */
export function receive(bytes: Uint8Array, options: ReceiveOptions): Reception {
  if (bytes.length === 0) return { kind: 'deleted' };
  try {
    return weigh(openSnapshot(bytes, options), options.applied);
  } catch (cause) {
    if (cause instanceof SetpointError) return { kind: 'refuse', error: cause };
    throw cause;
  }
}

/**
 * @throws SetpointError what is wrong with the message, or `message_unexpected` where it is of another service or comes
 * from another authority
 */
export function openSnapshot(
  bytes: Uint8Array,
  { service, authority, keys, now }: Omit<ReceiveOptions, 'applied'>,
): Received {
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

function weigh(received: Received, applied: Stamp | undefined): Reception {
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
