import {
  type Bus,
  BusError,
  type BusErrorCode,
  createPublishLane,
  type MessageProperties,
  type OverflowPolicy,
  type PublishOptions,
  type QoS,
} from '@setpoint/bus';

export interface MessageOptions {
  /** The CloudEvents type. @default "setpoint.message.v1" */
  readonly type?: string;
  /** 0: sent now or not at all. @default 1 */
  readonly qos?: QoS;
  /** @default false */
  readonly retain?: boolean;
  /** How old it may become before the broker has it. Milliseconds. @default `messaging.maxAgeMs`, 30000 */
  readonly maxAgeMs?: number;
  /** The CloudEvents extension: a receiver knows a message by type, source and sequence, too. */
  readonly sequence?: string;
  /** W3C Trace Context of the operation that caused the message. */
  readonly traceparent?: string;
}

/** What became of a message in the end. */
export type PublishOutcome =
  /** The broker has acknowledged it (QoS 1), or it is written (QoS 0). */
  | { readonly status: 'sent' }
  /**
   * It was given up. `outbox_full`: pushed out, or refused, as the policy says; `not_connected`: QoS 0 doesn't wait;
   * `publish_refused`, `message_too_large`: the broker did not take it; `stopped`: this process ends.
   */
  | { readonly status: 'dropped'; readonly reason: BusErrorCode; readonly error: BusError }
  /** It became too old. `maybeSent`: it was on its way to the broker, and may still arrive. */
  | { readonly status: 'expired'; readonly maybeSent: boolean };

/** What is known of a message when `publish` resolves. */
export type PublishResult =
  | PublishOutcome
  /** There is no connection: the message waits for one. `outcome` never rejects, and need not be awaited. */
  | { readonly status: 'queued'; readonly outcome: Promise<PublishOutcome> };

/** The promise of a `PublishResult`. */
export interface PublishPromise extends Promise<PublishResult> {
  /** What becomes of the message in the end, a connection that has to come back included. Rejects as the promise does. */
  readonly outcome: Promise<PublishOutcome>;
}

/** What became of all messages. */
export interface OutboxCounters {
  readonly sent: number;
  readonly dropped: number;
  readonly expired: number;
  /** Messages that wait for a connection or for their turn now. */
  readonly waiting: number;
  /** Bytes of those. */
  readonly waitingBytes: number;
  /** Messages on their way to the broker, not acknowledged yet. */
  readonly underWay: number;
}

export interface MessagePublisherOptions {
  readonly bus: Pick<Bus, 'publish' | 'status' | 'onStatus'>;
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly policy: OverflowPolicy;
}

export interface OutgoingOptions {
  readonly qos: QoS;
  readonly retain: boolean;
  /** Milliseconds. */
  readonly maxAgeMs: number;
  readonly properties?: MessageProperties | undefined;
}

/** Publishes on a lane of its own in the publish queue of the bus, and says what became of every message. */
export interface MessagePublisher {
  /**
   * Never waits for a connection that is not there, or is lost meanwhile: resolves with `queued` then.
   * @throws BusError `topic_invalid`
   */
  publish(topic: string, payload: Uint8Array, options: OutgoingOptions): Promise<PublishResult>;
  counters(): OutboxCounters;
  /** Resolves when no message waits or is under way, or there is no connection to wait for. */
  whenDrained(): Promise<void>;
  /** Drops what waits; every later message is dropped too. */
  stop(): void;
}

/** A message whose end is not known yet. */
interface OpenPublish {
  /** There is no connection: tells the caller so, once. */
  readonly defer: () => void;
}

export function createMessagePublisher({
  bus,
  maxMessages,
  maxBytes,
  policy,
}: MessagePublisherOptions): MessagePublisher {
  const lane = createPublishLane({ maxMessages, maxBytes, overflow: policy });
  const counts = { sent: 0, dropped: 0, expired: 0 };
  const open = new Set<OpenPublish>();
  let drained: (() => void)[] = [];

  const isConnected = (): boolean => bus.status.kind === 'connected';
  const isDrained = (): boolean => open.size === 0 || !isConnected();

  const endListening = bus.onStatus(({ kind }) => {
    if (kind === 'connected' || kind === 'draining') return;
    for (const message of open) message.defer();
    noteDrained();
  });

  function noteDrained(): void {
    if (drained.length === 0 || !isDrained()) return;
    const waiting = drained;
    drained = [];
    for (const resolve of waiting) resolve();
  }

  /** A bus of the user's may throw instead of rejecting. */
  function hand(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void> {
    try {
      return bus.publish(topic, payload, options);
    } catch (cause) {
      return Promise.reject(cause);
    }
  }

  return {
    publish(topic, payload, { qos, retain, maxAgeMs, properties }) {
      return new Promise((resolve, reject) => {
        let later: PromiseWithResolvers<PublishOutcome> | undefined;
        const message: OpenPublish = {
          defer() {
            if (later || qos === 0 || !open.has(message)) return;
            later = Promise.withResolvers();
            resolve({ status: 'queued', outcome: later.promise });
          },
        };
        const end = (outcome: PublishOutcome): void => {
          open.delete(message);
          counts[outcome.status] += 1;
          if (later) later.resolve(outcome);
          else resolve(outcome);
          noteDrained();
        };
        open.add(message);
        hand(topic, payload, { qos, retain, maxAgeMs, lane, ...(properties && { properties }) }).then(
          () => end({ status: 'sent' }),
          (cause: unknown) => {
            const error = asBusError(topic, cause);
            if (error.code !== 'topic_invalid') return end(outcomeOfError(error));
            open.delete(message);
            reject(error);
          },
        );
        // In a microtask, so that a message that the bus refuses at once is not called queued.
        if (!isConnected()) queueMicrotask(message.defer);
      });
    },
    counters: () => ({ ...counts, waiting: lane.waiting, waitingBytes: lane.waitingBytes, underWay: lane.underWay }),
    async whenDrained() {
      if (!isDrained()) await new Promise<void>((resolve) => drained.push(resolve));
    },
    stop() {
      endListening();
      lane.close();
      noteDrained();
    },
  };
}

/** Publishes, and gives the promise its `outcome`. What `publish` throws rejects it. */
export function createPublishPromise(publish: () => Promise<PublishResult>): PublishPromise {
  return new OutcomePromise((resolve) => resolve(publish()));
}

class OutcomePromise extends Promise<PublishResult> implements PublishPromise {
  // What `then` returns is a promise of something else.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  get outcome(): Promise<PublishOutcome> {
    return this.then(outcomeOf);
  }
}

export const outcomeOf = (result: PublishResult): PublishOutcome | Promise<PublishOutcome> =>
  result.status === 'queued' ? result.outcome : result;

const asBusError = (topic: string, cause: unknown): BusError =>
  cause instanceof Error && cause.name === 'BusError'
    ? (cause as BusError)
    : new BusError('publish_refused', `${topic}: the bus refused the message: ${describe(cause)}`, { cause });

const describe = (cause: unknown): string =>
  cause instanceof Error ? cause.message : 'it threw something that is not an Error';

const outcomeOfError = (error: BusError): PublishOutcome =>
  error.code === 'publish_timeout'
    ? { status: 'expired', maybeSent: error.maybeSent ?? true }
    : { status: 'dropped', reason: error.code, error };
