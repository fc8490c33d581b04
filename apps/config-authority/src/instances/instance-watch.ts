import type { Bus, BusMessage, Subscription } from '@setpoint/bus';
import type { ContractRegistry, ConvergenceTracker, InstanceState } from '@setpoint/engine';
import { createThrottle, type Throttle, type Tracing, untraced } from '@setpoint/participant';
import {
  anyName,
  type Convergence,
  contractType,
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
import { type ConvergencePublisher, createConvergencePublisher } from './convergence-publisher.ts';
import type { InstanceView } from './instance-view.ts';
import { createPresence, type Presence } from './presence.ts';

export interface InstanceWatchOptions {
  readonly bus: Bus;
  readonly contracts: ContractRegistry;
  readonly tracker: ConvergenceTracker;
  readonly topics: Topics;
  readonly writer: EnvelopeWriter;
  /** The authority's own id, which is no instance. */
  readonly id: string;
  readonly logger: Logger;
  /** Unix time in milliseconds, for messages. */
  readonly now: () => number;
  /** A monotonic clock in milliseconds, for silence. @default performance.now */
  readonly elapsed?: () => number;
  readonly tracing?: Tracing | undefined;
}

/** Follows the instances through their health, keepalives and contracts, and publishes convergence. */
export interface InstanceWatch extends InstanceView {
  /** Sets the version that the instances of a service are to converge on. */
  target(snapshot: Snapshot): void;
  /** The service was deleted: there is nothing to converge on. */
  release(service: string): void;
  stop(): Promise<void>;
}

/** Reports of many instances that arrive together make one message. Milliseconds. */
const gatherMs = 100;
/** How long a contract is waited for that an instance names and nobody knows. Milliseconds. */
const fetchMs = 5000;
/** Contracts that are waited for at once. */
const maxFetches = 64;
/** Milliseconds of work before others get their turn. */
const maxTurnMs = 10;
/** Time between two searches for silent instances. Milliseconds. */
const sweepMs = 1000;
/** A message that can't be read is logged once per kind in this time: its source can't be believed. Milliseconds. */
const logEveryMs = 60_000;

export const createInstanceWatch = (options: InstanceWatchOptions): InstanceWatch => new BusInstanceWatch(options);

class BusInstanceWatch implements InstanceWatch {
  readonly #options: InstanceWatchOptions;
  readonly #tracker: ConvergenceTracker;
  readonly #tracing: Tracing;
  readonly #convergence: ConvergencePublisher;
  readonly #presence: Presence;
  readonly #throttle: Throttle;
  readonly #healthListeners = new Set<(health: Health) => void>();
  readonly #subscriptions: readonly Subscription[];
  readonly #sweeping: NodeJS.Timeout;
  readonly #endStatus: () => void;
  /** Contracts that are being read again, each with what ends it. */
  readonly #fetching = new Map<string, () => void>();
  /** Services whose convergence may have changed. */
  readonly #dirty = new Set<string>();
  #gathering: NodeJS.Timeout | undefined;

  constructor(options: InstanceWatchOptions) {
    const { bus, tracker, topics, elapsed = () => performance.now(), tracing = untraced } = options;
    this.#options = options;
    this.#tracker = tracker;
    this.#tracing = tracing;
    this.#convergence = createConvergencePublisher(options);
    this.#presence = createPresence(elapsed);
    this.#throttle = createThrottle({ perMs: logEveryMs, now: elapsed });
    this.#subscriptions = [
      bus.subscribe(topics.health(anyName), (message) =>
        this.#guard('health', (each) => this.#takeHealth(each), message),
      ),
      bus.subscribe(
        topics.keepalive(anyName),
        (message) => this.#guard('keepalive', (each) => this.#takeKeepalive(each), message),
        { qos: 0 },
      ),
      bus.subscribe(topics.contract(anyName, anyName), (message) =>
        this.#guard('contract', (each) => this.#takeContract(each), message),
      ),
    ];
    this.#sweeping = setInterval(() => this.#sweep(), sweepMs);
    this.#endStatus = bus.onStatus(({ kind }) => {
      if (kind === 'connected') for (const service of this.#convergence.reset()) this.#touch(service);
    });
  }

  list(): readonly InstanceState[] {
    return this.#tracker.instances();
  }

  onHealth(listener: (health: Health) => void): () => void {
    this.#healthListeners.add(listener);
    return () => void this.#healthListeners.delete(listener);
  }

  onConvergence(listener: (summary: Convergence) => void): () => void {
    return this.#convergence.onChange(listener);
  }

  target(snapshot: Snapshot): void {
    this.#tracker.target(snapshot);
    this.#touch(snapshot.service);
  }

  release(service: string): void {
    this.#tracker.release(service);
    this.#convergence.withdraw(service);
  }

  async stop(): Promise<void> {
    this.#endStatus();
    clearInterval(this.#sweeping);
    clearTimeout(this.#gathering);
    this.#convergence.stop();
    for (const end of this.#fetching.values()) end();
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close().catch(() => undefined)));
  }

  #takeHealth({ topic, payload, retained }: BusMessage): void {
    const { id, topics, now } = this.#options;
    const address = topics.parse(topic);
    if (address?.kind !== 'health' || address.id === id) return;
    if (payload.length === 0) return this.#forget(address.id);
    const { data: reported, envelope } = openMessage(healthType, payload, { now: now() });
    if (reported.instance !== address.id) throw new SetpointError('message_unexpected', 'health of another instance');
    const serviceBefore = this.#tracker.serviceOf(reported.instance);
    const since = retained ? momentOf(reported, envelope.time, serviceBefore !== undefined, now()) : textOf(now());
    const health = this.#tracker.report(reported, since);
    if (!health) return;
    if (health.state === 'offline') this.#presence.left(health.instance);
    else this.#presence.heard(health.instance);
    if (serviceBefore !== undefined && serviceBefore !== health.service) this.#touch(serviceBefore);
    this.#touch(health.service);
    this.#trace(health, envelope.traceparent);
    for (const listener of this.#healthListeners) listener(health);
  }

  #takeKeepalive({ topic, payload }: BusMessage): void {
    const { id, topics, now } = this.#options;
    const address = topics.parse(topic);
    if (address?.kind !== 'keepalive' || address.id === id) return;
    const { data } = openMessage(keepaliveType, payload, { now: now() });
    const service = this.#tracker.serviceOf(address.id);
    if (data.instance !== address.id || service === undefined) return;
    if (this.#presence.isSilent(address.id)) {
      this.#tracker.setSilent(address.id, false, textOf(now()));
      this.#touch(service);
    }
    this.#presence.heard(address.id, data.intervalMs);
  }

  #takeContract({ topic, payload }: BusMessage): void {
    const { contracts, topics, now } = this.#options;
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
    this.#touch(contract.service);
  }

  /** Logs a message that can't be read. */
  #guard(kind: string, take: (message: BusMessage) => void, message: BusMessage): void {
    try {
      take(message);
    } catch (cause) {
      if (!(cause instanceof SetpointError)) throw cause;
      this.#logRefused(kind, message.topic, cause);
    }
  }

  #logRefused(kind: string, topic: string, { code, message: detail }: SetpointError): void {
    const dropped = this.#throttle.admit(kind);
    if (dropped === undefined) return;
    this.#options.logger.warn({ topic, code, detail, dropped }, `a ${kind} message could not be read`);
  }

  /** Reads a contract again that a running instance has and that was forgotten, or did not come by the wildcard. */
  #fetchContract(service: string, digest: string): void {
    const key = `${service} ${digest}`;
    if (this.#fetching.has(key) || this.#fetching.size >= maxFetches) return;
    const { bus, topics } = this.#options;
    const end = (): void => {
      clearTimeout(timer);
      this.#fetching.delete(key);
      subscription.close().catch(() => undefined);
    };
    const subscription = bus.subscribe(topics.contract(service, digest), (message) => {
      this.#guard('contract', (each) => this.#takeContract(each), message);
      end();
    });
    const timer = setTimeout(end, fetchMs).unref();
    this.#fetching.set(key, end);
  }

  /** The end of a change: an instance reports that it runs, or why it does not. */
  #trace({ instance, service, state, event, error }: Health, parent: string | undefined): void {
    if (parent === undefined) return;
    const attributes = {
      'setpoint.service': service,
      'setpoint.instance': instance,
      'setpoint.state': state,
      'setpoint.event': event,
    };
    const span = this.#tracing.start('setpoint.healthy', { kind: 'consumer', parent, attributes });
    span.end({ error: error && new Error(error.detail) });
  }

  /** Publishes the convergence of a service soon. */
  #touch(service: string): void {
    this.#dirty.add(service);
    this.#gathering ??= setTimeout(() => this.#publishDirty(), gatherMs);
  }

  /** After a start every service is here: others get their turn between parts of them. */
  #publishDirty(): void {
    const { contracts, topics, now } = this.#options;
    this.#gathering = undefined;
    const end = performance.now() + maxTurnMs;
    for (const service of this.#dirty) {
      if (performance.now() > end) {
        this.#gathering = setTimeout(() => this.#publishDirty(), 0);
        return;
      }
      this.#dirty.delete(service);
      const { missing, refused } = contracts.setLive(service, this.#tracker.liveContracts(service));
      for (const cause of refused) this.#logRefused('contract', topics.contract(service, anyName), cause);
      for (const digest of missing) this.#fetchContract(service, digest);
      const summary = this.#tracker.summary(service, now());
      if (summary) this.#convergence.publish(summary);
    }
  }

  #sweep(): void {
    const { silent, expired } = this.#presence.sweep();
    for (const instance of silent) {
      this.#tracker.setSilent(instance, true, textOf(this.#options.now()));
      const service = this.#tracker.serviceOf(instance);
      if (service !== undefined) this.#touch(service);
    }
    for (const instance of expired) this.#forget(instance);
  }

  #forget(instance: string): void {
    const service = this.#tracker.serviceOf(instance);
    this.#tracker.forget(instance);
    this.#presence.forget(instance);
    if (service !== undefined) this.#touch(service);
  }
}

const textOf = (ms: number): string => new Date(ms).toISOString();

/**
 * Since when a retained report has been true. A Last Will was written before the loss and does not say; if the instance
 * was known, it was lost just now.
 */
function momentOf({ event }: Health, reportedAt: string, isKnown: boolean, nowMs: number): string | undefined {
  if (event !== 'lost') return reportedAt;
  return isKnown ? textOf(nowMs) : undefined;
}
