import type { MqttBus } from '@setpoint/bus/mqtt';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { openBrokerProcess } from '@setpoint/test-support/brokers/broker-process';
import { isMosquittoHere } from '@setpoint/test-support/brokers/brokers';
import { openKickingMosquitto } from '@setpoint/test-support/brokers/mosquitto-kicking';
import { session } from '@setpoint/test-support/heard';
import { describe, expect, it } from 'vitest';

const clients = 1000;
/** Opened so many at a time: this test is about coming back. */
const batch = 100;
// As the client package makes them, but for the first step down from MQTT 5, which aedes doesn't speak.
const brokers = [
  { name: 'aedes', open: openBrokerProcess, protocolVersion: 4 as const },
  ...((await isMosquittoHere())
    ? [{ name: 'Mosquitto', open: openKickingMosquitto, protocolVersion: 5 as const }]
    : []),
];

const sessionOf = ({ status }: MqttBus): number => (status.kind === 'connected' ? status.session : 0);

describe.each(brokers)('on $name', ({ name, open, protocolVersion }) => {
  it(`Client-04-Thousand-Reconnect: ${clients} clients that are cut off at once are all back, each with its subscriptions`, {
    timeout: 120_000,
  }, async () => {
    await using stack = new AsyncDisposableStack();
    const broker = await open();
    stack.defer(() => broker.close());
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
        const bus = createMqttBus({ url: broker.url, clientId: `client-${index}`, protocolVersion });
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

    const back = Promise.all(buses.map((bus) => session(bus, sessionOf(bus) + 1)));
    const droppedMs = performance.now();
    await broker.dropAll();
    await back;
    const tookMs = Math.round(performance.now() - droppedMs);
    // Measured here and judged by `npm run bench -- thousand-clients`: it depends on what else the machine does.
    console.log(`${clients} clients of ${name}: all back ${tookMs} ms after they were cut off`);

    const [speaker] = buses as [MqttBus];
    own.clear();
    all.clear();
    everyone = Promise.withResolvers<void>();
    await Promise.all(buses.map((bus, index) => bus.publish(`own/${index}`, 'x')));
    await speaker.publish('all/of-you', 'x');
    await everyone.promise;
    expect([own.size, all.size]).toEqual([clients, clients]);
  });
});
