import type { BusFault } from '@setpoint/bus';
import type { MqttBus, MqttBusOptions } from '@setpoint/bus/mqtt';
import { openWebSocketBroker } from '@setpoint/test-support/brokers/aedes-websocket';
import { connectTo } from '@setpoint/test-support/brokers/over-socket';
import { freePort } from '@setpoint/test-support/free-port';
import { hear, reached, session } from '@setpoint/test-support/heard';
import { testCertificate } from '@setpoint/test-support/tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

function create(url: string, options: Partial<MqttBusOptions> = {}): { bus: MqttBus; faults: BusFault[] } {
  const faults: BusFault[] = [];
  const bus = connectTo(url, { onFault: (fault) => faults.push(fault), ...options });
  stack.defer(() => bus.stop());
  return { bus, faults };
}

describe('a bus over a WebSocket', () => {
  it('speaks MQTT, with the login and the path of its URL, and is back after a loss', async () => {
    const logins: string[] = [];
    const broker = stack.use(
      await openWebSocketBroker({
        authenticate: (_client, username, password, done) => {
          logins.push(`${username} ${password}`);
          done(null, true);
        },
      }),
    );
    const { bus } = create(`ws://ann:s%2Fcret@127.0.0.1:${broker.port}/mqtt?a=b`);
    await bus.start();
    const heard = hear(bus, 'a');
    await heard.subscription.ready;
    await bus.publish('a', 'x'.repeat(300_000));
    expect(await heard.next()).toHaveLength(300_000);
    const back = session(bus, 2);
    bus.reconnect('once more');
    await back;
    await bus.publish('a', 'again');
    expect(await heard.next()).toBe('again');
    expect(await bus.probe?.()).toBe(true);
    expect(new Set(broker.paths)).toEqual(new Set(['/mqtt?a=b']));
    expect(new Set(logins)).toEqual(new Set(['ann s/cret']));
  });

  it('connects over TLS, and trusts the configured certificate authority', async () => {
    const broker = stack.use(await openWebSocketBroker({ secure: true }));
    const url = `wss://localhost:${broker.port}/`;
    const { bus } = create(url, { tls: { ca: testCertificate } });
    await bus.start();
    const heard = hear(bus, 'a');
    await heard.subscription.ready;
    await bus.publish('a', 'under cover');
    expect(await heard.next()).toBe('under cover');

    const { bus: other, faults } = create(url);
    other.start().catch(() => {});
    const status = await reached(other, (now) => now.kind === 'connecting' && now.attempt === 1);
    expect(status).toMatchObject({ reason: expect.stringContaining('self-signed certificate') });
    expect(faults[0]?.message).toContain(`can't connect to wss://localhost:${broker.port}: `);
  });

  it('is one of several brokers, each with its own TLS options', async () => {
    const broker = stack.use(await openWebSocketBroker({ secure: true }));
    const first = `mqtts://127.0.0.1:${await freePort()}`;
    const second = `wss://127.0.0.1:${broker.port}/mqtt`;
    const tls = { ca: testCertificate, alpn: ['mqtt'] };
    const { bus } = create('', { url: [{ url: first, tls: { servername: 'first.example' } }, second], tls });
    await bus.start();
    expect(bus.status.kind).toBe('connected');
    // Said for all, a name is the name of all.
    const { bus: other } = create('', { url: [first, second], tls: { ...tls, servername: 'first.example' } });
    other.start().catch(() => {});
    const status = await reached(other, (now) => now.kind === 'connecting' && now.attempt === 2);
    expect(status).toMatchObject({ reason: expect.stringContaining('Host: first.example.') });
  });

  it('says why it cannot connect', async () => {
    const { bus } = create(`ws://127.0.0.1:${await freePort()}`);
    bus.start().catch(() => {});
    const status = await reached(bus, (now) => now.kind === 'connecting' && now.attempt === 1);
    expect(status).toMatchObject({ reason: expect.stringContaining('ECONNREFUSED') });
  });

  it('stops during its handshake', async () => {
    const broker = stack.use(await openWebSocketBroker());
    const { bus } = create(`ws://127.0.0.1:${broker.port}`);
    const started = expect(bus.start()).rejects.toMatchObject({ code: 'stopped' });
    await bus.stop({ abrupt: true });
    await started;
    expect(bus.status).toEqual({ kind: 'closed' });
  });
});
