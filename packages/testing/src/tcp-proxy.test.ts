import { once } from 'node:events';
import { connect as dial } from 'node:net';
import { type AedesHarness, openAedes } from '@setpoint/test-support/brokers/aedes';
import { hear, session } from '@setpoint/test-support/heard';
import { generate } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts';

let broker: AedesHarness;

beforeAll(async () => {
  broker = await openAedes();
});

afterAll(() => broker.close());

async function open() {
  const stack = new AsyncDisposableStack();
  const wire: TcpProxy = stack.use(await openTcpProxy(broker.url));
  const bus = broker.connect({ url: wire.url });
  stack.defer(() => bus.stop());
  await bus.start();
  const topic = `t${wire.port}`;
  const heard = hear(bus, topic);
  await heard.subscription.ready;
  return { wire, bus, topic, heard, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const connectPacket = generate({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clean: true,
  clientId: 'raw',
});

describe('a TCP proxy', () => {
  it('carries bytes both ways, and counts its connections', async () => {
    await using on = await open();
    await on.bus.publish(on.topic, 'x'.repeat(200_000));
    expect(await on.heard.next()).toHaveLength(200_000);
    expect(on.wire.accepted).toBeGreaterThanOrEqual(1);
  });

  it.each(['cut', 'reset'] as const)('ends connections: %s', async (how) => {
    await using on = await open();
    const before = on.wire.accepted;
    on.wire[how]();
    await session(on.bus, 2);
    await on.bus.publish(on.topic, 'again');
    expect(on.wire.accepted).toBeGreaterThan(before);
  });

  it('delays in both directions and keeps the order', async () => {
    await using on = await open();
    on.wire.delay(60);
    const beginMs = performance.now();
    await Promise.all(['a', 'b', 'c'].map((text) => on.bus.publish(on.topic, text)));
    expect(performance.now() - beginMs).toBeGreaterThanOrEqual(119);
    expect([await on.heard.next(), await on.heard.next(), await on.heard.next()]).toEqual(['a', 'b', 'c']);
    on.wire.delay(0);
    await on.bus.publish(on.topic, 'd');
    expect(await on.heard.next()).toBe('d');
  });

  it('limits the bytes a second', async () => {
    await using on = await open();
    on.wire.throttle(100_000);
    const beginMs = performance.now();
    await on.bus.publish(on.topic, 'x'.repeat(10_000));
    expect(performance.now() - beginMs).toBeGreaterThanOrEqual(99);
    on.wire.throttle(undefined);
    await on.bus.publish(on.topic, 'fast');
  });

  it('is half-open while it is frozen', async () => {
    await using on = await open();
    on.wire.freeze();
    let isAcknowledged = false;
    const sent = on.bus.publish(on.topic, 'held').then(() => {
      isAcknowledged = true;
    });
    const before = on.wire.accepted;
    const late = dial({ host: '127.0.0.1', port: on.wire.port });
    await once(late, 'connect');
    expect({ isAcknowledged, accepted: on.wire.accepted - before }).toEqual({ isAcknowledged: false, accepted: 1 });
    on.wire.thaw();
    await sent;
    expect(await on.heard.next()).toBe('held');
    late.destroy();
  });

  it('refuses new connections and keeps the present ones', async () => {
    await using on = await open();
    on.wire.refuse();
    const refused = dial({ host: '127.0.0.1', port: on.wire.port }).on('error', () => undefined);
    refused.write(connectPacket);
    await new Promise((resolve) => refused.once('close', resolve));
    await on.bus.publish(on.topic, 'still here');
    on.wire.accept();
    const accepted = dial({ host: '127.0.0.1', port: on.wire.port });
    accepted.write(connectPacket);
    await once(accepted, 'data');
    accepted.destroy();
  });

  it('refuses impossible options, and says what to call instead', async () => {
    await using on = await open();
    for (const bytes of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '10' as never]) {
      expect(() => on.wire.throttle(bytes)).toThrow(
        `throttle takes 1 or more bytes a second, or undefined for no limit, and was given ${bytes}; freeze() stops all`,
      );
    }
    for (const ms of [-1, Number.NaN, 2_147_483_648, '10' as never]) {
      expect(() => on.wire.delay(ms)).toThrow(`delay takes 0 to 2147483647 milliseconds, and was given ${ms}`);
    }
    await on.bus.publish(on.topic, 'as before');
    expect(await on.heard.next()).toBe('as before');
  });

  it.each([
    ['http://a', 'http://a: a TCP proxy stands before a broker at mqtt://host:port; this is http:'],
    [
      'mqtts://a',
      'mqtts://a: a TCP proxy stands before a broker at mqtt://host:port; through TLS it can not see packets',
    ],
    ['mqtt://', 'mqtt://: a TCP proxy stands before a broker at mqtt://host:port; there is no host'],
    ['nowhere', 'nowhere: a TCP proxy stands before a broker at mqtt://host:port; this is no URL'],
    [
      'wss://u:secret@a',
      'wss://a: a TCP proxy stands before a broker at mqtt://host:port; through TLS it can not see packets',
    ],
  ])('does not stand before %s', async (url, message) => {
    await expect(openTcpProxy(url)).rejects.toThrow(expect.objectContaining({ code: 'options_invalid', message }));
  });

  it('loses single packets on their way to a client', async () => {
    await using on = await open();
    on.wire.dropToClients((packet) => packet.cmd === 'publish' && String(packet.payload) === 'lost');
    await on.bus.publish(on.topic, 'lost', { qos: 0 });
    await on.bus.publish(on.topic, 'found', { qos: 0 });
    expect(await on.heard.next()).toBe('found');
    on.wire.dropToClients(undefined);
    await on.wire.close();
    await on.wire.close();
  });
});
