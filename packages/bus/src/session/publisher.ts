import { byteLengthOf, toUtf8 } from '#runtime/bytes';
import type { MessageProperties, PublishOptions } from '../bus.ts';
import { BusError, describeError } from '../bus-error.ts';
import { refusePublish, refuseTopic } from './call-checks.ts';
import type { Link, SessionLimits } from './link.ts';
import type { ResolvedBusOptions } from './options.ts';
import { Lane } from './publish-lane.ts';
import { maxCloses, PublishQueue } from './publish-queue.ts';
import type { QueuedPublish } from './waiting-line.ts';
import { WriteQueue } from './write-queue.ts';

/** Header, remaining length, topic length, message id and property length of a PUBLISH, at their largest. */
const packetOverheadBytes = 16;

/** A timer can't be set for later; it looks again then. */
const longestTimerMs = 2_147_483_647;

/** Takes messages from the call of `publish` to their end. */
export class Publisher {
  readonly #link: Link;
  readonly #options: ResolvedBusOptions;
  /** Of the messages that are published without a lane. */
  readonly #ownLane: Lane;
  readonly #lanes = new WeakSet<Lane>();
  readonly #queue = new PublishQueue();
  readonly #writes = new WriteQueue();
  #connection: SessionLimits | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #deadlineTimerAtMs = Number.POSITIVE_INFINITY;
  #drained: (() => void) | undefined;
  #isCut = false;

  constructor(link: Link, options: ResolvedBusOptions) {
    this.#link = link;
    this.#options = options;
    this.#ownLane = new Lane({
      maxMessages: options.outboxMaxMessages,
      maxBytes: options.outboxMaxBytes,
      overflow: options.outboxPolicy,
    });
  }

  publish(topic: string, payload: Uint8Array | string, options: PublishOptions = {}): Promise<void> {
    const wrong = refuseTopic(topic) ?? refusePublish(payload, options);
    if (wrong) return Promise.reject(wrong);
    const body = typeof payload === 'string' ? toUtf8(payload) : payload;
    const bytes = byteLengthOf(topic) + body.byteLength + propertyBytes(options.properties);
    const refused = this.#check(topic, bytes);
    if (refused) return Promise.reject(refused);
    return new Promise((resolve, reject) => {
      const { maxAgeMs = this.#options.publishTimeoutMs } = options;
      this.#accept({
        topic,
        payload: body,
        qos: options.qos ?? 1,
        retain: options.retain ?? false,
        properties: options.properties && copyOf(options.properties),
        lane: this.#laneOf(options),
        bytes,
        maxAgeMs,
        deadlineMs: performance.now() + maxAgeMs,
        closes: 0,
        wasSent: false,
        answerDueMs: Number.POSITIVE_INFINITY,
        isAbandoned: false,
        settle: (error) => (error ? reject(error) : resolve()),
      });
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
    for (const entry of this.#writes.clear()) entry.settle(notConnected(entry.topic));
    // Nothing more will be answered on this connection, and `drain` doesn't wait for the next one.
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
    for (const entry of [...this.#writes.clear(), ...this.#queue.clear()]) entry.settle(reason);
  }

  #check(topic: string, bytes: number): BusError | undefined {
    const { maxMessageBytes } = this.#options;
    if (bytes > maxMessageBytes) return tooLarge(topic, bytes, maxMessageBytes, 'maxMessageBytes');
    const limit = this.#connection?.maxPacketBytes;
    return limit === undefined ? undefined : overBrokerLimit(topic, bytes, limit);
  }

  /** `refusePublish` has made sure that it is a lane of ours. */
  #laneOf({ lane }: PublishOptions): Lane {
    if (!(lane instanceof Lane)) return this.#ownLane;
    if (!this.#lanes.has(lane)) {
      this.#lanes.add(lane);
      lane.onClosed(() => this.#closeLane(lane));
    }
    return lane;
  }

  #closeLane(lane: Lane): void {
    const left = [...this.#writes.clearLane(lane), ...this.#queue.clearLane(lane)];
    for (const entry of left) entry.settle(laneClosed(entry.topic));
    this.#noteDrained();
  }

  #accept(entry: QueuedPublish): void {
    const { lane, topic, qos } = entry;
    if (lane.isClosed) return entry.settle(laneClosed(topic));
    if (qos === 0 && !this.#connection) return entry.settle(notConnected(topic));
    const pushedOut = (qos === 0 ? this.#writes : this.#queue).offer(entry);
    if (!pushedOut) return entry.settle(lane.fullError(topic));
    for (const oldest of pushedOut) oldest.settle(lane.fullError(oldest.topic));
    this.#watch(entry.deadlineMs);
    this.#pump();
  }

  #pump(): void {
    for (let entry = this.#writes.next(); entry; entry = this.#writes.next()) this.#write(entry);
    for (let entry = this.#queue.next(); entry; entry = this.#queue.next()) this.#send(entry);
  }

  #write(entry: QueuedPublish): void {
    let isHanding = true;
    this.#hand(entry, (error) => {
      if (!this.#writes.written(entry)) return;
      entry.settle(error);
      // What ends within the call is followed by the next message in the loop of `#pump`.
      if (!isHanding) this.#pump();
      this.#noteDrained();
    });
    isHanding = false;
  }

  #send(entry: QueuedPublish): void {
    const connection = this.#connection;
    const tooMuch = connection && overBrokerLimit(entry.topic, entry.bytes, connection.maxPacketBytes);
    if (tooMuch) {
      this.#queue.acknowledged(entry);
      entry.settle(tooMuch);
      return;
    }
    entry.answerDueMs = performance.now() + this.#options.publishTimeoutMs;
    this.#watch(entry.answerDueMs);
    let isHanding = true;
    this.#hand(entry, (error) => {
      // The connection that this message went over is gone, and the queue has decided about it since.
      if (this.#connection !== connection) return;
      this.#queue.acknowledged(entry);
      if (!entry.isAbandoned) entry.settle(error);
      // What ends within the call is followed by the next message in the loop of `#pump`.
      if (!isHanding) this.#pump();
      this.#noteDrained();
    });
    isHanding = false;
  }

  /**
   * Catches what the link throws: the caller is often a timer or a connection, and the error would end the process.
   * Calls are checked, but payload and properties belong to the caller of `publish`, who may have changed them since.
   */
  #hand(entry: QueuedPublish, done: (error?: BusError) => void): void {
    entry.wasSent = true;
    try {
      this.#link.publish(entry, (error) => done(error && refused(entry, describeError(error), error)));
    } catch (cause) {
      done(unsendable(entry, cause));
    }
  }

  get #isIdle(): boolean {
    return this.#queue.isIdle && this.#writes.isIdle;
  }

  #noteDrained(): void {
    if (this.#drained && this.#isIdle) this.#drained();
  }

  /** One timer for all messages, set for the earliest deadline. */
  #watch(atMs: number): void {
    if (atMs >= this.#deadlineTimerAtMs) return;
    clearTimeout(this.#deadlineTimer);
    this.#deadlineTimerAtMs = atMs;
    const delayMs = Math.max(1, Math.ceil(atMs - performance.now()));
    this.#deadlineTimer = setTimeout(() => this.#deadlinePassed(), Math.min(delayMs, longestTimerMs));
    // A process must not be kept alive for the deadline of a message; the connection does that. Browsers give a number.
    this.#deadlineTimer.unref?.();
  }

  #deadlinePassed(): void {
    this.#deadlineTimerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    this.#expire(nowMs);
    this.#noteDrained();
    this.#dropOrRetry(nowMs);
    this.#watch(Math.min(this.#queue.nextDeadlineMs(nowMs), this.#writes.nextDeadlineMs));
  }

  #expire(nowMs: number): void {
    const isConnected = this.#connection !== undefined;
    for (const entry of [...this.#queue.expire(nowMs), ...this.#writes.expire(nowMs)]) {
      entry.settle(timedOut(entry, isConnected));
    }
  }

  /** A broker that has not answered in time about anything is left; about some messages, it gets those again. */
  #dropOrRetry(nowMs: number): void {
    if (!this.#connection) return;
    if (this.#queue.isStuck(nowMs)) {
      this.#link.drop(`no publish was acknowledged for ${this.#options.publishTimeoutMs} ms`);
      return;
    }
    this.#queue.retrySilent(nowMs);
    this.#pump();
  }
}

/** Properties are checked now and written later; a change by the caller in between could end the connection. */
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

function notConnected(topic: string): BusError {
  return new BusError(
    'not_connected',
    `${topic}: no connection to the broker, and a QoS 0 message doesn't wait for one`,
  );
}

function timedOut({ topic, maxAgeMs, wasSent }: QueuedPublish, isConnected: boolean): BusError {
  const why = isConnected ? 'the broker has not acknowledged it' : 'there is no connection to the broker';
  const where = wasSent ? 'it may or may not have been received' : 'it was not sent';
  return new BusError('publish_timeout', `${topic}: ${why} within ${maxAgeMs} ms; ${where}`, { maybeSent: wasSent });
}

function laneClosed(topic: string): BusError {
  return new BusError('stopped', `${topic}: the lane of this message was closed`);
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
