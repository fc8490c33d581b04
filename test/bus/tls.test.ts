import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import type { BusFault } from '@setpoint/bus';
import { createMqttBus, type MqttBusOptions } from '@setpoint/bus/mqtt';
import { connectTo } from '@setpoint/test-support/brokers/over-socket';
import { hear, reached } from '@setpoint/test-support/heard';
import { testCertificate, testKey } from '@setpoint/test-support/tls';
import { Aedes } from 'aedes';
import { afterEach, describe, expect, it } from 'vitest';

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function secureBroker(options: TlsOptions = {}): Promise<number> {
  const broker = await Aedes.createBroker();
  const server = createServer({ cert: testCertificate, key: testKey, ...options }, broker.handle);
  // A client that doesn't trust the certificate hangs up in the handshake.
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(async () => {
    const closed = once(server, 'close');
    server.close();
    await new Promise<void>((resolve) => broker.close(resolve));
    await closed;
  });
  return (server.address() as AddressInfo).port;
}

function create(port: number, options: Partial<MqttBusOptions>, host = 'localhost') {
  const faults: BusFault[] = [];
  const bus = connectTo(`mqtts://${host}:${port}`, { onFault: (fault) => faults.push(fault), ...options });
  endings.push(() => bus.stop());
  return { bus, faults };
}

describe('a bus over TLS', () => {
  it.each(['localhost', '127.0.0.1'])(
    'connects to a broker at %s whose certificate authority it trusts',
    async (host) => {
      const port = await secureBroker();
      const { bus } = create(port, { tls: { ca: testCertificate } }, host);
      await bus.start();
      const heard = hear(bus, 'a');
      await heard.subscription.ready;
      await bus.publish('a', 'under cover');
      expect(await heard.next()).toBe('under cover');
    },
  );

  it('does not trust a broker with an unknown certificate authority, says why, and keeps trying', async () => {
    const port = await secureBroker();
    const { bus, faults } = create(port, {});
    void bus.start().catch(() => {});
    const status = await reached(bus, (now) => now.kind === 'connecting' && now.attempt === 2);
    expect(status).toMatchObject({ reason: expect.stringContaining('self-signed certificate') });
    expect(faults).toMatchObject([{ kind: 'connection_refused' }]);
  });

  it('expects the configured server name', async () => {
    const port = await secureBroker();
    const { bus } = create(port, { tls: { ca: testCertificate, servername: 'broker.test' } }, '127.0.0.1');
    await bus.start();
    const other = create(port, { tls: { ca: testCertificate, servername: 'other.test' } }, '127.0.0.1').bus;
    void other.start().catch(() => {});
    const status = await reached(other, (now) => now.kind === 'connecting' && now.attempt === 1);
    expect(status).toMatchObject({ reason: expect.stringContaining('Hostname/IP does not match') });
  });

  it('offers the configured protocols, and expects the server name given for a URL', async () => {
    const port = await secureBroker({ ALPNProtocols: ['mqtt'] });
    const tls = { ca: testCertificate, servername: 'other.test', alpn: ['mqtt'] };
    const own = { url: `mqtts://127.0.0.1:${port}`, tls: { servername: 'broker.test' } };
    const { bus } = create(port, { url: [own], tls });
    await bus.start();
    const { bus: other } = create(port, { url: [{ ...own, tls: { ...own.tls, alpn: ['http/1.1'] } }], tls });
    void other.start().catch(() => {});
    const status = await reached(other, (now) => now.kind === 'connecting' && now.attempt === 1);
    expect(status).toMatchObject({ reason: expect.stringContaining('no application protocol') });
  });

  it('shows its own certificate to a broker that asks for one', async () => {
    const port = await secureBroker({ requestCert: true, ca: testCertificate });
    const tls = { ca: testCertificate, cert: Buffer.from(testCertificate), key: Buffer.from(testKey) };
    const { bus } = create(port, { tls });
    await bus.start();
    expect(bus.status.kind).toBe('connected');
    const { bus: anonymous } = create(port, { tls: { ca: testCertificate } });
    void anonymous.start().catch(() => {});
    await reached(anonymous, (now) => now.kind === 'connecting' && now.attempt === 1);
  });

  it('refuses a certificate that can not be read when it is created, not at some reconnect', () => {
    const create = () => createMqttBus({ url: 'mqtts://localhost', clientId: 'a', tls: { ca: 'x', cert: 'not PEM' } });
    expect(create).toThrow(expect.objectContaining({ code: 'tls_invalid' }));
  });
});
