import type { Bus } from '@setpoint/bus';
import type { VersionRecord } from '@setpoint/engine';
import { type KeyRing, type Snapshot, snapshotType, type Topics, tryOpenMessage } from '@setpoint/protocol';

export interface ReadBackOptions {
  readonly bus: Bus;
  readonly topics: Topics;
  /** Believes what this authority signed. */
  readonly keys: KeyRing;
  /** The latest version of every service, deleted ones included. */
  readonly latest: () => readonly VersionRecord[];
  /** Publishes it again. */
  readonly reassert: (record: VersionRecord) => void;
  readonly now: () => number;
}

/** A broker sends a retained message right after it grants a subscription; later than this there is none. Milliseconds. */
const patienceMs = 500;

/**
 * Reads the authority's own retained snapshots back, each by its exact name as not every broker sends retained
 * messages to a wildcard, and asserts again what is missing, older, different or not signed by this authority.
 * @see docs/protocol.md#9-what-an-authority-does
 */
export async function readBack(options: ReadBackOptions): Promise<void> {
  await Promise.all(options.latest().map((record) => readOne(record.snapshot.service, options)));
}

async function readOne(service: string, { bus, topics, keys, latest, reassert, now }: ReadBackOptions): Promise<void> {
  const arrived = Promise.withResolvers<Uint8Array | undefined>();
  const subscription = bus.subscribe(topics.snapshot(service), ({ payload }) => arrived.resolve(payload));
  const timer = setTimeout(() => arrived.resolve(undefined), patienceMs);
  const payload = await arrived.promise;
  clearTimeout(timer);
  await subscription.close();
  // What is current may have moved on meanwhile; then its own publish is under way.
  const record = latest().find(({ snapshot }) => snapshot.service === service);
  if (record && !isAsserted(record, payload, keys, now())) reassert(record);
}

function isAsserted(
  { snapshot, deleted }: VersionRecord,
  payload: Uint8Array | undefined,
  keys: KeyRing,
  now: number,
): boolean {
  if (payload === undefined || payload.length === 0) return deleted;
  const held = tryOpenMessage(snapshotType, payload, { keys, now })?.data;
  return !deleted && held !== undefined && isSameStamp(held, snapshot);
}

const isSameStamp = (a: Snapshot, b: Snapshot): boolean =>
  a.epoch === b.epoch && a.version === b.version && a.digest === b.digest;
