import type { Bus, BusMessage } from '@setpoint/bus';
import type { ContractRegistry, ConvergenceTracker } from '@setpoint/engine';
import { createThrottle, type Tracing, untraced } from '@setpoint/participant';
import {
  anyName,
  type Convergence,
  contractType,
  convergenceType,
  digestOf,
  type EnvelopeWriter,
  type Health,
  healthType,
  keepaliveType,
  openMessage,
  SetpointError,
  type Snapshot,
  type Topics,
} from '@setpoint/protocol';
import type { Logger } from 'pino';
import type { InstanceView } from './instance-view.ts';

export interface InstanceWatchOptions {
  readonly bus: Bus;
  readonly contracts: ContractRegistry;
  readonly tracker: ConvergenceTracker;
  readonly topics: Topics;
  readonly writer: EnvelopeWriter;
  /** The authority's own id: it is no instance. */
  readonly id: string;
  readonly logger: Logger;
  /** Unix time in milliseconds: what messages say. */
  readonly now: () => number;
  /** Milliseconds that pass whatever becomes of the wall clock: who is silent. @default performance.now */
  readonly elapsed?: () => number;
  readonly tracing?: Tracing | undefined;
}

/** Follows the instances through their health, signs of life and contracts, and publishes convergence. */
export interface InstanceWatch extends InstanceView {
  /** A version is the one to converge on from now on. */
  target(snapshot: Snapshot): void;
  /** The service was deleted: there is nothing to converge on. */
  release(service: string): void;
  stop(): Promise<void>;
}

/** Reports of many instances that come together make one message. Milliseconds. */
const gatherMs = 100;
/** An instance is silent after this many of its own intervals. */
const missedKeepalives = 3;
/** What is taken for the interval of an instance that no sign of life has come from yet. Milliseconds. */
const usualIntervalMs = 5000;
/** Characters of a straggler's message: what one instance says must not make the message too large for all. */
const maxMessageLength = 500;
/** How often silence is looked for. Milliseconds. */
const sweepMs = 1000;
/** Instances that are gone are remembered this long, so that convergence can name them. Milliseconds. */
const forgetAfterMs = 86_400_000;
/** Gone instances that are remembered at most; the longest gone is forgotten first. */
const maxGone = 10_000;

export function createInstanceWatch(options: InstanceWatchOptions): InstanceWatch {
  const {
    bus,
    contracts,
    tracker,
    topics,
    writer,
    id,
    logger,
    now,
    elapsed = () => performance.now(),
    tracing = untraced,
  } = options;
  const lastHeard = new Map<string, { at: number; intervalMs: number; isSilent: boolean }>();
  /** Instance → since when. In the order of going. */
  const gone = new Map<string, number>();
  const dirty = new Set<string>();
  const published = new Map<string, string>();
  const throttle = createThrottle({ perMs: 60_000, now: elapsed });
  const healthListeners = new Set<(health: Health) => void>();
  const convergenceListeners = new Set<(summary: Convergence) => void>();
  let gathering: NodeJS.Timeout | undefined;

  function touch(service: string): void {
    dirty.add(service);
    gathering ??= setTimeout(publish, gatherMs);
  }

  function publish(): void {
    gathering = undefined;
    const services = [...dirty];
    dirty.clear();
    for (const service of services) {
      contracts.setLive(service, tracker.liveContracts(service));
      const summary = tracker.summary(service, now());
      if (summary) tell(shorten(summary));
    }
  }

  function tell(summary: Convergence): void {
    const { service } = summary;
    const text = JSON.stringify(summary);
    if (published.get(service) === text) return;
    published.set(service, text);
    for (const listener of convergenceListeners) listener(summary);
    const { bytes } = writer.seal({ type: convergenceType, subject: service, data: summary });
    bus.publish(topics.convergence(service), bytes, { qos: 1, retain: true }).catch((cause) => {
      published.delete(service);
      logger.debug({ err: cause, service }, 'convergence was not published');
    });
  }

  /** A message that can't be read is told once a minute, whoever it came from: its source can't be believed. */
  const guard =
    (kind: string, take: (message: BusMessage) => void) =>
    (message: BusMessage): void => {
      try {
        take(message);
      } catch (cause) {
        if (!(cause instanceof SetpointError)) throw cause;
        const dropped = throttle.admit(kind);
        if (dropped !== undefined) {
          logger.warn({ topic: message.topic, code: cause.code, dropped }, `a ${kind} message could not be read`);
        }
      }
    };

  const takeHealth = guard('health', ({ topic, payload, retained }) => {
    const address = topics.parse(topic);
    if (address?.kind !== 'health' || address.id === id) return;
    if (payload.length === 0) return forget(address.id);
    const { data: said, envelope } = openMessage(healthType, payload, { now: now() });
    if (said.instance !== address.id) throw new SetpointError('message_unexpected', 'health of another instance');
    const moved = tracker.serviceOf(said.instance);
    const health = tracker.report(said, retained ? momentOf(said, envelope.time, moved !== undefined) : nowText());
    if (!health) return;
    if (health.state === 'offline') leave(health.instance);
    else hear(health.instance, lastHeard.get(health.instance)?.intervalMs ?? usualIntervalMs);
    if (moved !== undefined && moved !== health.service) touch(moved);
    touch(health.service);
    trace(health, envelope.traceparent);
    for (const listener of healthListeners) listener(health);
  });

  const nowText = (): string => new Date(now()).toISOString();

  /** When it was so what the broker has kept. A Last Will does not say; one that was known was lost just now. */
  function momentOf({ event }: Health, saidAt: string, isKnown: boolean): string | undefined {
    if (event !== 'lost') return saidAt;
    return isKnown ? nowText() : undefined;
  }

  /** The end of a change: an instance says how it does with it. */
  function trace({ instance, service, state, event, error }: Health, parent: string | undefined): void {
    if (parent === undefined) return;
    const attributes = {
      'setpoint.service': service,
      'setpoint.instance': instance,
      'setpoint.state': state,
      'setpoint.event': event,
    };
    const span = tracing.start('setpoint.healthy', { kind: 'consumer', parent, attributes });
    span.end({ error: error && new Error(error.detail) });
  }

  const takeKeepalive = guard('keepalive', ({ topic, payload }) => {
    const address = topics.parse(topic);
    if (address?.kind !== 'keepalive' || address.id === id) return;
    const { data } = openMessage(keepaliveType, payload, { now: now() });
    const service = tracker.serviceOf(address.id);
    if (data.instance !== address.id || service === undefined) return;
    if (lastHeard.get(address.id)?.isSilent) {
      tracker.setSilent(address.id, false, nowText());
      touch(service);
    }
    hear(address.id, data.intervalMs);
  });

  const takeContract = guard('contract', ({ topic, payload }) => {
    const address = topics.parse(topic);
    if (address?.kind !== 'contract' || payload.length === 0) return;
    const { data: contract } = openMessage(contractType, payload, { now: now() });
    if (contract.service !== address.service || contract.digest !== address.digest) {
      throw new SetpointError('message_unexpected', 'a contract on the topic of another');
    }
    if (digestOf(contract.schema) !== contract.digest) {
      throw new SetpointError('message_unexpected', 'a contract whose digest is not that of its schema');
    }
    contracts.announce(contract);
    touch(contract.service);
  });

  function hear(instance: string, intervalMs: number): void {
    gone.delete(instance);
    lastHeard.set(instance, { at: elapsed(), intervalMs, isSilent: false });
  }

  function leave(instance: string): void {
    gone.delete(instance);
    gone.set(instance, elapsed());
    lastHeard.delete(instance);
  }

  function forget(instance: string): void {
    const service = tracker.serviceOf(instance);
    tracker.forget(instance);
    lastHeard.delete(instance);
    gone.delete(instance);
    if (service !== undefined) touch(service);
  }

  function sweep(): void {
    for (const [instance, heard] of lastHeard) {
      const isSilent = elapsed() - heard.at > heard.intervalMs * missedKeepalives;
      if (!isSilent || heard.isSilent) continue;
      lastHeard.set(instance, { ...heard, isSilent });
      gone.set(instance, elapsed());
      tracker.setSilent(instance, true, nowText());
      const service = tracker.serviceOf(instance);
      if (service !== undefined) touch(service);
    }
    for (const [instance, since] of gone) {
      if (elapsed() - since > forgetAfterMs || gone.size > maxGone) forget(instance);
    }
  }

  const subscriptions = [
    bus.subscribe(topics.health(anyName), takeHealth),
    bus.subscribe(topics.keepalive(anyName), takeKeepalive, { qos: 0 }),
    bus.subscribe(topics.contract(anyName, anyName), takeContract),
  ];
  const sweeping = setInterval(sweep, sweepMs);
  const endStatus = bus.onStatus((status) => {
    if (status.kind !== 'connected') return;
    // This broker may have kept nothing of what was told before.
    for (const service of published.keys()) touch(service);
    published.clear();
  });

  return {
    list: () => tracker.instances(),
    onHealth(listener) {
      healthListeners.add(listener);
      return () => void healthListeners.delete(listener);
    },
    onConvergence(listener) {
      convergenceListeners.add(listener);
      return () => void convergenceListeners.delete(listener);
    },
    target(snapshot) {
      tracker.target(snapshot);
      touch(snapshot.service);
    },
    release(service) {
      tracker.release(service);
      published.delete(service);
      bus
        .publish(topics.convergence(service), '', { qos: 1, retain: true })
        .catch((cause) => logger.debug({ err: cause, service }, 'convergence was not withdrawn'));
    },
    async stop() {
      endStatus();
      clearInterval(sweeping);
      clearTimeout(gathering);
      await Promise.all(subscriptions.map((subscription) => subscription.close().catch(() => undefined)));
    },
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
