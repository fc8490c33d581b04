import { byteLengthOf, toUtf8 } from '#runtime/bytes';
import type { MessageProperties, PublishOptions } from '../bus.ts';
import { BusError, describeError } from '../bus-error.ts';
import { refusePublish, refuseTopic } from './call-checks.ts';
import type { Link, SessionLimits } from './link.ts';
import type { ResolvedBusOptions } from './options.ts';
import { maxCloses, PublishQueue, type QueuedPublish } from './publish-queue.ts';

/** Header, remaining length, topic length, message id and property length of a PUBLISH, at their largest. */
const packetOverheadBytes = 16;

/** Everything that becomes of a message between `publish` and the answer to it. */
export class Publisher {
  readonly #link: Link;
  readonly #options: ResolvedBusOptions;
  readonly #queue: PublishQueue;
  /** QoS 0 messages handed to the link whose bytes are not written yet. */
  readonly #writing = new Set<QueuedPublish>();
  #writingBytes = 0;
  #connection: SessionLimits | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #drained: (() => void) | undefined;
  #isCut = false;

  constructor(link: Link, options: ResolvedBusOptions) {
    this.#link = link;
    this.#options = options;
    this.#queue = new PublishQueue({ maxMessages: options.outboxMaxMessages, maxBytes: options.outboxMaxBytes });
  }

  publish(topic: string, payload: Uint8Array | string, options: PublishOptions = {}): Promise<void> {
    const wrong = refuseTopic(topic) ?? refusePublish(payload, options);
    if (wrong) return Promise.reject(wrong);
    const body = typeof payload === 'string' ? toUtf8(payload) : payload;
    const bytes = byteLengthOf(topic) + body.byteLength + propertyBytes(options.properties);
    const refused = this.#check(topic, bytes);
    if (refused) return Promise.reject(refused);
    return new Promise((resolve, reject) => {
      const entry: QueuedPublish = {
        topic,
        payload: body,
        qos: options.qos ?? 1,
        retain: options.retain ?? false,
        properties: options.properties && copyOf(options.properties),
        bytes,
        deadlineMs: performance.now() + this.#options.publishTimeoutMs,
        closes: 0,
        overdue: false,
        settle: (error) => (error ? reject(error) : resolve()),
      };
      if (entry.qos === 0) this.#write(entry);
      else this.#enqueue(entry);
    });
  }

  connected(limits: SessionLimits): void {
    this.#connection = limits;
    this.#queue.open(Math.min(this.#options.maxInFlight, limits.receiveMaximum));
    this.#pump();
  }

  lost(blame: boolean): void {
    this.#connection = undefined;
    for (const entry of this.#queue.closed(blame)) entry.settle(refusedByClosing(entry));
    const lost = [...this.#writing];
    this.#writing.clear();
    this.#writingBytes = 0;
    for (const entry of lost) entry.settle(notConnected(entry.topic));
    // Nothing more will be answered on this connection, and whoever stops doesn't wait for the next one.
    this.#drained?.();
  }

  /** Resolves when every message has been answered, the connection is lost, or the time is up. */
  async drain(timeoutMs: number): Promise<void> {
    if (!this.#connection || this.#isCut || this.#isIdle) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#drained = resolve;
    await promise;
    clearTimeout(timer);
    this.#drained = undefined;
  }

  /** Ends a `drain` under way, and makes every later one return at once. */
  cut(): void {
    this.#isCut = true;
    this.#drained?.();
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  stop(reason: BusError): void {
    this.#connection = undefined;
    clearTimeout(this.#deadlineTimer);
    const left = [...this.#writing, ...this.#queue.clear()];
    this.#writing.clear();
    for (const entry of left) entry.settle(reason);
  }

  #check(topic: string, bytes: number): BusError | undefined {
    const { maxMessageBytes } = this.#options;
    if (bytes > maxMessageBytes) return tooLarge(topic, bytes, maxMessageBytes, 'maxMessageBytes');
    const limit = this.#connection?.maxPacketBytes;
    return limit === undefined ? undefined : overBrokerLimit(topic, bytes, limit);
  }

  #write(entry: QueuedPublish): void {
    if (!this.#connection) {
      entry.settle(notConnected(entry.topic));
      return;
    }
    const { outboxMaxMessages, outboxMaxBytes } = this.#options;
    if (this.#writing.size >= outboxMaxMessages || this.#writingBytes + entry.bytes > outboxMaxBytes) {
      entry.settle(outboxFull(entry.topic, this.#writing.size, this.#writingBytes));
      return;
    }
    this.#writing.add(entry);
    this.#writingBytes += entry.bytes;
    this.#hand(entry, (error) => {
      if (!this.#writing.delete(entry)) return;
      this.#writingBytes -= entry.bytes;
      entry.settle(error);
      this.#noteDrained();
    });
    if (this.#writing.has(entry)) this.#watchDeadlines();
  }

  #enqueue(entry: QueuedPublish): void {
    if (!this.#queue.offer(entry)) {
      entry.settle(outboxFull(entry.topic, this.#queue.waiting, this.#queue.waitingBytes));
      return;
    }
    this.#watchDeadlines();
    this.#pump();
  }

  #pump(): void {
    for (let entry = this.#queue.next(); entry; entry = this.#queue.next()) this.#send(entry);
  }

  #send(entry: QueuedPublish): void {
    const connection = this.#connection;
    const tooMuch = connection && overBrokerLimit(entry.topic, entry.bytes, connection.maxPacketBytes);
    if (tooMuch) {
      this.#queue.acknowledged(entry);
      entry.settle(tooMuch);
      return;
    }
    let isHanding = true;
    this.#hand(entry, (error) => {
      // The connection that this message went over is gone, and the outbox has decided about it since.
      if (this.#connection !== connection) return;
      this.#queue.acknowledged(entry);
      if (!entry.overdue) entry.settle(error);
      // What is refused within the call is followed by the next one in the loop of the caller, however many they are.
      if (!isHanding) this.#pump();
      this.#noteDrained();
    });
    isHanding = false;
  }

  /**
   * What is thrown here would end the process: it is often a timer or a connection that calls. Calls are checked, but
   * payload and properties belong to the caller, who may have changed them since.
   */
  #hand(entry: QueuedPublish, done: (error?: BusError) => void): void {
    try {
      this.#link.publish(entry, (error) => done(error && refused(entry, describeError(error), error)));
    } catch (cause) {
      done(unsendable(entry, cause));
    }
  }

  get #isIdle(): boolean {
    return this.#queue.isIdle && this.#writing.size === 0;
  }

  #noteDrained(): void {
    if (this.#drained && this.#isIdle) this.#drained();
  }

  // One timer for all: deadlines come in the order of the calls, so the first one is always known.
  #watchDeadlines(): void {
    if (this.#deadlineTimer) return;
    const [oldestWrite] = this.#writing;
    const nextMs = Math.min(this.#queue.nextDeadlineMs ?? Infinity, oldestWrite?.deadlineMs ?? Infinity);
    if (nextMs === Infinity) return;
    const delayMs = Math.max(1, Math.ceil(nextMs - performance.now()));
    // The connection keeps the process alive, not the wish to give up on a message.
    this.#deadlineTimer = setTimeout(() => this.#deadlinePassed(), delayMs);
    this.#deadlineTimer.unref?.();
  }

  #deadlinePassed(): void {
    this.#deadlineTimer = undefined;
    const nowMs = performance.now();
    const { publishTimeoutMs } = this.#options;
    const wasConnected = this.#connection !== undefined;
    for (const entry of [...this.#queue.expire(nowMs), ...this.#expiredWrites(nowMs)]) {
      entry.settle(timedOut(entry.topic, publishTimeoutMs, wasConnected));
    }
    this.#noteDrained();
    if (this.#connection && this.#queue.isStuck) {
      this.#link.drop(`no publish was acknowledged for ${publishTimeoutMs} ms`);
    }
    this.#watchDeadlines();
  }

  #expiredWrites(nowMs: number): QueuedPublish[] {
    const expired = [...this.#writing].filter((entry) => entry.deadlineMs <= nowMs);
    for (const entry of expired) {
      this.#writing.delete(entry);
      this.#writingBytes -= entry.bytes;
    }
    return expired;
  }
}

/** It is checked now and written later, and what the caller makes of it meanwhile could end the connection. */
const copyOf = ({ user, ...rest }: MessageProperties): MessageProperties => ({
  ...rest,
  ...(user && { user: { ...user } }),
});

function propertyBytes(properties: MessageProperties | undefined): number {
  if (!properties) return 0;
  const { contentType = '', responseTopic = '', correlationData = '', user = {} } = properties;
  let bytes = 14 + byteLengthOf(contentType) + byteLengthOf(responseTopic) + byteLengthOf(correlationData);
  for (const name of Object.keys(user)) bytes += 5 + byteLengthOf(name) + byteLengthOf(user[name] ?? '');
  return bytes;
}

function overBrokerLimit(topic: string, bytes: number, maxPacketBytes: number): BusError | undefined {
  if (bytes + packetOverheadBytes <= maxPacketBytes) return undefined;
  return tooLarge(topic, bytes, maxPacketBytes - packetOverheadBytes, "the broker's maximum packet size");
}

function tooLarge(topic: string, bytes: number, limit: number, whose: string): BusError {
  return new BusError('message_too_large', `${topic}: ${bytes} bytes are over the limit of ${limit} (${whose})`);
}

function outboxFull(topic: string, messages: number, bytes: number): BusError {
  return new BusError(
    'outbox_full',
    `${topic}: ${messages} messages of ${bytes} bytes wait already; slow down, or raise outboxMaxMessages, outboxMaxBytes`,
  );
}

function notConnected(topic: string): BusError {
  return new BusError(
    'not_connected',
    `${topic}: no connection to the broker, and a QoS 0 message doesn't wait for one`,
  );
}

function timedOut(topic: string, timeoutMs: number, connected: boolean): BusError {
  const why = connected ? 'the broker has not acknowledged it' : 'there is no connection to the broker';
  return new BusError(
    'publish_timeout',
    `${topic}: ${why} within ${timeoutMs} ms; it may or may not have been received`,
  );
}

function refused({ topic }: QueuedPublish, reason: string, cause: Error): BusError {
  return new BusError('publish_refused', `${topic}: the broker refused the message: ${reason}`, { cause });
}

function unsendable({ topic }: QueuedPublish, cause: unknown): BusError {
  const message = `${topic}: no packet can be made of the message: ${describeError(cause)}`;
  return new BusError('publish_refused', message, { cause });
}

function refusedByClosing({ topic, bytes }: QueuedPublish): BusError {
  return new BusError(
    'publish_refused',
    `${topic}: the connection closed ${maxCloses} times while this message of ${bytes} bytes was under way; ` +
      'it is probably over a limit of the broker, or this client may not publish it',
  );
}
