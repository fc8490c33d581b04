import mqtt, { type IClientOptions, type IClientPublishOptions, type IConnackPacket, type MqttClient } from 'mqtt';
import { createDialer } from '#mqtt/dialer';
import { keepaliveTimer } from '#mqtt/keepalive-timer';
import { asBuffer, toUtf8 } from '#runtime/bytes';
import type { LastWill, MessageProperties, QoS } from '../bus.ts';
import { describeError } from '../bus-error.ts';
import { backoffDelayMs } from '../session/backoff.ts';
import type { Link, LinkEvents, LinkMessage } from '../session/link.ts';
import { makeLastWill } from '../session/options.ts';
import { ShortSessions } from '../session/short-sessions.ts';
import { BrokerOrder } from './broker-order.ts';
import type { BrokerAddress } from './broker-url.ts';
import { type Broker, resolveBrokers } from './brokers.ts';
import type { MqttBusOptions } from './mqtt-options.ts';
import { createNoStore } from './no-store.ts';

/** A connection that held this long makes the next loss a first one. */
const stableAfterMs = 10_000;

// CONNACK codes for "I don't know this protocol version": MQTT 3.1.1 3.2.2.3 and MQTT 5 3.2.2.2.
const unknownVersionCodes: readonly unknown[] = [1, 0x84];
const sessionTakenOver = 0x8e;

interface Dialled {
  readonly address: BrokerAddress;
  readonly dial: ReturnType<typeof createDialer>;
}

/**
 * One connection to a broker by MQTT.js, which does packets, keepalive and reconnecting. Its faults are worked around
 * here; each workaround says what it is for.
 */
export class MqttLink implements Link {
  readonly #options: MqttBusOptions;
  readonly #brokers: readonly [Dialled, ...Dialled[]];
  readonly #order: BrokerOrder;
  readonly #shortSessions = new ShortSessions();
  #events: LinkEvents | undefined;
  #client: MqttClient | undefined;
  #version: 4 | 5;
  /** Index into the backoff of the next delay. */
  #failures = 0;
  /** Counts from 0 since the last connection. */
  #attempt = 0;
  #connectedAtMs: number | undefined;
  /** Why the present connection or attempt ended, as far as is known. */
  #reason: string | undefined;
  /** The last reason reported for each broker in this outage. */
  readonly #reportedReasons = new Map<string, string>();
  #dropped = false;
  #pingDue = false;
  /** Called when anything comes from the broker. */
  #probes: (() => void)[] = [];
  #isGathering = false;
  #isHeldBack = false;
  /** The message that came first while held back, and what makes MQTT.js go on with the next packet. */
  #held: (() => void) | undefined;
  #goOn: (() => void) | undefined;

  /** @throws BusError `url_invalid`, `tls_invalid` */
  constructor(options: MqttBusOptions) {
    this.#options = options;
    const [first, ...others] = resolveBrokers(options);
    const dialled = ({ address, tls }: Broker): Dialled => ({ address, dial: createDialer(address, tls) });
    this.#brokers = [dialled(first), ...others.map(dialled)];
    this.#order = new BrokerOrder(this.#brokers.length);
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
      // Without a reason code the broker has not answered: the connection was closed, or the message taken back.
      else if ('code' in error && typeof error.code === 'number') done(error);
    });
  }

  subscribe(filter: string, qos: QoS, done: (refused: string | undefined) => void): void {
    const client = this.#client;
    client?.subscribe(filter, { qos }, (error) => {
      if (error === null) done(undefined);
      // Without the broker's packet the broker has not answered: the connection was closed, or the request taken back.
      else if ('packet' in error && error.packet) done(describeError(error));
      else return;
      this.#flushBroker(client);
    });
  }

  unsubscribe(filter: string, done: () => void): void {
    this.#client?.unsubscribe(filter, done);
  }

  probe(done: () => void): void {
    this.#probes.push(done);
    this.#client?.sendPing();
  }

  holdBack(isHeld: boolean): void {
    this.#isHeldBack = isHeld;
    if (isHeld) return;
    const held = this.#held;
    this.#held = undefined;
    held?.();
    // The handler of that message may have held back again.
    if (this.#isHeldBack) return;
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
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
    // A socket that is not read doesn't notice that it is closed.
    this.holdBack(false);
    // A graceful `end` waits for every acknowledgement, and a second, forced `end` does nothing at all.
    takeBackOutgoing(client);
    client.end(abrupt || !client.connected);
    const timer = setTimeout(() => stream.destroy(), timeoutMs);
    await closed;
    clearTimeout(timer);
  }

  /** The broker that is being tried, or that is connected to. */
  get #broker(): Dialled {
    return this.#brokers[this.#order.index] ?? this.#brokers[0];
  }

  #connect(): void {
    const client = new mqtt.MqttClient((dialling) => this.#dial(dialling), this.#clientOptions());
    this.#client = client;
    const ours = (listener: (events: LinkEvents) => void): void => {
      if (this.#client === client && this.#events) listener(this.#events);
    };
    client.on('error', (error) => ours(() => this.#failed(client, error)));
    client.on('connect', (connack) => ours((events) => this.#connected(client, connack, events)));
    client.on('disconnect', ({ reasonCode }) => ours(() => this.#disconnectReceived(reasonCode)));
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'publish' && packet.qos === 1) this.#gatherWrites(client.stream);
      ours(() => this.#answerProbes());
    });
    client.on('reconnect', () => ours(() => this.#prepareAttempt(client.options)));
    client.on('message', (topic, payload, { retain }) => {
      // An error thrown here would end the process, or stop all messages until the keepalive times out.
      const tell = (): void => ours((events) => events.message({ topic, payload, retained: retain }));
      if (this.#isHeldBack) this.#held = tell;
      else tell();
    });
    // MQTT.js reads no further packet until `done` is called, and the socket nothing more when it has one in hand.
    client.handleMessage = (_packet, done) => {
      if (this.#isHeldBack && this.#client === client) this.#goOn = done;
      else done();
    };
    // Before MQTT.js' own listener, which sets the timer for the next attempt.
    client.prependListener('close', () => ours((events) => this.#closed(client, events)));
  }

  #dial(client: MqttClient): MqttClient['stream'] {
    const stream = this.#broker.dial(client);
    // MQTT.js reports only errors with a code, which errors of a WebSocket's handshake don't have.
    stream.on('error', (error: Error) => {
      if (this.#client?.stream === stream) this.#reason ??= describeError(error);
    });
    return stream;
  }

  /**
   * Collects what is written while the packets of one read are handled, and writes it at once: MQTT.js makes one system
   * call for each acknowledgement, which takes longer than everything else about a message.
   */
  #gatherWrites(stream: MqttClient['stream']): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    stream.cork();
    // MQTT.js goes from packet to packet by `nextTick`; microtasks run when no packet is left.
    queueMicrotask(() => {
      this.#isGathering = false;
      stream.uncork();
    });
  }

  #answerProbes(): void {
    if (this.#probes.length === 0) return;
    for (const done of this.#probes.splice(0)) done();
  }

  #clientOptions(): IClientOptions {
    const { clientId, keepaliveSeconds = 15, connectTimeoutMs = 5000 } = this.#options;
    const options: IClientOptions = {
      protocolVersion: this.#version,
      clientId,
      keepalive: keepaliveSeconds,
      timerVariant: keepaliveTimer,
      connectTimeout: connectTimeoutMs,
      // A persistent session gets no retained messages again and resumes at an old queue.
      clean: true,
      // MQTT.js gives up every filter of a packet when one is denied; the subscriber doesn't.
      resubscribe: false,
      // Without it, one refused CONNACK (broker busy, login not ready) ends reconnecting for ever.
      reconnectOnConnackError: true,
      outgoingStore: createNoStore(),
      queueQoSZero: false,
      writeCache: false,
      ...quiet,
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
    // So are user and password, which may differ from broker to broker.
    const { address } = this.#broker;
    const username = this.#options.username ?? address.username;
    const password = this.#options.password ?? address.password;
    if (username === undefined) delete options.username;
    else options.username = username;
    if (password === undefined) delete options.password;
    else options.password = password;
    this.#reason = undefined;
  }

  #nextDelayMs(): number {
    const { random = Math.random, reconnectMinDelayMs, reconnectMaxDelayMs } = this.#options;
    // A broker that is down must not delay the attempt at the next one.
    const round = Math.floor(this.#failures / this.#brokers.length);
    const delayMs = backoffDelayMs(round, random(), {
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
    this.#reportedReasons.clear();
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
        ? `another client has taken over the client id ${JSON.stringify(this.#options.clientId)}; give each process its own`
        : `the broker sent DISCONNECT with reason ${reasonCode ?? 0}`;
  }

  #closed(client: MqttClient, events: LinkEvents): void {
    const connectedAtMs = this.#connectedAtMs;
    this.#connectedAtMs = undefined;
    const durationMs = connectedAtMs === undefined ? 0 : performance.now() - connectedAtMs;
    const wasStable = durationMs >= stableAfterMs;
    if (wasStable) this.#failures = 0;
    client.options.reconnectPeriod = this.#nextDelayMs();
    const { display } = this.#broker.address;
    // A broker that was left because it was silent is not preferred, however long the connection held.
    this.#order.ended(wasStable && !this.#dropped);
    this.#probes = [];
    // Kept, it would acknowledge a message on the next connection.
    this.#held = undefined;
    this.#goOn = undefined;
    if (connectedAtMs === undefined) this.#attemptFailed(display, events);
    else this.#connectionLost(client, display, events, durationMs);
  }

  #connectionLost(client: MqttClient, display: string, events: LinkEvents, durationMs: number): void {
    const wasSending = Object.keys(client.outgoing).length > 0;
    const reason = this.#reason ?? 'closed by the broker or the network';
    const hint = this.#dropped || wasSending ? '' : this.#shortSessions.ended(durationMs);
    events.fault({ kind: 'connection_lost', message: `connection to ${display} lost: ${reason}${hint}` });
    events.lost(!this.#dropped);
    takeBackOutgoing(client);
    this.#attempt = 0;
    events.connecting(0, reason);
  }

  #attemptFailed(display: string, events: LinkEvents): void {
    const reason = this.#reason ?? 'closed before the broker answered';
    this.#attempt += 1;
    // A long outage is reported once, not at every attempt.
    if (reason !== this.#reportedReasons.get(display)) {
      events.fault({ kind: 'connection_refused', message: `can't connect to ${display}: ${reason}` });
    }
    this.#reportedReasons.set(display, reason);
    events.connecting(this.#attempt, reason);
  }

  /**
   * A broker with Nagle's algorithm on holds the retained message back until its SUBACK is acknowledged, which the
   * operating system delays by 40 ms. Any packet carries that acknowledgement; one ping for several answers is enough.
   */
  #flushBroker(client: MqttClient): void {
    if (this.#pingDue) return;
    this.#pingDue = true;
    soon(() => {
      this.#pingDue = false;
      if (client.connected && !client.disconnecting) client.sendPing();
    });
  }
}

/** MQTT.js asks at every step of every packet whether `DEBUG` traces it, which costs measurable time. */
const quiet: Pick<IClientOptions, 'log'> =
  typeof process === 'undefined' || process.env.DEBUG === undefined ? { log: () => {} } : {};

/** Makes MQTT.js forget what waits for an answer; each callback is called with an error, at once. */
function takeBackOutgoing(client: MqttClient): void {
  for (const id of Object.keys(client.outgoing)) client.removeOutgoingMessage(Number(id));
}

function mqttWill({ topic, payload, qos, retain }: LastWill): NonNullable<IClientOptions['will']> {
  return { topic, payload: asBuffer(typeof payload === 'string' ? toUtf8(payload) : payload), qos, retain };
}

function mqttProperties(from: MessageProperties): NonNullable<IClientPublishOptions['properties']> {
  return {
    ...(from.contentType === undefined ? {} : { contentType: from.contentType }),
    ...(from.responseTopic === undefined ? {} : { responseTopic: from.responseTopic }),
    ...(from.correlationData === undefined ? {} : { correlationData: asBuffer(toUtf8(from.correlationData)) }),
    ...(from.messageExpirySeconds === undefined ? {} : { messageExpiryInterval: from.messageExpirySeconds }),
    ...(from.user === undefined ? {} : { userProperties: { ...from.user } }),
  };
}

/** Calls `work` after the present event; browsers have no `setImmediate`. */
const soon: (work: () => void) => void =
  typeof setImmediate === 'function' ? (work) => setImmediate(work) : (work) => setTimeout(work, 0);
