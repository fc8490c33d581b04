import type { Bus } from '@setpoint/bus';
import type { Store, VersionRecord } from '@setpoint/engine';
import { createThrottle, type Tracing, untraced } from '@setpoint/participant';
import { type EnvelopeWriter, portableEnvelopeBytes, snapshotType, type Topics } from '@setpoint/protocol';
import type { Logger } from 'pino';
import { createRetainedPublisher } from './retained-publisher.ts';

/**
 * Publishes what the store has and no broker has acknowledged: for each service one version at a time, in order; of
 * those that wait only the newest. So many services wait that the queue of the bus would not hold them.
 * @see docs/protocol.md#9-what-an-authority-does
 */
export interface SnapshotPublisher {
  /** Publishes this version, which is durable, as soon as there is a connection; in the trace that caused it. */
  enqueue(record: VersionRecord, traceparent?: string): void;
  /** Whether a broker has acknowledged everything. */
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
  /** Called with every message before it is published. */
  readonly onPublish?: (service: string, payload: Uint8Array) => void;
}

/** Failures are logged this often; the line says how many were left out. Milliseconds. */
const logMs = 1000;

interface Waiting {
  readonly record: VersionRecord;
  readonly traceparent: string | undefined;
}

export function createSnapshotPublisher(options: SnapshotPublisherOptions): SnapshotPublisher {
  const { bus, store, topics, writer, logger, tracing = untraced, onPublish = () => undefined } = options;
  const throttle = createThrottle({ perMs: logMs, now: () => performance.now() });
  const publisher = createRetainedPublisher<Waiting>({ bus, publish, onFailed });

  async function publish(service: string, { record, traceparent: parent }: Waiting): Promise<void> {
    const { version, epoch } = record.snapshot;
    const attributes = { 'setpoint.service': service, 'setpoint.epoch': epoch, 'setpoint.version': version };
    const span = tracing.start('setpoint.publish', { kind: 'producer', parent, attributes });
    try {
      const payload = seal(record, span.traceparent);
      onPublish(service, payload);
      await bus.publish(topics.snapshot(service), payload, { qos: 1, retain: true });
      await store.markSent([{ service, version }]);
      span.end();
    } catch (cause) {
      span.end({ error: cause as Error });
      throw cause;
    }
  }

  function onFailed(service: string, { record }: Waiting, error: Error): void {
    const leftOut = throttle.admit('failed');
    if (leftOut === undefined) return;
    const { version } = record.snapshot;
    const fields = { err: error, service, version, ...(leftOut > 0 && { leftOut }) };
    logger.warn(fields, 'a snapshot was not acknowledged; it is published again');
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
    enqueue: (record, traceparent) => publisher.enqueue(record.snapshot.service, { record, traceparent }),
    get isEmpty() {
      return publisher.isEmpty;
    },
    flush: publisher.flush,
    stop: publisher.stop,
  };
}
