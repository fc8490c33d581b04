import { createServer } from 'node:net';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { freePort } from '@setpoint/test-support/free-port';
import { describe, expect, it } from 'vitest';
import { startEmbeddedBroker } from './embedded-broker.ts';

describe('the embedded broker', () => {
  it('takes clients, keeps messages, and ends every connection when it stops', async () => {
    const broker = await startEmbeddedBroker('127.0.0.1', await freePort());
    const bus = createMqttBus({ url: broker.url, clientId: 'vad-1' });
    try {
      await bus.start();
      await bus.publish('a', 'kept', { retain: true });
      const kept = Promise.withResolvers<string>();
      bus.subscribe('a', ({ payload }) => kept.resolve(String(payload)));
      expect(await kept.promise).toBe('kept');
      const lost = new Promise<void>((resolve) => bus.onStatus(({ kind }) => kind === 'reconnecting' && resolve()));
      await broker.stop();
      await lost;
    } finally {
      await bus.stop();
    }
  });

  it.each([
    ['0.0.0.0', 'mqtt://127.0.0.1:'],
    ['::1', 'mqtt://[::1]:'],
  ])('listening on %s is reached at %s', async (host, url) => {
    const port = await freePort();
    const broker = await startEmbeddedBroker(host, port);
    expect(broker.url).toBe(`${url}${port}`);
    await broker.stop();
  });

  it('says so when its port is taken or its host is not an address of this machine', async () => {
    const server = createServer();
    await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
    const { port } = server.address() as { port: number };
    await expect(startEmbeddedBroker('127.0.0.1', port)).rejects.toMatchObject({
      code: 'options_invalid',
      message: expect.stringMatching(/is taken; stop what uses it, set SETPOINT_BROKER_HOST/),
    });
    server.close();
    await expect(startEmbeddedBroker('192.0.2.1', 1)).rejects.toMatchObject({
      code: 'options_invalid',
      message: expect.stringMatching(/can't be listened on \(E\w+\)/),
    });
  });
});
