import type { Bus } from '@setpoint/bus';
import type { Store, VersionRecord } from '@setpoint/engine';
import { type Tracing, untraced } from '@setpoint/participant';
import { type EnvelopeWriter, portableEnvelopeBytes, snapshotType, type Topics } from '@setpoint/protocol';
import type { Logger } from 'pino';

/**
 * Publishes what the store has and no broker has acknowledged: for each service one version at a time, in order; of
 * those that wait only the newest.
 * @see docs/protocol.md#9-what-an-authority-does
 */
export interface SnapshotPublisher {
  /** Publishes this version, which is durable, as soon as there is a connection; in the trace that caused it. */
  enqueue(record: VersionRecord, traceparent?: string): void;
  /** Is there anything that no broker has acknowledged? */
  readonly isEmpty: boolean;
  /** Resolves when all is acknowledged, or rejects when `signal` aborts. */
  flush(signal: AbortSignal): Promise<void>;
  stop(): void;
}

export interface SnapshotPublisherOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly topics: Topics;
  readonly writer: EnvelopeWriter;
  readonly logger: Logger;
  readonly tracing?: Tracing | undefined;
}

/** Milliseconds. */
const retryMs = 1000;

interface Waiting {
  readonly record: VersionRecord;
  readonly traceparent: string | undefined;
}

export function createSnapshotPublisher(options: SnapshotPublisherOptions): SnapshotPublisher {
  const { bus, store, topics, writer, logger, tracing = untraced } = options;
  const waiting = new Map<string, Waiting>();
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
    for (let next = take(service); next; next = isGoingWell ? take(service) : undefined) {
      isGoingWell = await publish(next);
    }
    publishing.delete(service);
    if (waiting.size === 0 && publishing.size === 0) for (const settle of idle) settle();
  }

  function take(service: string): Waiting | undefined {
    if (isStopped || bus.status.kind !== 'connected') return undefined;
    const next = waiting.get(service);
    waiting.delete(service);
    return next;
  }

  async function publish(next: Waiting): Promise<boolean> {
    const { record, traceparent: parent } = next;
    const { service, version, epoch } = record.snapshot;
    const attributes = { 'setpoint.service': service, 'setpoint.epoch': epoch, 'setpoint.version': version };
    const span = tracing.start('setpoint.publish', { kind: 'producer', parent, attributes });
    try {
      await bus.publish(topics.snapshot(service), seal(record, span.traceparent), { qos: 1, retain: true });
      await store.markSent([{ service, version }]);
      span.end();
      return true;
    } catch (cause) {
      span.end({ error: cause as Error });
      logger.warn({ err: cause, service, version }, 'a snapshot was not acknowledged; it is published again');
      if (!waiting.has(service)) waiting.set(service, next);
      // A connection that comes back pumps by itself; one that stays must not be asked in a tight loop.
      setTimeout(pump, retryMs).unref();
      return false;
    }
  }

  function seal({ snapshot, deleted }: VersionRecord, traceparent: string | undefined): Uint8Array {
    if (deleted) return new Uint8Array();
    const { bytes } = writer.seal({ type: snapshotType, subject: snapshot.service, data: snapshot, traceparent });
    if (bytes.length > portableEnvelopeBytes) {
      const { service, version } = snapshot;
      logger.warn({ service, version, bytes: bytes.length }, 'a snapshot is larger than some brokers keep (60 KB)');
    }
    return bytes;
  }

  return {
    enqueue(record, traceparent) {
      waiting.set(record.snapshot.service, { record, traceparent });
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
