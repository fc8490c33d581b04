import type { BusMessage, LastWill, QoS } from '../bus.ts';
import type { LinkMessage } from '../session/link.ts';
import { matchesFilter } from '../session/topic-filter.ts';

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
  /** The topic, or the filter; empty for a ping. */
  readonly topic: string;
}

/** One packet between a client and the broker, as the network sees it. */
export interface MemoryPacket {
  readonly clientId: string;
  readonly to: 'broker' | 'client';
  /** `ping`: asks for a sign of life. `answer`: what acknowledges a packet of the client. */
  readonly kind: 'publish' | 'subscribe' | 'unsubscribe' | 'ping' | 'answer';
  /** The topic, or the filter; empty for a ping. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  /** To the broker: to be kept. To a client: was kept. */
  readonly retain: boolean;
}

/** The network between the clients and the broker. */
export interface MemoryNetwork {
  /** Asked at each attempt to connect; false: the broker is not reached. */
  admits(clientId: string): boolean;
  /**
   * Carries a packet; calling `pass` delivers it. A good network calls it at once, a bad one later, twice or never. A packet
   * that is passed after its connection has ended is lost.
   */
  carry(packet: MemoryPacket, pass: (payload?: Uint8Array) => void): void;
}

const goodNetwork: MemoryNetwork = { admits: () => true, carry: (_, pass) => pass() };

export interface RouterOptions {
  readonly intercept?: (delivery: MemoryDelivery) => 'deliver' | 'drop';
  readonly allow?: (request: MemoryRequest) => boolean;
  readonly receiveMaximum?: number;
  readonly network?: MemoryNetwork;
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
  readonly qos: QoS;
}

/** The state of a broker: connections, subscriptions and retained messages. */
export class MemoryRouter {
  readonly #options: RouterOptions;
  readonly #sessions = new Map<string, BrokerSession>();
  readonly #retained = new Map<string, Stored>();
  readonly #knocking = new Set<() => void>();
  readonly network: MemoryNetwork;
  #running = true;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.network = options.network ?? goodNetwork;
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

  /** Calls `listener` at the next start of the broker. Returns a function that cancels it. */
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
    this.#route(message);
    return undefined;
  }

  /** Returns why it was refused. Retained messages follow at once. */
  subscribe(session: BrokerSession, filter: string, qos: QoS): string | undefined {
    if (!this.#allows({ clientId: session.clientId, kind: 'subscribe', topic: filter })) return 'Not authorized';
    session.filters.set(filter, qos);
    for (const stored of this.#retained.values()) {
      if (matchesFilter(filter, stored.topic)) this.#deliver(session, stored, qos, true);
    }
    return undefined;
  }

  #route({ topic, payload, qos, retain }: Stored & { readonly retain: boolean }): void {
    // One copy for all: the publisher may use its buffer again.
    const message = { topic, payload: payload.slice(), qos };
    if (retain) this.#retain(message);
    for (const session of this.#sessions.values()) {
      for (const [filter, granted] of session.filters) {
        if (!matchesFilter(filter, topic)) continue;
        this.#deliver(session, message, granted, false);
        break;
      }
    }
  }

  // [MQTT-3.3.1-10] An empty payload removes what was kept, and is not kept itself.
  #retain(message: Stored): void {
    this.#retained.delete(message.topic);
    if (message.payload.byteLength > 0) this.#retained.set(message.topic, message);
  }

  #deliver(session: BrokerSession, { topic, payload, qos }: Stored, granted: QoS, retained: boolean): void {
    const { clientId } = session;
    const verdict = this.#options.intercept?.({ to: clientId, topic, payload, retained }) ?? 'deliver';
    if (verdict === 'drop') return;
    const packet = { clientId, to: 'client', kind: 'publish', topic, payload, retain: retained } as const;
    // [MQTT-3.8.4-8] What is granted is the most there is.
    this.network.carry({ ...packet, qos: Math.min(qos, granted) as QoS }, (carried = payload) =>
      session.deliver({ topic, payload: carried, retained }),
    );
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
    this.#route({ ...will, payload });
  }

  #allows(request: MemoryRequest): boolean {
    return this.#options.allow?.(request) ?? true;
  }
}
