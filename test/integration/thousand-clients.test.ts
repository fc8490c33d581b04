import type { MqttBus } from '@setpoint/bus/mqtt';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { expect, it } from 'vitest';
import { openBrokerProcess } from '../support/brokers/broker-process.ts';
import { session } from '../support/heard.ts';

const clients = 1000;
/** Opened so many at a time: this test is about coming back. */
const batch = 100;

it(`Client-04-Thousand-Reconnect: ${clients} clients that are cut off at once are all back within 3 s, each with its subscriptions`, {
  timeout: 120_000,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await openBrokerProcess());
  const buses: MqttBus[] = [];
  const own = new Set<number>();
  const all = new Set<number>();
  let everyone = Promise.withResolvers<void>();
  const note = (heard: Set<number>, index: number): void => {
    heard.add(index);
    if (own.size === clients && all.size === clients) everyone.resolve();
  };
  stack.defer(async () => {
    await Promise.all(buses.map((bus) => bus.stop({ abrupt: true })));
  });
  for (let begin = 0; begin < clients; begin += batch) {
    const opened = Array.from({ length: batch }, async (_, offset) => {
      const index = begin + offset;
      // As the client package makes it, but for the first step down from MQTT 5, which aedes doesn't speak.
      const bus = createMqttBus({ url: broker.url, clientId: `client-${index}`, protocolVersion: 4 });
      buses.push(bus);
      const granted = [
        bus.subscribe(`own/${index}`, () => note(own, index)),
        bus.subscribe('all/+', () => note(all, index)),
      ];
      await bus.start();
      await Promise.all(granted.map(({ ready }) => ready));
    });
    await Promise.all(opened);
  }

  const back = Promise.all(buses.map((bus) => session(bus, 2)));
  await broker.dropAll();
  const droppedMs = performance.now();
  await back;
  const tookMs = performance.now() - droppedMs;

  const [speaker] = buses as [MqttBus];
  everyone = Promise.withResolvers<void>();
  await Promise.all(buses.map((bus, index) => bus.publish(`own/${index}`, 'x')));
  await speaker.publish('all/of-you', 'x');
  await everyone.promise;
  expect([own.size, all.size]).toEqual([clients, clients]);
  console.log(`${clients} clients: all back ${Math.round(tookMs)} ms after they were cut off`);
  expect(tookMs).toBeLessThan(3000);
});
