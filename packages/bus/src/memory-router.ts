import type { BusMessage, LastWill, QoS } from './bus.ts';
import type { LinkMessage } from './link.ts';
import { matchesFilter } from './topic-filter.ts';

export interface MemoryDelivery {
  /** The client id. */
  readonly to: string;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retained: boolean;
}

export interface MemoryRequest {
  readonly clientId: string;
  readonly kind: 'publish' | 'subscribe';
  /** The topic, or the filter. */
  readonly topic: string;
}

export interface RouterOptions {
  readonly intercept?: (delivery: MemoryDelivery) => 'deliver' | 'drop';
  readonly allow?: (request: MemoryRequest) => boolean;
  readonly receiveMaximum?: number;
}

/** One client's connection, as the broker sees it. */
export interface BrokerSession {
  readonly clientId: string;
  readonly will: LastWill | undefined;
  readonly filters: Map<string, QoS>;
  /** The broker's side of the wire: called in order, and never after `closed`. */
  readonly deliver: (message: BusMessage) => void;
  /** The broker has ended the connection. */
  readonly closed: (reason: string) => void;
}

interface Stored {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** What a broker knows: who is connected, who wants what, and what is kept. */
export class MemoryRouter {
  readonly #options: RouterOptions;
  readonly #sessions = new Map<string, BrokerSession>();
  readonly #retained = new Map<string, Stored>();
  readonly #knocking = new Set<() => void>();
  #running = true;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#running;
  }

  get receiveMaximum(): number {
    return this.#options.receiveMaximum ?? 65_535;
  }

  get clientIds(): string[] {
    return [...this.#sessions.keys()];
  }

  /** Calls `listener` at the next start of the broker. Returns what takes that back. */
  onceStarted(listener: () => void): () => void {
    this.#knocking.add(listener);
    return () => {
      this.#knocking.delete(listener);
    };
  }

  stop(): void {
    this.#running = false;
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) session.closed('the broker is stopping');
  }

  start(keepRetained: boolean): void {
    if (this.#running) return;
    this.#running = true;
    if (!keepRetained) this.#retained.clear();
    const knocking = [...this.#knocking];
    this.#knocking.clear();
    for (const listener of knocking) listener();
  }

  has(session: BrokerSession): boolean {
    return this.#sessions.get(session.clientId) === session;
  }

  disconnect(clientId: string): void {
    this.#end(this.#sessions.get(clientId), 'closed by the broker');
  }

  // [MQTT-3.1.4-2] A second client of the same id ends the first one.
  connect(session: BrokerSession): void {
    this.#end(
      this.#sessions.get(session.clientId),
      `another client has taken over the client id ${JSON.stringify(session.clientId)}`,
    );
    this.#sessions.set(session.clientId, session);
  }

  /** The client has closed. [MQTT-3.1.2-8] Without a DISCONNECT its will is published. */
  leave(session: BrokerSession, gracefully: boolean): void {
    if (!this.has(session)) return;
    this.#sessions.delete(session.clientId);
    if (!gracefully) this.#publishWill(session);
  }

  /** Returns why it was refused. */
  publish(session: BrokerSession, message: LinkMessage): string | undefined {
    if (!this.#allows({ clientId: session.clientId, kind: 'publish', topic: message.topic })) return 'Not authorized';
    this.#route(message.topic, message.payload, message.retain);
    return undefined;
  }

  /** Returns why it was refused. Retained messages follow at once. */
  subscribe(session: BrokerSession, filter: string, qos: QoS): string | undefined {
    if (!this.#allows({ clientId: session.clientId, kind: 'subscribe', topic: filter })) return 'Not authorized';
    session.filters.set(filter, qos);
    for (const { topic, payload } of this.#retained.values()) {
      if (matchesFilter(filter, topic)) this.#deliver(session, topic, payload, true);
    }
    return undefined;
  }

  #route(topic: string, payload: Uint8Array, retain: boolean): void {
    // One copy for all: the publisher may use its buffer again.
    const bytes = payload.slice();
    if (retain) this.#retain(topic, bytes);
    for (const session of this.#sessions.values()) {
      for (const filter of session.filters.keys()) {
        if (!matchesFilter(filter, topic)) continue;
        this.#deliver(session, topic, bytes, false);
        break;
      }
    }
  }

  // [MQTT-3.3.1-10] An empty payload removes what was kept, and is not kept itself.
  #retain(topic: string, payload: Uint8Array): void {
    this.#retained.delete(topic);
    if (payload.byteLength > 0) this.#retained.set(topic, { topic, payload });
  }

  #deliver(session: BrokerSession, topic: string, payload: Uint8Array, retained: boolean): void {
    const verdict = this.#options.intercept?.({ to: session.clientId, topic, payload, retained }) ?? 'deliver';
    if (verdict === 'deliver') session.deliver({ topic, payload, retained });
  }

  #end(session: BrokerSession | undefined, reason: string): void {
    if (!session) return;
    this.#sessions.delete(session.clientId);
    session.closed(reason);
    this.#publishWill(session);
  }

  #publishWill({ will }: BrokerSession): void {
    if (!will || !this.#running) return;
    const payload = typeof will.payload === 'string' ? Buffer.from(will.payload) : will.payload;
    this.#route(will.topic, payload, will.retain);
  }

  #allows(request: MemoryRequest): boolean {
    return this.#options.allow?.(request) ?? true;
  }
}
