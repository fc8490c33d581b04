import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { availableBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { openWorld, type World } from '@setpoint/test-support/world';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

const untilPublished = (world: World): Promise<unknown> =>
  vi.waitUntil(async () => (await world.authority.engine.store.pendingOutbox()).length === 0, {
    timeout: 50_000,
    interval: 50,
  });

async function openMany(broker: BrokerHarness, count: number): Promise<World> {
  const world = await openWorld(broker, { withAuthority: false });
  const names = Array.from({ length: count }, (_, i) => `s-${i}`);
  await Promise.all(names.map((name) => writeFile(join(world.configDir, `${name}.yaml`), `name: ${name}\n`)));
  return world;
}

const countOf = (world: World, text: string): number => world.logs.filter((line) => line.includes(text)).length;

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it.each([1_000, 1_001, 3_000])(
    'Isolation-01-Many-Services: a start with %d services publishes each of them and refuses none',
    async (count) => {
      await using world = await openMany(broker, count);
      await world.startAuthority();
      await untilPublished(world);
      for (const name of ['s-0', `s-${count - 1}`]) {
        const snapshot = await world.watch(`config/${name}/snapshot`);
        const { json } = await snapshot.until(({ json }) => json !== undefined);
        expect(json.data).toMatchObject({ version: 1, values: { name } });
      }
      const operator = await world.operator();
      const change = { op: 'merge', patch: { name: 'changed' } } as const;
      expect(await operator.request(`s-${count - 1}`, change)).toMatchObject({ status: 'applied', version: 2 });
      expect(countOf(world, 'outbox_full')).toBe(0);
    },
  );

  it('Isolation-01-Many-Services: a broker that comes back empty gets all 1,003 snapshots again', async () => {
    const ownBroker = await open();
    try {
      await using world = await openMany(ownBroker, 1_003);
      await world.startAuthority();
      await untilPublished(world);
      const again = new Set<string>();
      const bus = await world.bus();
      await bus.subscribe(`${world.prefix}/config/+/snapshot`, ({ topic, payload }) => {
        if (payload.length > 0) again.add(topic);
      }).ready;
      await ownBroker.stop();
      // From here on whatever comes was published anew, also what is retained when this bus comes back after the authority.
      again.clear();
      await ownBroker.start({ keepRetained: false });
      // One of them is the service of the world itself.
      await vi.waitUntil(() => again.size === 1_004, { timeout: 50_000, interval: 50 });
      expect(countOf(world, 'outbox_full')).toBe(0);
      // What repeats for every service is logged once a second at most.
      expect(countOf(world, 'published again')).toBeLessThan(60);
    } finally {
      await ownBroker.close();
    }
  });

  it.each([
    ['cleared', ''],
    ['overwritten', 'not a snapshot'],
  ])('Isolation-02-Snapshot-Watched: a snapshot that a stranger has %s is published again', async (_, payload) => {
    await using world = await openWorld(broker);
    await untilPublished(world);
    const snapshot = await world.watch('config/stt-worker/snapshot');
    await snapshot.until(({ json }) => json?.data.version === 1);
    const stranger = await world.bus();
    await stranger.publish(`${world.prefix}/config/stt-worker/snapshot`, payload, { retain: true });
    await snapshot.until(({ text, retained }) => text === payload && !retained);
    await snapshot.until(({ json, retained }) => json?.data.version === 1 && !retained);
    const late = await world.watch('config/stt-worker/snapshot');
    expect((await late.until(({ json }) => json !== undefined)).retained).toBe(true);
  });
});
