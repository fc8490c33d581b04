import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { BusFault } from '@setpoint/bus';
import { createMqttBus, type MqttBus, type MqttBusOptions } from '@setpoint/bus/mqtt';
import { type AedesHarness, type AedesHooks, openAedes } from '@setpoint/test-support/brokers/aedes';
import { connectTo } from '@setpoint/test-support/brokers/over-socket';
import { hear, reached, session } from '@setpoint/test-support/heard';
import { agree, openScriptedBroker, type Script, type ScriptedBroker } from '@setpoint/test-support/scripted-broker';
import { openTcpProxy, type TcpProxy } from '@setpoint/testing/tcp-proxy';
import { afterEach, describe, expect, it } from 'vitest';

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function scripted(script: Script): Promise<ScriptedBroker> {
  const broker = await openScriptedBroker(script);
  endings.push(() => broker.close());
  return broker;
}

async function aedes(hooks?: AedesHooks): Promise<AedesHarness> {
  const broker = await openAedes(hooks);
  endings.push(() => broker.close());
  return broker;
}

async function proxy(brokerUrl: string): Promise<TcpProxy> {
  const opened = await openTcpProxy(brokerUrl);
  endings.push(() => opened.close());
  return opened;
}

function create(url: string, options: Partial<MqttBusOptions> = {}): { bus: MqttBus; faults: BusFault[] } {
  const faults: BusFault[] = [];
  const bus = connectTo(url, { onFault: (fault) => faults.push(fault), ...options });
  endings.push(() => bus.stop());
  return { bus, faults };
}

async function connect(url: string, options?: Partial<MqttBusOptions>): Promise<{ bus: MqttBus; faults: BusFault[] }> {
  const created = create(url, options);
  await created.bus.start();
  return created;
}

/** What came over one connection, as `command topic`. */
function packetsOf(broker: ScriptedBroker, connection: number): string[] {
  return broker.received
    .filter((received) => received.connection === connection)
    .map(({ packet }) => {
      if (packet.cmd === 'publish') return `publish ${packet.topic}`;
      if (packet.cmd === 'subscribe') return `subscribe ${packet.subscriptions.map(({ topic }) => topic).join(' ')}`;
      return packet.cmd;
    });
}

describe('connecting', () => {
  it('goes on after a refused CONNACK until the broker accepts', async () => {
    const broker = await scripted((packet, client) => {
      if (packet.cmd === 'connect' && client.connection <= 3) {
        client.send({ cmd: 'connack', sessionPresent: false, reasonCode: 0x89 });
      } else agree(packet, client);
    });
    const { bus, faults } = await connect(broker.url);
    expect(broker.connects).toHaveLength(4);
    expect(bus.status).toEqual({ kind: 'connected', session: 1 });
    // Told once, not three times.
    expect(faults).toEqual([
      {
        kind: 'connection_refused',
        message: `can't connect to ${broker.url}: Connection refused: Server busy`,
      },
    ]);
  });

  it('goes on after a broker that does not answer', async () => {
    const broker = await scripted((packet, client) => {
      if (client.connection > 1) agree(packet, client);
    });
    const { bus, faults } = await connect(broker.url, { connectTimeoutMs: 50 });
    expect(bus.status.kind).toBe('connected');
    expect(faults[0]?.message).toContain('connack timeout');
  });

  it('falls back to MQTT 3.1.1 for good, and loses nothing on the way', async () => {
    const broker = await aedes();
    const { bus } = create(broker.url);
    const heard = hear(bus, 'a');
    const sent = bus.publish('kept', 'early', { retain: true });
    await bus.start();
    expect(bus.client?.options.protocolVersion).toBe(4);
    await Promise.all([heard.subscription.ready, sent]);
    await bus.publish('a', 'hello');
    expect(await heard.next()).toBe('hello');
    expect(await hear(bus, 'kept').next()).toBe('early');
    const reconnected = session(bus, 2);
    bus.reconnect('once more');
    await reconnected;
    await bus.publish('a', 'again');
    expect(await heard.next()).toBe('again');
  });

  it.each([1, 0x84])('tries MQTT 5 once and stays at 3.1.1 when that is answered by code %s', async (code) => {
    const broker = await scripted((packet, client) => {
      if (packet.cmd === 'connect' && client.version === 5) {
        client.send({ cmd: 'connack', sessionPresent: false, reasonCode: code });
      } else agree(packet, client);
    });
    const { bus, faults } = await connect(broker.url);
    const reconnected = session(bus, 2);
    bus.reconnect('look at the version');
    await reconnected;
    expect(broker.connects.map(({ protocolVersion }) => protocolVersion)).toEqual([5, 4, 4]);
    expect(faults.filter(({ kind }) => kind === 'connection_refused')).toEqual([]);
  });

  it('keeps to the configured protocol version', async () => {
    const broker = await aedes();
    const { bus } = create(broker.url, { protocolVersion: 5 });
    void bus.start().catch(() => {});
    const status = await reached(bus, (now) => now.kind === 'connecting' && now.attempt === 2);
    expect(status).toMatchObject({ reason: 'Connection refused: Unacceptable protocol version' });
    const { bus: older } = await connect(broker.url, { protocolVersion: 4 });
    expect(older.client?.options.protocolVersion).toBe(4);
  });

  it('takes user and password from the URL, decoded, and never prints them', async () => {
    const logins: string[] = [];
    const broker = await aedes({
      authenticate: (_client, username, password, done) => {
        logins.push(`${username} ${password?.toString()}`);
        done(null, logins.length > 2);
      },
    });
    const url = broker.url.replace('mqtt://', 'mqtt://ja%40ne:s3cr%3At%2Fw%C3%B6rd@');
    const { bus, faults } = create(url);
    const told: string[] = [];
    bus.onStatus((status) => told.push(JSON.stringify(status)));
    await bus.start();
    expect(logins).toEqual(['ja@ne s3cr:t/wörd', 'ja@ne s3cr:t/wörd', 'ja@ne s3cr:t/wörd']);
    const printed = [...told, ...faults.map(({ message }) => message)].join('\n');
    expect(printed).toContain('Connection refused: Not authorized');
    expect(printed).not.toMatch(/ja.?(%40)?ne|s3cr/);
  });

  it('takes user and password from the options before those of the URL', async () => {
    const broker = await scripted(agree);
    await connect(broker.url.replace('mqtt://', 'mqtt://a:b@'), { username: 'c', password: 'd' });
    expect(broker.connects[0]?.username).toBe('c');
    expect(broker.connects[0]?.password?.toString()).toBe('d');
  });

  it('asks for a clean session with a keepalive of 15 seconds', async () => {
    const broker = await scripted(agree);
    await connect(broker.url);
    expect(broker.connects[0]).toMatchObject({ clean: true, keepalive: 15 });
  });

  it('says that another client took its id over', async () => {
    const broker = await scripted((packet, client) => {
      agree(packet, client);
      if (packet.cmd !== 'connect' || client.connection > 1) return;
      client.send({ cmd: 'disconnect', reasonCode: 0x8e });
      client.hangUp();
    });
    const { bus, faults } = await connect(broker.url, { clientId: 'twin' });
    await session(bus, 2);
    expect(faults[0]?.kind).toBe('connection_lost');
    expect(faults[0]?.message).toContain('another client has taken over the client id "twin"');
  });

  it('suspects another client of the same id where the broker gives no reason', async () => {
    const broker = await aedes();
    const hint = Promise.withResolvers<string>();
    const onFault = ({ message }: BusFault): void => {
      if (message.includes('same client id')) hint.resolve(message);
    };
    await connect(broker.url, { clientId: 'twin', onFault });
    await connect(broker.url, { clientId: 'twin' });
    expect(await hint.promise).toContain('3 connections in a row were this short');
  });
});

describe('subscribing', () => {
  it('sends one SUBSCRIBE for each filter at every connection, before anything else', async () => {
    const broker = await scripted(agree);
    const { bus } = create(broker.url);
    const subscriptions = ['a', 'b/+', 'c/#'].map((filter) => hear(bus, filter).subscription);
    const early = bus.publish('early', 'x');
    await bus.start();
    await Promise.all([...subscriptions.map(({ ready }) => ready), early]);
    const reconnected = session(bus, 2);
    bus.reconnect('look at the packets');
    await reconnected;
    await bus.publish('late', 'x');
    const subscribes = ['connect', 'subscribe a', 'subscribe b/+', 'subscribe c/#'];
    expect(packetsOf(broker, 1).slice(0, 5)).toEqual([...subscribes, 'publish early']);
    expect(packetsOf(broker, 2).filter((packet) => packet !== 'pingreq')).toEqual([...subscribes, 'publish late']);
  });

  it("sends a PINGREQ after the answers, so that a broker with Nagle's algorithm sends the retained message", async () => {
    const pinged = Promise.withResolvers<void>();
    const broker = await scripted((packet, client) => {
      agree(packet, client);
      if (packet.cmd === 'pingreq') pinged.resolve();
    });
    const { bus } = await connect(broker.url);
    await hear(bus, 'a').subscription.ready;
    await pinged.promise;
    expect(packetsOf(broker, 1)).toEqual(['connect', 'subscribe a', 'pingreq']);
  });

  it('keeps the good filters when one among them is denied, and asks for that one again', async () => {
    let allowed = false;
    const broker = await aedes({
      authorizeSubscribe: (_client, asked, done) => done(null, asked.topic === 'secret' && !allowed ? null : asked),
    });
    const { bus, faults } = create(broker.url);
    const [before, secret, after] = [hear(bus, 'a'), hear(bus, 'secret'), hear(bus, 'b')];
    await bus.start();
    await Promise.all([before.subscription.ready, after.subscription.ready]);
    await secret.subscription.refresh();
    expect(secret.subscription.refused).toMatch(/^Subscribe error/);
    expect(faults[0]).toEqual({
      kind: 'subscription_refused',
      message: 'the broker refused the subscription secret: Subscribe error: Unspecified error',
    });
    await bus.publish('a', 'one');
    await bus.publish('b', 'two');
    expect([await before.next(), await after.next()]).toEqual(['one', 'two']);
    allowed = true;
    bus.reconnect('ask again');
    await secret.subscription.ready;
    expect(secret.subscription.refused).toBeUndefined();
  });

  it('leaves out a filter that makes the broker hang up', async () => {
    const broker = await aedes({
      authorizeSubscribe: (_client, asked, done) =>
        asked.topic === 'secret' ? done(new Error('hang up')) : done(null, asked),
    });
    const refused = Promise.withResolvers<string>();
    const onFault = ({ kind, message }: BusFault): void => {
      if (kind === 'subscription_refused') refused.resolve(message);
    };
    const { bus } = create(broker.url, { onFault });
    const [before, secret, after] = [hear(bus, 'a'), hear(bus, 'secret'), hear(bus, 'b')];
    await bus.start();
    expect(await refused.promise).toContain('the subscription secret: the broker closes the connection');
    await Promise.all([before.subscription.ready, after.subscription.ready]);
    expect(secret.subscription.refused).toContain('closes the connection');
    // The connection that comes now stays, and both are live on it.
    await reached(bus, ({ kind }) => kind === 'connected');
    await before.subscription.refresh();
    await after.subscription.refresh();
    await bus.publish('a', 'one');
    await bus.publish('b', 'two');
    expect([await before.next(), await after.next()]).toEqual(['one', 'two']);
  });
});

describe('publishing', () => {
  it('gives up the message that the broker answers by hanging up, and nothing else', async () => {
    const broker = await aedes({
      authorizePublish: (_client, packet, done) => done(packet.topic === 'forbidden' ? new Error('hang up') : null),
    });
    const { bus } = await connect(broker.url);
    const heard = hear(bus, 'open/#');
    await heard.subscription.ready;
    const innocent = [1, 2, 3].map((index) => bus.publish(`open/${index}`, `${index}`));
    const guilty = bus.publish('forbidden', 'x');
    innocent.push(...[4, 5, 6].map((index) => bus.publish(`open/${index}`, `${index}`)));
    await expect(guilty).rejects.toMatchObject({
      code: 'publish_refused',
      message: expect.stringContaining('the connection closed 3 times while this message of 10 bytes was under way'),
    });
    await Promise.all(innocent);
    await bus.publish('open/end', 'end');
    while ((await heard.next()) !== 'end');
    expect(new Set(heard.texts)).toEqual(new Set(['1', '2', '3', '4', '5', '6', 'end']));
  });

  it('resends unacknowledged messages first, in order and one at a time', async () => {
    const broker = await scripted((packet, client) => {
      if (packet.cmd === 'publish' && client.connection === 1) {
        if (packet.topic === 't8') client.hangUp();
      } else agree(packet, client);
    });
    const { bus } = await connect(broker.url);
    await Promise.all(Array.from({ length: 10 }, (_, index) => bus.publish(`t${index + 1}`, 'x')));
    const publishes = (connection: number): string[] =>
      packetsOf(broker, connection).filter((packet) => packet.startsWith('publish'));
    const first = ['t1', 't2', 't3', 't4', 't5', 't6', 't7', 't8'].map((topic) => `publish ${topic}`);
    expect(publishes(1)).toEqual(first);
    expect(publishes(2)).toEqual([...first, 'publish t9', 'publish t10']);
  });

  it('hands nothing to MQTT.js while there is no connection', async () => {
    const broker = await scripted(agree);
    const { bus } = await connect(broker.url);
    await broker.close();
    await reached(bus, ({ kind }) => kind === 'reconnecting');
    const waiting = Promise.allSettled([bus.publish('a', 'x'), bus.publish('b', 'x')]);
    hear(bus, 'c');
    expect(bus.client?.queue).toEqual([]);
    expect(bus.client?.outgoing).toEqual({});
    await bus.stop();
    expect(await waiting).toMatchObject([{ reason: { code: 'stopped' } }, { reason: { code: 'stopped' } }]);
  });

  it.each([
    { announced: undefined, expected: 8 },
    { announced: 3, expected: 3 },
    { announced: 100, expected: 8 },
  ])('has at most $expected unacknowledged where the broker announces $announced', async ({ announced, expected }) => {
    const held: number[] = [];
    let most = 0;
    const broker = await scripted((packet, client) => {
      if (packet.cmd === 'connect') {
        const properties = announced === undefined ? {} : { receiveMaximum: announced };
        client.send({ cmd: 'connack', sessionPresent: false, reasonCode: 0, properties });
      } else if (packet.cmd === 'publish' && packet.qos === 1) {
        held.push(packet.messageId ?? 0);
        most = Math.max(most, held.length);
        // Answers only when nothing more can come: after the QoS 0 message that was sent behind all of them.
      } else if (packet.cmd === 'publish') {
        for (const messageId of held.splice(0)) client.send({ cmd: 'puback', messageId, reasonCode: 0 });
      } else agree(packet, client);
    });
    const { bus } = await connect(broker.url);
    let open = 20;
    const sent = Array.from({ length: open }, () => bus.publish('a', 'x').then(() => (open -= 1)));
    while (open > 0) {
      await bus.publish('answer', 'x', { qos: 0 });
      await Promise.race(sent.splice(0, Math.max(1, sent.length - open)));
    }
    expect(most).toBe(expected);
  });

  it('says what the broker said when it refuses a message', async () => {
    const broker = await scripted((packet, client) => {
      if (packet.cmd === 'publish' && packet.topic === 'forbidden') {
        client.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 135 });
      } else agree(packet, client);
    });
    const { bus } = await connect(broker.url);
    await expect(bus.publish('forbidden', 'x')).rejects.toMatchObject({
      code: 'publish_refused',
      message: 'forbidden: the broker refused the message: Publish error: Not authorized',
    });
    await bus.publish('allowed', 'x');
    expect(broker.connects).toHaveLength(1);
  });

  it("refuses a message over the broker's announced packet size without sending it", async () => {
    const broker = await scripted((packet, client) => {
      if (packet.cmd !== 'connect') return agree(packet, client);
      return client.send({
        cmd: 'connack',
        sessionPresent: false,
        reasonCode: 0,
        properties: { maximumPacketSize: 1000 },
      });
    });
    const { bus } = create(broker.url);
    const waited = expect(bus.publish('a', 'x'.repeat(1000))).rejects.toMatchObject({ code: 'message_too_large' });
    await bus.start();
    await waited;
    await expect(bus.publish('a', 'x'.repeat(1000))).rejects.toMatchObject({
      code: 'message_too_large',
      message: expect.stringContaining("the broker's maximum packet size"),
    });
    await bus.publish('a', 'x'.repeat(900));
    expect(packetsOf(broker, 1)).toEqual(['connect', 'publish a']);
  });

  it('carries MQTT 5 properties to a broker that knows them, and leaves them out for one that does not', async () => {
    const broker = await scripted(agree);
    const properties = {
      contentType: 'application/json',
      responseTopic: 'answer/here',
      correlationData: 'c-1',
      messageExpirySeconds: 60,
      user: { traceparent: '00-1-2-01' },
    };
    const { bus } = await connect(broker.url);
    await bus.publish('a', 'x', { properties });
    const { bus: older } = await connect(broker.url, { protocolVersion: 4 });
    await older.publish('b', 'x', { properties });
    const published = broker.received.flatMap(({ packet }) => (packet.cmd === 'publish' ? [packet] : []));
    expect(published[0]?.properties).toMatchObject({
      contentType: 'application/json',
      responseTopic: 'answer/here',
      correlationData: Buffer.from('c-1'),
      messageExpiryInterval: 60,
      userProperties: { traceparent: '00-1-2-01' },
    });
    expect(published[1]?.properties).toBeUndefined();
  });

  it('lets no unacknowledged message live longer than its deadline, and drops a connection that answers none', async () => {
    const broker = await scripted((packet, client) => {
      if (packet.cmd !== 'publish' || client.connection > 1) agree(packet, client);
    });
    const { bus, faults } = await connect(broker.url, { publishTimeoutMs: 50 });
    const sent = Array.from({ length: 8 }, () => bus.publish('a', 'x'));
    const ends = await Promise.allSettled(sent);
    expect(ends.map((end) => end.status === 'rejected' && end.reason.code)).toEqual(Array(8).fill('publish_timeout'));
    await session(bus, 2);
    expect(faults[0]?.message).toContain('no publish was acknowledged for 50 ms');
    await bus.publish('b', 'x');
    expect(packetsOf(broker, 2)).toEqual(['connect', 'publish b']);
  });
});

describe('a half-open connection', () => {
  it('is noticed by the keepalive, and everything works after the reconnect', async () => {
    const broker = await aedes();
    const wire = await proxy(broker.url);
    const { bus, faults } = await connect(wire.url, { keepaliveSeconds: 1 });
    const heard = hear(bus, 'a');
    await heard.subscription.ready;
    wire.freeze();
    const sent = bus.publish('a', 'over the gap');
    await reached(bus, ({ kind }) => kind === 'reconnecting');
    expect(faults[0]?.message).toContain('Keepalive timeout');
    wire.cut();
    wire.thaw();
    await sent;
    expect(await heard.next()).toBe('over the gap');
  });

  it('is followed by a connection that subscribes before it resends', async () => {
    const broker = await scripted((packet, client) => {
      const isDeaf = client.connection === 1 && (packet.cmd === 'publish' || packet.cmd === 'pingreq');
      if (!isDeaf) agree(packet, client);
    });
    const { bus } = await connect(broker.url, { keepaliveSeconds: 1 });
    await hear(bus, 'a').subscription.ready;
    await bus.publish('b', 'x');
    expect(packetsOf(broker, 2)).toEqual(['connect', 'subscribe a', 'publish b']);
  });

  it('does not delay a stop', async () => {
    const broker = await aedes();
    const wire = await proxy(broker.url);
    const { bus } = await connect(wire.url);
    wire.freeze();
    const lost = expect(bus.publish('a', 'x')).rejects.toMatchObject({ code: 'stopped' });
    await bus.stop({ drainTimeoutMs: 50 });
    await lost;
    expect(bus.status).toEqual({ kind: 'closed' });
    expect(bus.client?.stream.destroyed).toBe(true);
  });

  it('is dropped at once by an abrupt stop, also while a graceful stop waits', async () => {
    const broker = await aedes();
    const wire = await proxy(broker.url);
    const { bus } = await connect(wire.url);
    wire.freeze();
    const lost = expect(bus.publish('a', 'x')).rejects.toMatchObject({ code: 'stopped' });
    const patient = bus.stop({ drainTimeoutMs: 600_000 });
    await bus.stop({ abrupt: true });
    await Promise.all([patient, lost]);
  });
});

describe('a wire that loses one message', () => {
  it('still has the retained copy for a subscription that is refreshed', async () => {
    const broker = await aedes();
    const wire = await proxy(broker.url);
    const { bus: publisher } = await connect(broker.url);
    const { bus: subscriber } = await connect(wire.url);
    const heard = hear(subscriber, 'kept');
    await heard.subscription.ready;
    const lost = Promise.withResolvers<void>();
    wire.dropToClients((packet) => {
      if (packet.cmd !== 'publish') return false;
      lost.resolve();
      return true;
    });
    await publisher.publish('kept', 'v1', { retain: true });
    await lost.promise;
    wire.dropToClients(undefined);
    expect(heard.texts).toEqual([]);
    await heard.subscription.refresh();
    expect(await heard.next()).toBe('v1');
  });
});

describe('a process', () => {
  it('ends by itself once its buses are stopped, whatever state they were in', async () => {
    const broker = await aedes();
    const script = `
      const { createMqttBus } = await import(${JSON.stringify(import.meta.resolve('@setpoint/bus/mqtt'))});
      const create = (url, clientId) => createMqttBus({ url, clientId });
      const [graceful, abrupt, down] = [create('${broker.url}', 'a'), create('${broker.url}', 'b'), create('mqtt://127.0.0.1:1', 'c')];
      void down.start().catch(() => {});
      await Promise.all([graceful.start(), abrupt.start()]);
      await graceful.subscribe('a', () => {}).ready;
      await Promise.all([graceful.publish('a', 'x'), abrupt.publish('a', 'x')]);
      void abrupt.publish('a', 'x').catch(() => {});
      await Promise.all([graceful.stop(), abrupt.stop({ abrupt: true }), down.stop()]);
      console.log('stopped');
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      timeout: 20_000,
    });
    expect(stdout).toBe('stopped\n');
  });
});

describe('a bus that was never started', () => {
  it('has no client and leaves nothing behind', async () => {
    const bus = createMqttBus({ url: 'mqtt://127.0.0.1:1', clientId: 'idle' });
    expect(bus.client).toBeUndefined();
    await bus.stop();
    expect(bus.client).toBeUndefined();
  });
});
