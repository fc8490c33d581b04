import type { Bus } from '@setpoint/bus';
import type { VersionRecord } from '@setpoint/engine';
import { type KeyRing, type Snapshot, snapshotType, type Topics, tryOpenMessage } from '@setpoint/protocol';

export interface ReadBackOptions {
  readonly bus: Bus;
  readonly topics: Topics;
  /** Believes what this authority signed. */
  readonly keys: KeyRing;
  /** Every service, deleted ones included. */
  readonly services: () => readonly string[];
  /** The latest version of a service, also of a deleted one; undefined when there is none. */
  readonly latest: (service: string) => VersionRecord | undefined;
  /** Publishes it again. */
  readonly reassert: (record: VersionRecord) => void;
  readonly now: () => number;
}

/** A broker sends a retained message right after it grants a subscription; later than this there is none. Milliseconds. */
const patienceMs = 500;

/** Subscriptions for reading back that are open at once. More of them would hold up the messages of everybody else. */
const maxAtOnce = 256;

/**
 * Reads the authority's own retained snapshots back, each by its exact name as not every broker sends retained
 * messages to a wildcard, and asserts again what is missing, older, different or not signed by this authority.
 * @see docs/protocol.md#9-what-an-authority-does
 */
export async function readBack(options: ReadBackOptions): Promise<void> {
  const services = options.services();
  let next = 0;
  const readOneAfterAnother = async (): Promise<void> => {
    for (let service = services[next++]; service !== undefined; service = services[next++]) {
      await readOne(service, options);
    }
  };
  await Promise.all(Array.from({ length: Math.min(maxAtOnce, services.length) }, readOneAfterAnother));
}

async function readOne(service: string, { bus, topics, keys, latest, reassert, now }: ReadBackOptions): Promise<void> {
  const arrived = Promise.withResolvers<Uint8Array | undefined>();
  const subscription = bus.subscribe(topics.snapshot(service), ({ payload }) => arrived.resolve(payload));
  await subscription.ready;
  const timer = setTimeout(() => arrived.resolve(undefined), patienceMs);
  const payload = await arrived.promise;
  clearTimeout(timer);
  await subscription.close();
  // What is current may have moved on meanwhile; then its own publish is under way.
  const record = latest(service);
  if (record && !isAsserted(record, payload, keys, now())) reassert(record);
}

/** Whether a retained message is the snapshot of this version, signed by the authority; for a deleted service: none. */
export function isAsserted(
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
