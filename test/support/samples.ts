import { createEnvelopeWriter, digestOf, type JsonObject, type Signer, type Snapshot } from '@setpoint/protocol';

/** 2026-06-01T00:00:00.000Z */
export const midnight = 1_780_272_000_000;

/** A snapshot of the service `vad`, right in every part that `rest` does not change. */
export function snapshotOf(version: number, values: JsonObject = {}, rest: Partial<Snapshot> = {}): Snapshot {
  return {
    service: 'vad',
    epoch: 7,
    version,
    digest: digestOf(values),
    previous: null,
    values,
    restartRequired: [],
    secrets: [],
    author: 'ann',
    reason: '',
    committedAt: '2026-06-01T00:00:00.000Z',
    ...rest,
  };
}

/** The bytes of a message of the authority. */
export function sealSnapshot(snapshot: Snapshot, signer?: Signer): Uint8Array {
  const writer = createEnvelopeWriter({ source: '/authority/config-authority', signer, now: () => midnight });
  return writer.seal({ type: 'setpoint.snapshot.v1', subject: snapshot.service, data: snapshot }).bytes;
}

export interface Inbox<T> {
  put(item: T): void;
  /** The next item that was not taken yet. */
  next(): Promise<T>;
  /** All that came. */
  readonly all: readonly T[];
}

/** Keeps what comes, and hands it out one by one to whoever waits. */
export function createInbox<T>(): Inbox<T> {
  const all: T[] = [];
  let taken = 0;
  let more = Promise.withResolvers<void>();
  return {
    all,
    put(item) {
      all.push(item);
      more.resolve();
      more = Promise.withResolvers<void>();
    },
    async next() {
      const index = taken++;
      while (all.length <= index) await more.promise;
      return all[index] as T;
    },
  };
}
