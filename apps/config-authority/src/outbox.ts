import type { Bus } from '@setpoint/bus';
import type { Store, VersionRecord } from '@setpoint/engine';
import { type EnvelopeWriter, portableEnvelopeBytes, snapshotType, type Topics } from '@setpoint/protocol';
import type { Logger } from 'pino';

/**
 * Publishes what the store has and no broker has acknowledged: for each service one version at a time, in order; of
 * those that wait only the newest.
 * @see docs/protocol.md#9-what-an-authority-does
 */
export interface OutboxPublisher {
  /** Publishes this version, which is durable, as soon as there is a connection. */
  enqueue(record: VersionRecord): void;
  /** Is there anything that no broker has acknowledged? */
  readonly isEmpty: boolean;
  /** Resolves when all is acknowledged, or rejects when `signal` aborts. */
  flush(signal: AbortSignal): Promise<void>;
  stop(): void;
}

export interface OutboxOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly topics: Topics;
  readonly writer: EnvelopeWriter;
  readonly logger: Logger;
}

/** Milliseconds. */
const retryMs = 1000;

export function createOutboxPublisher({ bus, store, topics, writer, logger }: OutboxOptions): OutboxPublisher {
  const waiting = new Map<string, VersionRecord>();
  const publishing = new Set<string>();
  const idle = new Set<() => void>();
  let isStopped = false;

  const endStatus = bus.onStatus((status) => {
    if (status.kind === 'connected') pump();
  });

  function pump(): void {
    if (isStopped || bus.status.kind !== 'connected') return;
    for (const service of waiting.keys()) if (!publishing.has(service)) void publishLatest(service);
  }

  /** Goes on until nothing newer of the service waits. */
  async function publishLatest(service: string): Promise<void> {
    publishing.add(service);
    let isGoingWell = true;
    for (let record = take(service); record; record = isGoingWell ? take(service) : undefined) {
      isGoingWell = await publish(record);
    }
    publishing.delete(service);
    if (waiting.size === 0 && publishing.size === 0) for (const settle of idle) settle();
  }

  function take(service: string): VersionRecord | undefined {
    if (isStopped || bus.status.kind !== 'connected') return undefined;
    const record = waiting.get(service);
    waiting.delete(service);
    return record;
  }

  async function publish(record: VersionRecord): Promise<boolean> {
    const { service, version } = record.snapshot;
    try {
      await bus.publish(topics.snapshot(service), seal(record), { qos: 1, retain: true });
      await store.markSent([{ service, version }]);
      return true;
    } catch (cause) {
      logger.warn({ err: cause, service, version }, 'a snapshot was not acknowledged; it is published again');
      if (!waiting.has(service)) waiting.set(service, record);
      // A connection that comes back pumps by itself; one that stays must not be asked in a tight loop.
      setTimeout(pump, retryMs).unref();
      return false;
    }
  }

  function seal({ snapshot, deleted }: VersionRecord): Uint8Array {
    if (deleted) return new Uint8Array();
    const { bytes } = writer.seal({ type: snapshotType, subject: snapshot.service, data: snapshot });
    if (bytes.length > portableEnvelopeBytes) {
      const { service, version } = snapshot;
      logger.warn({ service, version, bytes: bytes.length }, 'a snapshot is larger than some brokers keep (60 KB)');
    }
    return bytes;
  }

  return {
    enqueue(record) {
      waiting.set(record.snapshot.service, record);
      pump();
    },
    get isEmpty() {
      return waiting.size === 0 && publishing.size === 0;
    },
    async flush(signal) {
      if (waiting.size === 0 && publishing.size === 0) return;
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      idle.add(resolve);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      await promise.finally(() => idle.delete(resolve));
    },
    stop() {
      isStopped = true;
      endStatus();
    },
  };
}
