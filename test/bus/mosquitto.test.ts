import type { MqttBus, MqttBusOptions } from '@setpoint/bus/mqtt';
import { isMosquittoHere } from '@setpoint/test-support/brokers/brokers';
import { type MosquittoHarness, openMosquitto } from '@setpoint/test-support/brokers/mosquitto';
import { hear, session } from '@setpoint/test-support/heard';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

describe.skipIf(!(await isMosquittoHere()))('Mosquitto with the configuration of this project', () => {
  let broker: MosquittoHarness;
  let buses: MqttBus[] = [];

  beforeAll(async () => {
    broker = await openMosquitto();
  });

  afterAll(() => broker.close());

  afterEach(async () => {
    await Promise.all(buses.map((bus) => bus.stop()));
    buses = [];
  });

  const connect = async (options?: Partial<MqttBusOptions>): Promise<MqttBus> => {
    const bus = broker.connect(options);
    buses.push(bus);
    await bus.start();
    return bus;
  };

  it('Mosquitto sends more than a thousand retained messages to one wildcard subscription', async () => {
    const bus = await connect();
    for (let begin = 0; begin < 1500; begin += 500) {
      const batch = Array.from({ length: 500 }, (_, index) => begin + index);
      await Promise.all(batch.map((index) => bus.publish(`many/${index}`, `${index}`, { retain: true })));
    }
    const heard = hear(await connect(), 'many/+');
    for (let count = 0; count < 1500; count += 1) await heard.next();
    expect(new Set(heard.texts).size).toBe(1500);
  });

  it('keeps retained messages over an orderly stop', async () => {
    const bus = await connect();
    await bus.publish('kept', 'v1', { retain: true });
    await broker.stop();
    await broker.start({ keepRetained: true });
    const heard = hear(await connect(), 'kept');
    expect(await heard.next()).toBe('v1');
  });

  it('takes a message of one mebibyte', async () => {
    const bus = await connect();
    const heard = hear(bus, 'large');
    await heard.subscription.ready;
    await bus.publish('large', 'x'.repeat(1_048_576));
    expect((await heard.next()).length).toBe(1_048_576);
  });

  it('announces its packet limit over MQTT 5, so that nothing is sent in vain', async () => {
    const bus = await connect({ maxMessageBytes: 8_000_000 });
    await expect(bus.publish('large', new Uint8Array(5_000_000))).rejects.toMatchObject({ code: 'message_too_large' });
    expect(bus.status).toEqual({ kind: 'connected', session: 1 });
  });

  it('hangs up on a packet over its limit over MQTT 3.1.1, which costs nobody else a message', async () => {
    const bus = await connect({ maxMessageBytes: 8_000_000, protocolVersion: 4 });
    const heard = hear(bus, 'small');
    await heard.subscription.ready;
    const large = bus.publish('large', new Uint8Array(5_000_000));
    const small = bus.publish('small', 'x');
    await expect(large).rejects.toMatchObject({ code: 'publish_refused' });
    await small;
    expect(await heard.next()).toBe('x');
  });

  // 2.0.11 closes without a DISCONNECT, later ones say 0x8E: what is told differs, that it is told does not.
  it('lets two clients of one id throw each other out, which both say', async () => {
    const said = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    for (const { resolve } of said) {
      await connect({ clientId: 'twin', onFault: ({ message }) => message.includes('client id') && resolve() });
    }
    await Promise.all(said.map(({ promise }) => promise));
  });

  it('gets its subscriptions back after a crash', async () => {
    const bus = await connect();
    const heard = hear(bus, 'a');
    await heard.subscription.ready;
    const back = session(bus, 2);
    await broker.kill();
    const sent = bus.publish('a', 'over the crash');
    await broker.start({ keepRetained: true });
    await back;
    await sent;
    expect(await heard.next()).toBe('over the crash');
  });
});
