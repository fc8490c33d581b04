import type { Bus } from '@setpoint/bus';
import { type Convergence, convergenceType, type EnvelopeWriter, type Topics } from '@setpoint/protocol';
import type { Logger } from 'pino';
import { createRetainedPublisher } from '../publish/retained-publisher.ts';

export interface ConvergencePublisherOptions {
  readonly bus: Bus;
  readonly topics: Topics;
  readonly writer: EnvelopeWriter;
  readonly logger: Logger;
}

/** Publishes the convergence of each service, retained, whenever it differs from what was published last. */
export interface ConvergencePublisher {
  publish(summary: Convergence): void;
  /** Clears the retained message of a deleted service. */
  withdraw(service: string): void;
  /** Forgets what was published, because another broker may have kept none of it. Returns the services concerned. */
  reset(): readonly string[];
  /** Calls `listener` with every summary that differs from the one before. Returns a function that removes it. */
  onChange(listener: (summary: Convergence) => void): () => void;
  /** Retries nothing more. */
  stop(): void;
}

/** Characters of a straggler's message: one instance must not make the message too large for all. */
const maxMessageLength = 500;

export function createConvergencePublisher(options: ConvergencePublisherOptions): ConvergencePublisher {
  const { bus, topics, writer, logger } = options;
  /** By service, the text of the newest summary; it is published, or will be. */
  const published = new Map<string, string>();
  const listeners = new Set<(summary: Convergence) => void>();
  const publisher = createRetainedPublisher<Convergence | 'withdrawn'>({
    bus,
    async publish(service, state) {
      const payload =
        state === 'withdrawn' ? '' : writer.seal({ type: convergenceType, subject: service, data: state }).bytes;
      await bus.publish(topics.convergence(service), payload, { qos: 1, retain: true });
    },
    onFailed: (service, _, error) => logger.debug({ err: error, service }, 'convergence was not published'),
  });
  return {
    publish(whole) {
      const summary = shorten(whole);
      const { service } = summary;
      const text = JSON.stringify(summary);
      if (published.get(service) === text) return;
      published.set(service, text);
      for (const listener of listeners) listener(summary);
      publisher.enqueue(service, summary);
    },
    withdraw(service) {
      published.delete(service);
      publisher.enqueue(service, 'withdrawn');
    },
    reset() {
      const services = [...published.keys()];
      published.clear();
      return services;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    stop: publisher.stop,
  };
}

const shorten = (summary: Convergence): Convergence => ({
  ...summary,
  stragglers: summary.stragglers.map((straggler) =>
    straggler.message === undefined
      ? straggler
      : { ...straggler, message: straggler.message.slice(0, maxMessageLength) },
  ),
});
