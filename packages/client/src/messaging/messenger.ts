import type { Bus } from '@setpoint/bus';
import { awaitable } from '@setpoint/bus/internal';
import { guardTracing, type Tracing, untraced } from '@setpoint/participant';
import { createEnvelopeWriter, type Envelope, type JsonObject, openEnvelope, SetpointError } from '@setpoint/protocol';
import { createBackpressureBudget } from './backpressure-budget.ts';
import { checkListening, checkSending, publishShape, requestShape, streamShape } from './call-options.ts';
import { createDeduplication } from './deduplication.ts';
import type { MessageData } from './message-data.ts';
import type { OnFault } from './message-handling.ts';
import {
  createMessagePublisher,
  createPublishPromise,
  type MessageOptions,
  type OutboxCounters,
  type PublishPromise,
  type PublishResult,
} from './message-publisher.ts';
import { createMessageSpans, type Traced } from './message-spans.ts';
import { type MessagingOptions, resolveMessagingOptions } from './options.ts';
import { createReplier, type ReplyHandler } from './replier.ts';
import { createInbox } from './reply-inbox.ts';
import { createRequester, type RequestOptions, type StreamOptions } from './requester.ts';
import {
  type MessageHandler,
  type MessageSubscribeOptions,
  type MessageSubscription,
  type OwnSubscription,
  openSubscription,
  type PendingMessageSubscription,
} from './subscription.ts';
import { createTimeSlice } from './time-slice.ts';

/** Messages between services, over the connection that configuration comes on. Each is a CloudEvent. */
export interface Messenger {
  /**
   * Publishes `data` and resolves with what became of it: `sent` when the broker has it, `queued` at once when there is no
   * connection, `dropped` or `expired` when it was given up. `publish(…).outcome` waits for the end of a queued message
   * too. Rejects only for data that can't be a message.
   * @throws SetpointError `message_invalid`, `message_too_large`, `options_invalid`; BusError `topic_invalid`
   */
  publish(topic: string, data: MessageData, options?: MessageOptions): PublishPromise;
  /**
   * Calls `handler` for every message on a matching topic (`+`, `#`; a wildcard at the first level matches no `$` topic),
   * one after another in the order of arrival. A message that comes twice is handled once; one whose handler threw is not
   * counted as handled, and is handled if it comes again. A slow handler fills its own queue and nothing else. Awaiting
   * the subscription waits until the broker has granted it.
   * @throws SetpointError `options_invalid`; BusError `topic_invalid`, `stopped`
   */
  subscribe<T = JsonObject>(
    filter: string,
    handler: MessageHandler<T>,
    options?: MessageSubscribeOptions,
  ): PendingMessageSubscription;
  /**
   * Publishes a request and resolves with the data of the reply, or the first item of a stream.
   * @throws SetpointError `no_answer` after `timeoutMs`, `reply_failed`, `overloaded`, `stopped`, `message_invalid`,
   * `message_too_large`, `options_invalid`; the reason of `signal`; BusError if the request could not be sent
   */
  request<T = JsonObject>(topic: string, data: MessageData, options?: RequestOptions): Promise<T>;
  /**
   * Publishes a request when the first item is read, and yields the replies one by one. The replier is at most 16 items
   * ahead; leaving the loop early tells it to stop.
   * @throws SetpointError `no_answer` after `timeoutMs` or `idleTimeoutMs`, `reply_failed`, `stream_broken` when an item
   * was lost, and as `request`; all of them when the first item is read
   */
  requestStream<T = JsonObject>(
    topic: string,
    data: MessageData,
    options?: StreamOptions,
  ): AsyncGenerator<T, void, undefined>;
  /**
   * Answers requests on a topic with what `handler` returns, up to 16 at once. An error that the handler throws is reported
   * here and, without the reason, to the requester; the reason of a `ReplyRefused` is passed on.
   * @throws as `subscribe`
   */
  reply<T = JsonObject>(
    filter: string,
    handler: ReplyHandler<T>,
    options?: MessageSubscribeOptions,
  ): PendingMessageSubscription;
  /** Counts what became of everything that was published, requests and replies included. */
  stats(): MessengerStats;
}

export interface MessengerStats extends OutboxCounters {
  readonly pendingRequests: number;
  readonly subscriptions: number;
}

export interface MessengerOptions {
  readonly bus: Bus;
  readonly service: string;
  readonly instance: string;
  /** The name in the `source` of its messages. @default the instance */
  readonly sourceName?: string | undefined;
  readonly prefix: string;
  readonly now: () => number;
  /** @default 30 s, 2048 */
  readonly dedupe?: { readonly ttlMs: number; readonly maxEntries: number };
  readonly messaging?: MessagingOptions | undefined;
  /** @default none is recorded */
  readonly tracing?: Tracing | undefined;
  /** Called with a handler that threw, a full queue, or a message that is no CloudEvent. */
  readonly onFault: OnFault;
}

/** What the connection needs beside that. */
export interface OwnMessenger extends Messenger {
  /**
   * Aborts the signals of handlers and the pending requests; waits `graceMs` for running handlers and waiting messages,
   * then drops them. Can be called twice.
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

const messageType = 'setpoint.message.v1';
const replyConcurrency = 16;

export function createMessenger({
  bus,
  service,
  instance,
  sourceName = instance,
  prefix,
  now,
  dedupe = { ttlMs: 30_000, maxEntries: 2048 },
  messaging,
  tracing = untraced,
  onFault,
}: MessengerOptions): OwnMessenger {
  const bounds = resolveMessagingOptions(messaging);
  const writer = createEnvelopeWriter({ source: `/instance/${sourceName}`, now });
  const stopping = new AbortController();
  const timeSlice = createTimeSlice();
  const backpressure = bus.holdBack && createBackpressureBudget(bus.holdBack.bind(bus));
  const subscriptions = new Set<OwnSubscription>();
  const publisher = createMessagePublisher({
    bus,
    maxMessages: bounds.outboxMaxMessages,
    maxBytes: bounds.outboxMaxBytes,
    policy: bounds.outboxPolicy,
  });
  const open = (_topic: string, payload: Uint8Array): Envelope =>
    openEnvelope(payload, { role: 'operator', now: now() }).envelope;
  const inbox = createInbox({
    bus,
    topic: `${prefix === '' ? '' : `${prefix}/`}service/${service}/reply/${instance}`,
    open,
    onFault,
  });
  const shared = { inbox, publisher, writer, service, defaultType: messageType };
  const requester = createRequester({
    ...shared,
    maxPending: bounds.maxPendingRequests,
    isConnected: () => bus.status.kind === 'connected',
    stopping: stopping.signal,
  });
  // Without tracing, messages don't even pay for a call.
  const spans = tracing === untraced ? undefined : createMessageSpans(guardTracing(tracing));
  let stopped: Promise<void> | undefined;

  async function stop(graceMs: number): Promise<void> {
    stopping.abort(new SetpointError('stopped', 'the messenger was stopped'));
    const idle = [...subscriptions].map((subscription) => subscription.end());
    subscriptions.clear();
    const done = Promise.all(idle).then(() => publisher.whenDrained());
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([done, new Promise((settle) => (timer = setTimeout(settle, graceMs)))]);
    clearTimeout(timer);
    publisher.stop();
  }

  function send(topic: string, data: MessageData, options: MessageOptions & Traced = {}): Promise<PublishResult> {
    const {
      type = messageType,
      qos = 1,
      retain = false,
      maxAgeMs = bounds.maxAgeMs,
      sequence,
      traceparent,
      id,
    } = options;
    const { bytes } = writer.seal({ type, subject: service, data, sequence, traceparent, id });
    return publisher.publish(topic, bytes, { qos, retain, maxAgeMs });
  }

  function subscribe(filter: string, handler: MessageHandler<unknown>, options: MessageSubscribeOptions = {}) {
    const deduplication = createDeduplication({
      ...dedupe,
      now: () => performance.now(),
    });
    const onClosed = (closed: OwnSubscription): void => void subscriptions.delete(closed);
    const opened = openSubscription(
      { bus, backpressure, timeSlice, deduplication, open, onFault, onClosed },
      filter,
      spans?.process(filter, handler) ?? handler,
      options,
    );
    subscriptions.add(opened);
    return opened;
  }

  const publish = spans?.publish(send) ?? send;
  const request = spans?.request(requester.request) ?? requester.request;
  const requestStream = spans?.requestStream(requester.requestStream) ?? requester.requestStream;

  const messenger: OwnMessenger = {
    publish: (topic, data, options) =>
      createPublishPromise(() => {
        checkSending(topic, options, publishShape);
        return publish(topic, data, options);
      }),
    subscribe(filter, handler, options) {
      checkListening('subscribe', handler, options);
      return awaitable<MessageSubscription>(subscribe(filter, handler as MessageHandler<unknown>, options));
    },
    request: (async (topic, data, options) => {
      checkSending(topic, options, requestShape);
      return request(topic, data, options);
    }) as Messenger['request'],
    requestStream: ((topic, data, options) => {
      try {
        checkSending(topic, options, streamShape);
        return requestStream(topic, data, options);
      } catch (cause) {
        return failing(cause);
      }
    }) as Messenger['requestStream'],
    reply(filter, handler, options) {
      checkListening('reply', handler, options);
      const replier = createReplier(shared, handler) as MessageHandler<unknown>;
      return awaitable<MessageSubscription>(subscribe(filter, replier, { concurrency: replyConcurrency, ...options }));
    },
    stats: () => ({ ...publisher.counters(), pendingRequests: requester.pending, subscriptions: subscriptions.size }),
    stop({ graceMs = 1000 } = {}) {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };
  return messenger;
}

/** A wrong call is reported when its first item is read, like everything else that goes wrong with a stream. */
// biome-ignore lint/correctness/useYield: there is no item
async function* failing(cause: unknown): AsyncGenerator<never, void, undefined> {
  throw cause;
}
