import { randomUUID } from 'node:crypto';
import type { BusOptions } from '@setpoint/bus';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { availableSocketBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { openMemory } from '@setpoint/test-support/brokers/memory';
import { openWorld } from '@setpoint/test-support/world';
import { openTcpProxy } from '@setpoint/testing/tcp-proxy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const intervalMs = 500;

/** The next live snapshot is lost on its way to the service; the service must have it all the same, soon. */
async function proveRepair(
  broker: BrokerHarness,
  serviceBus: (options: BusOptions) => ReturnType<BrokerHarness['connect']>,
  loseNext: () => Promise<void>,
): Promise<void> {
  await using world = await openWorld(broker, { keepaliveIntervalMs: intervalMs, serviceBus });
  const service = await world.service({ instance: 'stt-1' });
  const operator = await world.operator();
  const keepalives = await world.watch('system/keepalive/config-authority');
  await keepalives.until(({ json }) => json !== undefined);
  const changed = Promise.withResolvers<number>();
  service.onChange(({ current }) => changed.resolve(current.vad.frames));

  const lost = loseNext();
  await operator.request('stt-worker', { op: 'merge', patch: { vad: { frames: 31 } } });
  await lost;
  keepalives.clear();
  expect(service.current.vad.frames).toBe(30);
  expect(await changed.promise).toBe(31);
  // Told by what passed, not by a clock: the service had it by the second beacon after the loss.
  expect(keepalives.messages.length).toBeLessThanOrEqual(2);
  expect(world.logs.join('')).toContain('a live snapshot was lost on the way');
}

/** A broker gives a late starter an old, rightly signed snapshot long after the change: no beacon names it any more. */
async function proveLateRepair(broker: BrokerHarness): Promise<void> {
  let ahead = 0;
  await using world = await openWorld(broker, { now: () => Date.now() + ahead });
  const snapshots = await world.watch('config/stt-worker/snapshot');
  const old = await snapshots.until(({ json }) => json?.data.version === 1);
  const operator = await world.operator();
  await operator.request('stt-worker', { op: 'merge', patch: { vad: { frames: 31 } } });
  ahead = 70_000;
  const stranger = await world.bus();
  await stranger.publish(`${world.prefix}/config/stt-worker/snapshot`, old.text, { retain: true });

  const late = await world.service({ instance: 'late', cacheDir: false });
  if (late.stamp?.version !== 2) await new Promise<void>((settle) => late.onChange(() => settle()));
  expect([late.stamp?.version, late.current.vad.frames]).toEqual([2, 31]);
}

it('Promise-17-Old-Retained-Repaired: a snapshot that a broker kept too long, on memory', async () => {
  const broker = await openMemory();
  try {
    await proveLateRepair(broker);
  } finally {
    await broker.close();
  }
});

it('the beacon names the version of every service after the authority was restarted', async () => {
  const broker = await openMemory();
  try {
    await using world = await openWorld(broker);
    await world.stopAuthority();
    const keepalives = await world.watch('system/keepalive/config-authority');
    await world.startAuthority();
    const { json } = await keepalives.until((message) => message.json !== undefined);
    expect(json.data.recent).toMatchObject({ 'stt-worker': { version: 1 } });
  } finally {
    await broker.close();
  }
});

describe('on memory', () => {
  it('Promise-12-Beacon-Repairs: a snapshot that the broker lost', async () => {
    let lose: (() => void) | undefined;
    const broker = await openMemory({
      intercept: ({ to, topic, retained }) => {
        if (!lose || retained || to !== 'stt-1' || !topic.endsWith('/snapshot')) return 'deliver';
        lose();
        lose = undefined;
        return 'drop';
      },
    });
    try {
      await proveRepair(
        broker,
        (options) => broker.connect({ clientId: 'stt-1', ...options }),
        () => new Promise((resolve) => (lose = resolve)),
      );
    } finally {
      await broker.close();
    }
  });
});

describe.each(await availableSocketBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-17-Old-Retained-Repaired: a snapshot that a broker kept too long', () => proveLateRepair(broker));

  it('Promise-12-Beacon-Repairs: a snapshot that was lost on the wire', async () => {
    const proxy = await openTcpProxy(String(broker.url));
    try {
      await proveRepair(
        broker,
        (options) => createMqttBus({ url: proxy.url, clientId: `stt-${randomUUID().slice(0, 8)}`, ...options }),
        () =>
          new Promise((resolve) => {
            proxy.dropToClients((packet) => {
              if (packet.cmd !== 'publish' || packet.retain || !packet.topic.endsWith('/snapshot')) return false;
              proxy.dropToClients(undefined);
              resolve();
              return true;
            });
          }),
      );
    } finally {
      await proxy.close();
    }
  });
});
