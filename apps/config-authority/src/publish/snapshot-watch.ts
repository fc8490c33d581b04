import { hash } from 'node:crypto';
import type { Bus, BusMessage, Subscription } from '@setpoint/bus';
import type { VersionRecord } from '@setpoint/engine';
import { anyName, type KeyRing, type Topics } from '@setpoint/protocol';
import { isAsserted } from './read-back.ts';

/** Sees what others publish on the topics of snapshots while the authority is connected, and puts it right. */
export interface SnapshotWatch {
  /** Remembers what the authority itself publishes, so that its own messages are not verified when they come back. */
  published(service: string, payload: Uint8Array): void;
  stop(): Promise<void>;
}

export interface SnapshotWatchOptions {
  readonly bus: Bus;
  readonly topics: Topics;
  /** Accepts what this authority signed. */
  readonly keys: KeyRing;
  /** The latest version of a service, also of a deleted one; undefined when there is none. */
  readonly latest: (service: string) => VersionRecord | undefined;
  /** Publishes it again. */
  readonly reassert: (record: VersionRecord) => void;
  readonly now: () => number;
}

/**
 * A wrong message is put right after this time, and so at most once in it: an earlier version of the authority's own may
 * come back late, and somebody who publishes wrong messages all the time must not set the pace. Milliseconds.
 */
const settleMs = 1000;
/** Own messages of a service that may still be on their way back. */
const keptOwn = 4;

/**
 * Publishes the present snapshot again when somebody overwrote or cleared it. Readers refuse what is not signed or older
 * than what they run; but one that starts later would find only that.
 */
export function createSnapshotWatch(options: SnapshotWatchOptions): SnapshotWatch {
  const { bus, topics, keys, latest, reassert, now } = options;
  /** By service, the SHA-256 of the last own messages, the newest at the end. */
  const own = new Map<string, readonly string[]>();
  /** Services whose last message was wrong. */
  const wrong = new Map<string, NodeJS.Timeout>();

  function take({ topic, payload, retained }: BusMessage): void {
    const address = topics.parse(topic);
    // What was retained before is for `readBack`.
    if (address?.kind !== 'snapshot' || retained) return;
    const { service } = address;
    const record = latest(service);
    if (!record) return;
    const digest = digestOf(payload);
    const ownHere = own.get(service) ?? [];
    if (ownHere.at(-1) === digest || isAsserted(record, payload, keys, now())) return putRight(service);
    // While versions follow fast, an own message comes back after the next one was sent. When it is the last one that
    // comes, somebody has sent it again.
    if (ownHere.includes(digest)) putRight(service);
    if (wrong.has(service)) return;
    wrong.set(service, setTimeout(() => repair(service), settleMs).unref());
  }

  function putRight(service: string): void {
    clearTimeout(wrong.get(service));
    wrong.delete(service);
  }

  function repair(service: string): void {
    wrong.delete(service);
    const record = latest(service);
    if (record) reassert(record);
  }

  const subscription: Subscription = bus.subscribe(topics.snapshot(anyName), take, { qos: 0 });
  return {
    published(service, payload) {
      own.set(service, [...(own.get(service) ?? []), digestOf(payload)].slice(-keptOwn));
    },
    async stop() {
      for (const timer of wrong.values()) clearTimeout(timer);
      wrong.clear();
      await subscription.close().catch(() => undefined);
    },
  };
}

const digestOf = (payload: Uint8Array): string => hash('sha256', payload, 'base64');
