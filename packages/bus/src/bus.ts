/**
 * A bus moves bytes between topics; what the bytes mean is not its business. Everything above is written against
 * this interface, and every adapter runs the suite in `contract.ts`.
 */
export interface Bus extends AsyncDisposable {
  /** What the connection is doing now. */
  readonly status: BusStatus;

  /**
   * Starts connecting and goes on doing so until `stop`. Resolves at the first connection; a broker that can't be
   * reached is not a failure, so this only rejects when `signal` aborts (which stops the bus) or the bus is stopped
   * before.
   * @throws BusError `stopped`; the reason of `signal`
   */
  start(options?: { signal?: AbortSignal }): Promise<void>;

  /**
   * Publishes one message. Resolves when the broker has acknowledged it (QoS 1) or when it is written (QoS 0).
   * A QoS 1 message waits in a bounded outbox while there is no connection, or while as many as the broker takes are
   * unacknowledged; a QoS 0 message is refused without a connection. Don't change `payload` before it resolves.
   * @throws BusError `message_too_large`, `outbox_full`, `publish_timeout`, `publish_refused`, `not_connected`,
   * `stopped`, `topic_invalid`, `options_invalid`
   */
  publish(topic: string, payload: Uint8Array | string, options?: PublishOptions): Promise<void>;

  /**
   * Calls `handler` for every message whose topic matches `filter` (`+` and `#` as in MQTT). The subscription is
   * restored after every reconnect. The handler is called in the order of arrival and must not block; what it throws
   * is caught and reported through `onFault`.
   * @throws BusError `topic_invalid` (at once, for a filter that is not valid), `options_invalid`, `stopped`
   */
  subscribe(filter: string, handler: MessageHandler, options?: SubscribeOptions): Subscription;

  /** Calls `listener` at every change of `status`, in order. Returns a function that ends it. */
  onStatus(listener: (status: BusStatus) => void): () => void;

  /**
   * Drops the connection as if it had been lost, and connects again: for a peer that can tell, by what does not arrive,
   * that a connection which looks alive is dead. Does nothing while not connected.
   */
  reconnect(reason: string): void;

  /**
   * Asks the broker for a sign of life, ahead of everything that waits to be published. Resolves with true when the
   * broker has sent anything since, and with false when the connection is lost or there is none. While a broker is
   * silent it stays open. Left out by an adapter that can't ask.
   */
  probe?(): Promise<boolean>;

  /**
   * Holds back what the broker sends until the returned function is called: no handler is called any more, except for
   * the message of now. Nothing is lost, it waits in the socket and with the broker; but so do its signs of life, and all
   * handlers wait, so it is for moments. Left out by an adapter that can't.
   */
  holdBack?(): () => void;

  /**
   * Stops: no message is delivered any more, publishes under way are given `drainTimeoutMs` to be acknowledged, the
   * broker is told (so that no Last Will is sent), everything is closed. Without a connection nothing is waited for.
   * What was not acknowledged rejects with `stopped`. Can be called twice; `abrupt` cuts short a stop under way.
   */
  stop(options?: StopOptions): Promise<void>;
}

/** `kind` moves by the table in `connection-state.ts`. */
export type BusStatus =
  | { readonly kind: 'idle' }
  /** For the first time. `attempt` counts from 0; `reason` says why the attempt before failed. */
  | { readonly kind: 'connecting'; readonly attempt: number; readonly reason?: string }
  /** `session` counts connections from 1. */
  | { readonly kind: 'connected'; readonly session: number }
  /** `attempt` counts from 0 since the last connection; `reason` says why that one, or the attempt before, ended. */
  | { readonly kind: 'reconnecting'; readonly attempt: number; readonly reason: string }
  /** Stopping; publishes under way are given their time. */
  | { readonly kind: 'draining' }
  | { readonly kind: 'closed' };

export type QoS = 0 | 1;

export interface PublishOptions {
  /** @default 1 */
  readonly qos?: QoS;
  /** Kept by the broker for later subscribers; an empty payload removes what it kept. @default false */
  readonly retain?: boolean;
  /** MQTT 5 properties; they mirror the payload and are dropped on MQTT 3.1.1. */
  readonly properties?: MessageProperties;
}

export interface MessageProperties {
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: string;
  readonly messageExpirySeconds?: number;
  readonly user?: Readonly<Record<string, string>>;
}

export interface BusMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** The broker kept this message; it was not published just now. */
  readonly retained: boolean;
}

export type MessageHandler = (message: BusMessage) => void;

export interface SubscribeOptions {
  /** @default 1 */
  readonly qos?: QoS;
}

export interface Subscription {
  /**
   * Resolves when the broker has granted the subscription for the first time. While it is refused, the bus asks again
   * at every reconnect; `refused` says the reason of the last refusal. Rejects with `stopped` when the bus stops or the
   * subscription is closed before; nobody has to listen.
   */
  readonly ready: Promise<void>;
  readonly refused: string | undefined;
  /**
   * Subscribes again, so that the broker sends its retained messages once more, to every handler of this filter.
   * Resolves at the answer, or when the connection is lost. Does nothing while not connected.
   */
  refresh(): Promise<void>;
  /** Ends this subscription; other handlers of the same filter stay. */
  close(): Promise<void>;
}

export interface StopOptions {
  /** Milliseconds. @default 2000 */
  readonly drainTimeoutMs?: number;
  /** Drop the connection without telling the broker, as a crash would: the Last Will is sent. @default false */
  readonly abrupt?: boolean;
}

export interface LastWill {
  readonly topic: string;
  readonly payload: Uint8Array | string;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** What every adapter can be told. */
export interface BusOptions {
  /** Asked before each connection attempt, so that every session has a Last Will of its own. */
  readonly will?: () => LastWill;
  /** A publish larger than this, topic included, is refused before it is sent. Bytes. @default 1048576 + 1024 */
  readonly maxMessageBytes?: number;
  /** Messages that may wait for a connection or for their turn. @default 1000 */
  readonly outboxMaxMessages?: number;
  /** Bytes that may wait for a connection or for their turn. @default 16777216 */
  readonly outboxMaxBytes?: number;
  /**
   * QoS 1 messages that may be under way at once, or what the broker says if that is less. Some brokers close the
   * connection at little more than the default; raise it for one that is known. @default 8
   */
  readonly maxInFlight?: number;
  /** From the call of `publish` to the acknowledgement, waiting in the outbox included. Milliseconds. @default 30000 */
  readonly publishTimeoutMs?: number;
  /** Told of what went wrong and was survived: a handler that threw, a refused subscription, a refused connection. */
  readonly onFault?: (fault: BusFault) => void;
}

export interface BusFault {
  readonly kind: 'handler_threw' | 'subscription_refused' | 'connection_refused' | 'connection_lost';
  readonly message: string;
  readonly cause?: unknown;
}
