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
}

export type Reception =
  | { readonly kind: 'apply'; readonly received: Received }
  | { readonly kind: 'skip'; readonly reason: 'duplicate' | 'stale'; readonly received: Received }
  /** The retained message was cleared: the service was deleted. What runs goes on. */
  | { readonly kind: 'deleted' }
  | { readonly kind: 'refuse'; readonly error: SetpointError; readonly stamp?: Stamp };

export interface ReceiveOptions {
  readonly service: string;
  readonly keys: KeyRing | undefined;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** What is applied, or what the last good snapshot says was. */
  readonly applied: Stamp | undefined;
}

/** Verify, then judge: what to do with the bytes of a snapshot, wherever they came from. Never throws. */
export function receive(bytes: Uint8Array, { service, keys, now, applied }: ReceiveOptions): Reception {
  if (bytes.length === 0) return { kind: 'deleted' };
  try {
    const { data: snapshot } = openMessage(snapshotType, bytes, { keys, now });
    if (snapshot.service !== service) {
      const message = `a snapshot of ${snapshot.service} came on the topic of ${service}; it is ignored`;
      return { kind: 'refuse', error: new SetpointError('message_unexpected', message) };
    }
    return weigh(snapshot, bytes, applied);
  } catch (cause) {
    if (cause instanceof SetpointError) return { kind: 'refuse', error: cause };
    throw cause;
  }
}

function weigh(snapshot: Snapshot, bytes: Uint8Array, applied: Stamp | undefined): Reception {
  const verdict = judge(applied, snapshot);
  const received = { snapshot, bytes };
  if (verdict.kind === 'apply') return { kind: 'apply', received };
  if (verdict.kind === 'skip') return { kind: 'skip', reason: verdict.reason, received };
  return { kind: 'refuse', error: versionReused(snapshot), stamp: snapshot };
}

export function versionReused({ epoch, version }: Stamp): SetpointError {
  const message = `version ${version} of epoch ${epoch} came with another digest than the one before; two authorities, or a store that was put back without a restore`;
  return new SetpointError('version_reused', message);
}
