import type { BusStatus } from '@setpoint/bus';
import type { MqttBus } from '@setpoint/bus/mqtt';
import { type Connection, connect } from '@setpoint/client';
import { openAedes } from '@setpoint/test-support/brokers/aedes';
import { availableFreezableBrokers, type FreezableBrokerKind } from '@setpoint/test-support/brokers/brokers';
import { hear, reached, session } from '@setpoint/test-support/heard';
import { openWorld } from '@setpoint/test-support/world';
import { openTcpProxy } from '@setpoint/testing/tcp-proxy';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';

const schema = z.object({ threshold: z.number().default(0.5) });
const intervalMs = 1000;
const maxDelayMs = 2000;
/** From the socket to the CONNACK, as the client package has it. */
const connectTimeoutMs = 5000;
/** How late a busy machine may be. MQTT's own keepalive would notice only after a minute and a half. */
const slackMs = 20_000;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/** A service that relies on the heartbeat alone: MQTT's own keepalive would notice after a minute and a half. */
async function startAt(url: string | readonly string[]): Promise<{ bus: MqttBus; logs: string[] }> {
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
  return { bus: connection.bus as MqttBus, logs };
}

async function serviceAt(url: string | readonly string[]): Promise<{ bus: MqttBus; logs: string[] }> {
  const service = await startAt(url);
  await session(service.bus, 1);
  return service;
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

describe.each(await availableFreezableBrokers())('Client-02-Frozen-Broker: $name, when it is frozen,', ({ open }) => {
  const openFrozenLater = async (): ReturnType<FreezableBrokerKind['open']> => {
    const broker = await open();
    stack.defer(() => broker.close());
    return broker;
  };

  it('is given up within three intervals, and connected to again as soon as it answers', async () => {
    const broker = await openFrozenLater();
    const { bus, logs } = await serviceAt(broker.url);
    const heard = hear(bus, 'a');
    await heard.subscription.ready;
    await bus.probe?.();

    const frozenMs = performance.now();
    await broker.freeze();
    await reached(bus, isReconnecting);
    expect(performance.now() - frozenMs).toBeLessThan(3 * intervalMs + slackMs);
    expect(logs.join('\n')).toContain('lost: the broker has been silent for 3 intervals of 1000 ms');

    await broker.thaw();
    await session(bus, 2);
    const backMs = performance.now() - frozenMs;
    console.log(`frozen broker: back ${Math.round(backMs)} ms after the freeze`);
    expect(backMs).toBeLessThan(3 * intervalMs + maxDelayMs + slackMs);
    await bus.publish('a', 'live again');
    expect(await heard.next()).toBe('live again');
  });

  it('is left for the next broker in the same time, which keeps the client when the first answers again', async () => {
    const [first, second] = [await openFrozenLater(), await openAedes()];
    stack.defer(() => second.close());
    const { bus, logs } = await serviceAt([first.url, second.url]);
    const heard = hear(bus, 'a');
    await heard.subscription.ready;
    await bus.probe?.();

    const frozenMs = performance.now();
    await first.freeze();
    const early = reached(bus, isReconnecting).then(() => bus.publish('a', 'on the way'));
    await session(bus, 2);
    const movedMs = performance.now() - frozenMs;
    console.log(`frozen broker: at the next one ${Math.round(movedMs)} ms after the freeze`);
    expect(movedMs).toBeLessThan(3 * intervalMs + maxDelayMs + slackMs);
    await early;
    expect(await heard.next()).toBe('on the way');
    expect(second.broker.connectedClients).toBe(1);

    await first.thaw();
    expect(await answers(bus, 4)).toBe('kept');
    expect(second.broker.connectedClients).toBe(1);
    expect(logs.filter((line) => line.includes(' lost: '))).toHaveLength(1);
  });

  it('is given the connect timeout and no longer, and is tried again until it answers', async () => {
    const broker = await openFrozenLater();
    await broker.freeze();
    const beganMs = performance.now();
    const { bus, logs } = await startAt(broker.url);
    // The start did not wait for the end of the first attempt.
    expect(bus.status).toMatchObject({ kind: 'connecting', attempt: 0 });
    await reached(bus, (status) => status.kind === 'connecting' && status.attempt > 0);
    const gaveUpMs = performance.now() - beganMs;
    console.log(`frozen broker: an attempt ends after ${Math.round(gaveUpMs)} ms`);
    expect(gaveUpMs).toBeLessThan(connectTimeoutMs + slackMs);
    expect(logs.filter((line) => line.includes(`can't connect to `))).toEqual([
      expect.stringContaining('connack timeout'),
    ]);

    // What was tried meanwhile still waits in the queue of its port.
    const thawedMs = performance.now();
    await broker.thaw();
    await session(bus, 1);
    expect(performance.now() - thawedMs).toBeLessThan(maxDelayMs + slackMs);
    const heard = hear(bus, 'a');
    await heard.subscription.ready;
    await bus.publish('a', 'live');
    expect(await heard.next()).toBe('live');
  });
});

describe('Client-02-Frozen-Broker: a broker that does not answer any more', () => {
  it('is given up on a half-open connection as well, which no packet announces', async () => {
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
  it('is reported once, with what to do', async () => {
    const broker = await openAedes();
    stack.defer(() => broker.close());
    const world = stack.use(await openWorld(broker, { keepaliveIntervalMs: 100 }));
    const beacons = await world.watch('system/keepalive/config-authority');
    await world.service({ now: () => Date.now() + 60_000 });
    const told = (): string[] => world.logs.filter((line) => line.includes('this clock is'));
    await expect.poll(told, { timeout: 30_000 }).toHaveLength(1);
    expect(told()[0]).toContain("this clock is 60 s ahead of the authority's; set both by NTP");
    const { length } = beacons.messages;
    await expect.poll(() => beacons.messages.length, { timeout: 30_000 }).toBeGreaterThan(length + 5);
    expect(told()).toHaveLength(1);
  });
});
