import { randomUUID } from 'node:crypto';
import type { BusOptions } from '@setpoint/bus';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { openTcpProxy } from '@setpoint/testing/tcp-proxy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { availableSocketBrokers, type BrokerHarness } from '../support/brokers/brokers.ts';
import { openMemory } from '../support/brokers/memory.ts';
import { openWorld } from '../support/world.ts';

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
