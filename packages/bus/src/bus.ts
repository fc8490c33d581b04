/**
 * A bus moves bytes between topics and does not look into them. Everything above is written against this interface, and
 * every adapter runs the suite of `@setpoint/bus/suite`.
 */
export interface Bus extends AsyncDisposable {
  /** What the connection is doing now. */
  readonly status: BusStatus;

  /**
   * Starts connecting and goes on trying until `stop`. Resolves at the first connection; a broker that can't be
   * reached is not a failure, so this only rejects when `signal` aborts (which stops the bus) or the bus is stopped
   * before.
   * @throws BusError `stopped`; the reason of `signal`
   */
  start(options?: { signal?: AbortSignal }): Promise<void>;

  /**
   * Publishes one message. Resolves when the broker has acknowledged it (QoS 1) or when it is written (QoS 0).
   * A QoS 1 message waits in the bounded publish queue while there is no connection, or while the broker owes as many
   * acknowledgements as it allows; a QoS 0 message is refused without a connection. Don't change `payload` before the
   * promise settles.
   * @throws BusError `message_too_large`, `outbox_full`, `publish_timeout`, `publish_refused`, `not_connected`,
   * `stopped`, `topic_invalid`, `options_invalid`
   */
  publish(topic: string, payload: Uint8Array | string, options?: PublishOptions): Promise<void>;

  /**
   * Calls `handler` for every message whose topic matches `filter` (`+` and `#` as in MQTT). The subscription is
   * restored after every reconnect. The handler is called in the order of arrival and must not block; what it throws
   * is caught and reported through `onFault`. Await the result to have the subscription once the broker has granted it.
   * @throws BusError `topic_invalid` (at once, for a filter that is not valid), `options_invalid`, `stopped`
   */
  subscribe(filter: string, handler: MessageHandler, options?: SubscribeOptions): PendingSubscription;

  /** Calls `listener` at every change of `status`, in order. Returns a function that ends it. */
  onStatus(listener: (status: BusStatus) => void): () => void;

  /**
   * Drops the connection as if it had been lost, and connects again. For a caller that knows, from what does not
   * arrive, that a connection which looks alive is dead. Does nothing while not connected.
   */
  reconnect(reason: string): void;

  /**
   * Asks the broker for a sign of life, ahead of everything that waits to be published. Resolves with true when the
   * broker has sent anything since, and with false when the connection is lost or there is none. Stays pending while the
   * broker is silent. Left out by an adapter that can't ask.
   */
  probe?(): Promise<boolean>;

  /**
   * Holds back what the broker sends until the returned function is called: after the message being dispatched, no
   * handler is called. Nothing is lost; messages wait in the socket and at the broker. Its signs of life wait too, and so
   * do all other handlers, so hold back for moments only. Left out by an adapter that can't.
   */
  holdBack?(): () => void;

  /**
   * Stops: no message is delivered any more, publishes under way are given `drainTimeoutMs` to be acknowledged, the
   * broker is told (so that it sends no Last Will), everything is closed. Without a connection nothing is waited for.
   * What was not acknowledged rejects with `stopped`. Can be called twice; `abrupt` cuts short a stop under way.
   */
  stop(options?: StopOptions): Promise<void>;
}

/** `kind` moves by the table in `session/connection-state.ts`. */
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
  /** The broker keeps the message for later subscribers; an empty payload removes the kept one. @default false */
  readonly retain?: boolean;
  /**
   * From the call until the message is given up with `publish_timeout`, waiting included. Milliseconds.
   * @default `publishTimeoutMs` of the bus
   */
  readonly maxAgeMs?: number;
  /** Counts the message against the bounds of this lane. @default the bounds of the bus */
  readonly lane?: PublishLane;
  /** MQTT 5 properties; they mirror the payload and are dropped on MQTT 3.1.1. */
  readonly properties?: MessageProperties;
}

/** What gives way when no more may wait: the message that has waited longest, or the new one. */
export type OverflowPolicy = 'drop-oldest' | 'refuse';

export interface PublishLaneOptions {
  /** Messages that may wait for a connection or for their turn. */
  readonly maxMessages: number;
  /** Bytes that may wait, topics and properties included. */
  readonly maxBytes: number;
  readonly overflow: OverflowPolicy;
}

/**
 * A share of the publish queue with bounds of its own, so that a flood of one kind of message pushes out no other kind.
 * Messages of all lanes are sent in the order of the calls. `createPublishLane` makes one.
 */
export interface PublishLane {
  /** Messages that wait for a connection or for their turn now. */
  readonly waiting: number;
  /** Bytes of those. */
  readonly waitingBytes: number;
  /** Messages on their way to the broker, not acknowledged yet. */
  readonly underWay: number;
  /** Gives up what waits; that, and whatever is published on the lane later, rejects with `stopped`. */
  close(): void;
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
  /** The broker had kept this message; it was not published just now. */
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
   * subscription is closed before; it need not be awaited.
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

/** A subscription that can be used at once, or awaited until the broker has granted it. */
export type PendingSubscription = Subscription & PromiseLike<Subscription>;

export interface StopOptions {
  /** Milliseconds. @default 2000 */
  readonly drainTimeoutMs?: number;
  /** Drops the connection without telling the broker, as a crash would: the Last Will is sent. @default false */
  readonly abrupt?: boolean;
}

export interface LastWill {
  readonly topic: string;
  readonly payload: Uint8Array | string;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** The options of every adapter. */
export interface BusOptions {
  /** Called before each connection attempt, so that every session has a Last Will of its own. */
  readonly will?: () => LastWill;
  /** A publish larger than this, topic included, is refused before it is sent. Bytes. @default 1048576 + 1024 */
  readonly maxMessageBytes?: number;
  /** Messages that may wait for a connection or for their turn. @default 1000 */
  readonly outboxMaxMessages?: number;
  /** Bytes that may wait for a connection or for their turn. @default 16777216 */
  readonly outboxMaxBytes?: number;
  /** When no more may wait: the message that has waited longest is dropped, or the new one refused. @default "refuse" */
  readonly outboxPolicy?: OverflowPolicy;
  /**
   * QoS 1 messages that may be under way at once, or what the broker says if that is less. Some brokers close the
   * connection at little more than the default; raise it for one that is known. @default 8
   */
  readonly maxInFlight?: number;
  /**
   * From the call of `publish` to the acknowledgement, waiting included, unless the call says `maxAgeMs`. A broker that
   * acknowledges nothing for so long is left, and connected to again. Milliseconds. @default 30000
   */
  readonly publishTimeoutMs?: number;
  /** Told what went wrong and was survived: a handler that threw, a refused subscription, a refused connection. */
  readonly onFault?: (fault: BusFault) => void;
}

export interface BusFault {
  readonly kind: 'handler_threw' | 'subscription_refused' | 'connection_refused' | 'connection_lost';
  readonly message: string;
  readonly cause?: unknown;
}
