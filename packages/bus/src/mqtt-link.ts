import { type IClientOptions, type IClientPublishOptions, type IConnackPacket, MqttClient } from 'mqtt';
import { backoffDelayMs } from './backoff.ts';
import type { LastWill, MessageProperties, QoS } from './bus.ts';
import type { Link, LinkEvents, LinkMessage } from './link.ts';
import type { MqttBusOptions } from './mqtt.ts';
import { createNoStore } from './mqtt-no-store.ts';
import { createDialer } from './mqtt-socket.ts';
import { type BrokerAddress, parseBrokerUrl } from './mqtt-url.ts';
import { describeError, makeLastWill } from './options.ts';
import { ShortSessions } from './short-sessions.ts';

/** A connection that held this long makes the next loss a first one. */
const stableAfterMs = 10_000;

// CONNACK codes for "I don't know this protocol version": MQTT 3.1.1 3.2.2.3 and MQTT 5 3.2.2.2.
const unknownVersionCodes: readonly unknown[] = [1, 0x84];
const sessionTakenOver = 0x8e;

/**
 * One connection to a broker by MQTT.js, which does the packets, the keepalive and the reconnecting. What it gets
 * wrong is made good here; every cure says what it cures.
 */
export class MqttLink implements Link {
  readonly #options: MqttBusOptions;
  readonly #address: BrokerAddress;
  readonly #dial: ReturnType<typeof createDialer>;
  readonly #shortSessions = new ShortSessions();
  #events: LinkEvents | undefined;
  #client: MqttClient | undefined;
  #version: 4 | 5;
  /** Index into the backoff of the next delay. */
  #failures = 0;
  /** Counts from 0 since the last connection. */
  #attempt = 0;
  #connectedAtMs: number | undefined;
  /** Why the connection or the attempt of now came to its end, as far as is known yet. */
  #reason: string | undefined;
  #reportedReason: string | undefined;
  #dropped = false;
  #pingDue = false;

  /** @throws BusError `url_invalid`, `tls_invalid` */
  constructor(options: MqttBusOptions) {
    this.#options = options;
    this.#address = parseBrokerUrl(options.url);
    this.#dial = createDialer(this.#address, options.tls);
    this.#version = options.protocolVersion ?? 5;
  }

  get client(): MqttClient | undefined {
    return this.#client;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    events.connecting(0);
    this.#connect();
  }

  publish(message: LinkMessage, done: (refused?: Error) => void): void {
    const { qos, retain, properties } = message;
    const options: IClientPublishOptions = { qos, retain };
    if (properties && this.#version === 5) options.properties = mqttProperties(properties);
    this.#client?.publish(message.topic, asBuffer(message.payload), options, (error) => {
      if (!error) done();
      // Without a reason code it is no answer of the broker: the connection was closed, or the message taken back.
      else if ('code' in error && typeof error.code === 'number') done(error);
    });
  }

  subscribe(filter: string, qos: QoS, done: (refused: string | undefined) => void): void {
    const client = this.#client;
    client?.subscribe(filter, { qos }, (error) => {
      if (error === null) done(undefined);
      // Without the broker's packet it is no answer: the connection was closed, or the request taken back.
      else if ('packet' in error && error.packet) done(describeError(error));
      else return;
      this.#flushBroker(client);
    });
  }

  unsubscribe(filter: string, done: () => void): void {
    this.#client?.unsubscribe(filter, done);
  }

  drop(reason: string): void {
    this.#reason = reason;
    this.#dropped = true;
    this.#client?.stream.destroy();
  }

  async close({ abrupt, timeoutMs }: { abrupt: boolean; timeoutMs: number }): Promise<void> {
    const client = this.#client;
    this.#events = undefined;
    if (!client) return;
    const { stream } = client;
    const closed = new Promise<void>((resolve) => {
      if (stream.closed) resolve();
      else stream.once('close', () => resolve());
    });
    // A graceful `end` waits for every acknowledgement, and a second, forced `end` does nothing at all.
    takeBackOutgoing(client);
    client.end(abrupt || !client.connected);
    const timer = setTimeout(() => stream.destroy(), timeoutMs);
    await closed;
    clearTimeout(timer);
  }

  #connect(): void {
    const client = new MqttClient(this.#dial, this.#clientOptions());
    this.#client = client;
    const ours = (listener: (events: LinkEvents) => void): void => {
      if (this.#client === client && this.#events) listener(this.#events);
    };
    client.on('error', (error) => ours(() => this.#failed(client, error)));
    client.on('connect', (connack) => ours((events) => this.#connected(client, connack, events)));
    client.on('disconnect', ({ reasonCode }) => ours(() => this.#disconnectReceived(reasonCode)));
    client.on('reconnect', () => ours(() => this.#prepareAttempt(client.options)));
    client.on('message', (topic, payload, { retain }) => {
      // What is thrown here ends the process, or leaves the client deaf until the keepalive times out.
      ours((events) => events.message({ topic, payload, retained: retain }));
    });
    // Before MQTT.js' own listener, which sets the timer for the next attempt.
    client.prependListener('close', () => ours((events) => this.#closed(client, events)));
  }

  #clientOptions(): IClientOptions {
    const { clientId, keepaliveSeconds = 15, connectTimeoutMs = 5000 } = this.#options;
    const username = this.#options.username ?? this.#address.username;
    const password = this.#options.password ?? this.#address.password;
    const options: IClientOptions = {
      protocolVersion: this.#version,
      clientId,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      keepalive: keepaliveSeconds,
      connectTimeout: connectTimeoutMs,
      // A persistent session gets no retained messages again and resumes at an old queue.
      clean: true,
      // The built-in table gives up a whole packet's filters for one that is denied; ours doesn't.
      resubscribe: false,
      // Without it, one refused CONNACK (broker busy, login not ready) ends reconnecting for ever.
      reconnectOnConnackError: true,
      outgoingStore: createNoStore(),
      queueQoSZero: false,
      writeCache: false,
    };
    this.#prepareAttempt(options);
    return options;
  }

  #prepareAttempt(options: IClientOptions): void {
    // MQTT.js has a fixed period, and after some failures sets its timer before the old socket has closed; when that
    // timer is faster than the close, it ends up with two connections or with none. So it has no period until `close`.
    options.reconnectPeriod = 0;
    // The will is read at every attempt.
    const will = makeLastWill(this.#options.will, (fault) => this.#events?.fault(fault));
    if (will) options.will = mqttWill(will);
    else delete options.will;
    this.#reason = undefined;
  }

  #nextDelayMs(): number {
    const { random = Math.random, reconnectMinDelayMs, reconnectMaxDelayMs } = this.#options;
    const delayMs = backoffDelayMs(this.#failures, random(), {
      ...(reconnectMinDelayMs === undefined ? {} : { minDelayMs: reconnectMinDelayMs }),
      ...(reconnectMaxDelayMs === undefined ? {} : { maxDelayMs: reconnectMaxDelayMs }),
    });
    this.#failures += 1;
    // 0 would mean: never again.
    return Math.max(1, delayMs);
  }

  #connected(client: MqttClient, { properties }: IConnackPacket, events: LinkEvents): void {
    // The event comes some ticks after the packet, and the connection may be gone by now.
    if (!client.connected) return;
    this.#connectedAtMs = performance.now();
    this.#reason = undefined;
    this.#reportedReason = undefined;
    this.#dropped = false;
    events.connected({
      receiveMaximum: properties?.receiveMaximum ?? 65_535,
      maxPacketBytes: properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    });
  }

  #failed(client: MqttClient, error: Error): void {
    this.#reason ??= describeError(error);
    const code: unknown = 'code' in error ? error.code : undefined;
    if (client.connected || !unknownVersionCodes.includes(code)) return;
    if (this.#version === 4 || this.#options.protocolVersion !== undefined) return;
    // MQTT.js can't change its version, so this needs another client; subscriptions and outbox are not in there.
    this.#version = 4;
    client.end(true);
    this.#connect();
  }

  #disconnectReceived(reasonCode: number | undefined): void {
    this.#reason =
      reasonCode === sessionTakenOver
        ? `another client has taken over the client id ${JSON.stringify(this.#options.clientId)}`
        : `the broker sent DISCONNECT with reason ${reasonCode ?? 0}`;
  }

  #closed(client: MqttClient, events: LinkEvents): void {
    const connectedAtMs = this.#connectedAtMs;
    this.#connectedAtMs = undefined;
    const durationMs = connectedAtMs === undefined ? 0 : performance.now() - connectedAtMs;
    if (durationMs >= stableAfterMs) this.#failures = 0;
    client.options.reconnectPeriod = this.#nextDelayMs();
    if (connectedAtMs === undefined) this.#attemptFailed(events);
    else this.#connectionLost(client, events, durationMs);
  }

  #connectionLost(client: MqttClient, events: LinkEvents, durationMs: number): void {
    const wasSending = Object.keys(client.outgoing).length > 0;
    const reason = this.#reason ?? 'closed by the broker or the network';
    const hint = this.#dropped || wasSending ? '' : this.#shortSessions.ended(durationMs);
    events.fault({ kind: 'connection_lost', message: `connection to ${this.#address.display} lost: ${reason}${hint}` });
    events.lost(!this.#dropped);
    takeBackOutgoing(client);
    this.#attempt = 0;
    events.connecting(0, reason);
  }

  #attemptFailed(events: LinkEvents): void {
    const reason = this.#reason ?? 'closed before the broker answered';
    this.#attempt += 1;
    // An outage of an hour is told once, not at every attempt.
    if (reason !== this.#reportedReason) {
      events.fault({ kind: 'connection_refused', message: `can't connect to ${this.#address.display}: ${reason}` });
    }
    this.#reportedReason = reason;
    events.connecting(this.#attempt, reason);
  }

  /**
   * A broker that leaves Nagle's algorithm on holds the retained message back until its SUBACK is acknowledged, which
   * our system delays by 40 ms. Any packet carries that acknowledgement; one for all answers of a moment is enough.
   */
  #flushBroker(client: MqttClient): void {
    if (this.#pingDue) return;
    this.#pingDue = true;
    setImmediate(() => {
      this.#pingDue = false;
      if (client.connected && !client.disconnecting) client.sendPing();
    });
  }
}

/** Makes MQTT.js forget what waits for an answer; each callback is called with an error, at once. */
function takeBackOutgoing(client: MqttClient): void {
  for (const id of Object.keys(client.outgoing)) client.removeOutgoingMessage(Number(id));
}

function mqttWill({ topic, payload, qos, retain }: LastWill): NonNullable<IClientOptions['will']> {
  return { topic, payload: typeof payload === 'string' ? Buffer.from(payload) : asBuffer(payload), qos, retain };
}

function mqttProperties(from: MessageProperties): NonNullable<IClientPublishOptions['properties']> {
  return {
    ...(from.contentType === undefined ? {} : { contentType: from.contentType }),
    ...(from.responseTopic === undefined ? {} : { responseTopic: from.responseTopic }),
    ...(from.correlationData === undefined ? {} : { correlationData: Buffer.from(from.correlationData) }),
    ...(from.messageExpirySeconds === undefined ? {} : { messageExpiryInterval: from.messageExpirySeconds }),
    ...(from.user === undefined ? {} : { userProperties: { ...from.user } }),
  };
}

/** The same bytes; MQTT.js measures and writes anything but a Buffer as text. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
