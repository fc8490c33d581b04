import type { BusStatus } from '@setpoint/bus';
import type { MqttBus } from '@setpoint/bus/mqtt';
import { type Connection, connect } from '@setpoint/client';
import { openTcpProxy } from '@setpoint/testing/tcp-proxy';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openAedes } from '../support/brokers/aedes.ts';
import { openBrokerProcess } from '../support/brokers/broker-process.ts';
import { hear, reached, session } from '../support/heard.ts';
import { openWorld } from '../support/world.ts';

const schema = z.object({ threshold: z.number().default(0.5) });
const intervalMs = 1000;
const maxDelayMs = 2000;
/** What a busy machine may be late. */
const slackMs = 500;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/** A service that relies on the heartbeat alone: MQTT's own keepalive would notice after a minute and a half. */
async function serviceAt(url: string): Promise<{ bus: MqttBus; logs: string[] }> {
  const logs: string[] = [];
  const log = (_: object, message: string): void => void logs.push(message);
  const connection: Connection<unknown> = await connect({
    url,
    service: 'vad',
    schema,
    cacheDir: false,
    startTimeoutMs: 0,
    keepaliveSeconds: 60,
    heartbeatIntervalMs: intervalMs,
    reconnectMaxDelayMs: maxDelayMs,
    logger: { debug: log, info: log, warn: log, error: log },
  });
  stack.use(connection);
  await session(connection.bus, 1);
  return { bus: connection.bus as MqttBus, logs };
}

/** Resolves when the broker has said so many times that it is there. */
function answers(bus: MqttBus, count: number): Promise<string> {
  let heard = 0;
  return new Promise((resolve) => {
    bus.client?.on('packetreceive', ({ cmd }) => {
      if (cmd === 'pingresp') heard += 1;
      if (heard === count) resolve('kept');
    });
  });
}

const isReconnecting = ({ kind }: BusStatus): boolean => kind === 'reconnecting';

describe('Client-02-Frozen-Broker: a broker that does not answer any more', () => {
  it('is given up within three intervals, and connected to again as soon as it goes on', async () => {
    const broker = stack.use(await openBrokerProcess());
    const { bus, logs } = await serviceAt(broker.url);
    const heard = hear(bus, 'a');
    await heard.subscription.ready;
    await bus.probe?.();

    broker.freeze();
    const frozenMs = performance.now();
    await reached(bus, isReconnecting);
    expect(performance.now() - frozenMs).toBeLessThan(3 * intervalMs + slackMs);
    expect(logs.join('\n')).toContain('lost: the broker has been silent for 3 intervals of 1000 ms');

    broker.thaw();
    await session(bus, 2);
    const backMs = performance.now() - frozenMs;
    console.log(`frozen broker: back ${Math.round(backMs)} ms after the freeze`);
    expect(backMs).toBeLessThan(3 * intervalMs + maxDelayMs + slackMs);
    await bus.publish('a', 'live again');
    expect(await heard.next()).toBe('live again');
  });

  it('is given up on a half-open wire as well, where nothing says that it is cut', async () => {
    const broker = await openAedes();
    stack.defer(() => broker.close());
    const wire = await openTcpProxy(broker.url);
    stack.defer(() => wire.close());
    const { bus } = await serviceAt(wire.url);
    const heard = hear(bus, 'a');
    await heard.subscription.ready;

    wire.freeze();
    const frozenMs = performance.now();
    await reached(bus, isReconnecting);
    wire.thaw();
    await session(bus, 2);
    const backMs = performance.now() - frozenMs;
    console.log(`half-open wire: back ${Math.round(backMs)} ms after the freeze`);
    expect(backMs).toBeLessThan(3 * intervalMs + maxDelayMs + slackMs);
    await bus.publish('a', 'live again');
    expect(await heard.next()).toBe('live again');
  });

  it('is not given up while it answers, however full the outbox is', async () => {
    const broker = await openAedes();
    stack.defer(() => broker.close());
    const wire = await openTcpProxy(broker.url);
    stack.defer(() => wire.close());
    const { bus } = await serviceAt(wire.url);
    // No publish is acknowledged, so everything waits; what the broker says otherwise still comes.
    wire.dropToClients(({ cmd }) => cmd === 'puback');
    for (let index = 0; index < 100; index += 1) bus.publish('a', `${index}`).catch(() => undefined);
    const lost = reached(bus, isReconnecting).then(() => 'lost');
    expect(await Promise.race([lost, answers(bus, 4)])).toBe('kept');
  });
});

describe('an authority with another clock', () => {
  it('is told of once, with what to do', async () => {
    const broker = await openAedes();
    stack.defer(() => broker.close());
    const world = stack.use(await openWorld(broker, { keepaliveIntervalMs: 100 }));
    const beacons = await world.watch('system/keepalive/config-authority');
    await world.service({ now: () => Date.now() + 60_000 });
    const told = (): string[] => world.logs.filter((line) => line.includes('this clock is'));
    await expect.poll(told, { timeout: 10_000 }).toHaveLength(1);
    expect(told()[0]).toContain("this clock is 60 s ahead of the authority's; set both by NTP");
    const { length } = beacons.messages;
    await expect.poll(() => beacons.messages.length, { timeout: 10_000 }).toBeGreaterThan(length + 5);
    expect(told()).toHaveLength(1);
  });
});
