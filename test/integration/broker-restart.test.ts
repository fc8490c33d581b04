import { availableBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { openWorld } from '@setpoint/test-support/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-08-Broker-Restart: every client and every retained message is back after each of three restarts', async () => {
    await using world = await openWorld(broker);
    const services = await Promise.all(
      ['stt-1', 'stt-2', 'stt-3', 'stt-4', 'stt-5'].map((instance) => world.service({ instance })),
    );
    const operator = await world.operator();
    const convergence = await world.watch('config/stt-worker/convergence');
    await convergence.until(({ json }) => json?.data.instances.applied === 5);

    let round = 0;
    for (const keepRetained of [true, false, true]) {
      round += 1;
      await broker.stop();
      convergence.clear();
      await broker.start({ keepRetained });

      // A change that is asked for now reaches all: requests, snapshots, health and convergence are live.
      const frames = 40 + round;
      const result = await operator.request('stt-worker', { op: 'merge', patch: { vad: { frames } } });
      expect(result).toMatchObject({ status: 'applied', version: round + 1 });
      await convergence.until(({ json }) => json?.data.version === round + 1 && json.data.instances.applied === 5);
      expect(services.map((service) => service.current.vad.frames)).toEqual([frames, frames, frames, frames, frames]);

      // A stranger who comes now finds every retained message.
      const late = await world.watch('#');
      await late.until(
        ({ topic, json }) => topic.endsWith('/config/stt-worker/snapshot') && json?.data.version === round + 1,
      );
      await late.until(
        ({ topic, json }) => topic.endsWith('/system/health/config-authority') && json?.data.state === 'ready',
      );
      await late.until(({ topic, json }) => topic.endsWith('/convergence') && json?.data.version === round + 1);
      await late.until(({ topic, json }) => topic.includes('/config/stt-worker/contract/') && json?.data.schema);
      for (const instance of ['stt-1', 'stt-2', 'stt-3', 'stt-4', 'stt-5']) {
        await late.until(
          ({ topic, json }) => topic.endsWith(`/system/health/${instance}`) && json?.data.config.version === round + 1,
        );
      }
    }
  });

  it('the authority publishes a snapshot again that is missing, older or forged when it comes back', async () => {
    await using world = await openWorld(broker);
    const operator = await world.operator();
    const snapshots = await world.watch('config/stt-worker/snapshot');
    const { text: old } = await snapshots.until(({ json }) => json?.data.version === 1);
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { frames: 31 } } });
    await snapshots.until(({ json }) => json?.data.version === 2);
    const mischief = await world.bus();
    const forged = old.replace('"threshold":0.6', '"threshold":0.9').replace('"version":1', '"version":2');
    for (const spoiled of ['', old, forged, 'nonsense']) {
      await world.stopAuthority();
      await mischief.publish(`${world.prefix}/config/stt-worker/snapshot`, spoiled, { retain: true });
      await snapshots.until(({ text }) => text === spoiled);
      snapshots.clear();
      await world.startAuthority();
      await snapshots.until(({ json }) => json?.data.version === 2 && json.data.values.vad.threshold === 0.6);
    }
  });
});
