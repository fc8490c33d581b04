import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { availableBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { openWorld } from '@setpoint/test-support/world';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const heapAfterCollection = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed;
};

const stamp = { epoch: 4_000_000_000, version: 1, digest: `sha256:${'0'.repeat(64)}` };

/** A message that is right but for one thing. */
const nearValid = (type: string, data: object): fc.Arbitrary<string> =>
  fc
    .record({
      member: fc.constantFrom('specversion', 'id', 'source', 'type', 'time', 'subject', 'datacontenttype', 'data'),
      value: fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constant(undefined)),
      depth: fc.constantFrom(0, 70, 5000),
    })
    .map(({ member, value, depth }) => {
      const envelope = {
        specversion: '1.0',
        id: '0190a000-0000-7000-8000-000000000000',
        source: '/operator/eve',
        type,
        time: '2026-01-01T00:00:00.000Z',
        subject: 'stt-worker',
        datacontenttype: 'application/json',
        data,
      };
      const text = JSON.stringify({ ...envelope, [member]: value });
      return depth === 0 ? text : text.replace(/\}$/, `,"deep":${'['.repeat(depth)}${']'.repeat(depth)}}`);
    });

const traffic: Record<string, fc.Arbitrary<string>> = {
  'config/stt-worker/snapshot': nearValid('setpoint.snapshot.v1', {
    service: 'stt-worker',
    ...stamp,
    values: { vad: 'x' },
  }),
  'config/stt-worker/request': nearValid('setpoint.request.v1', {
    op: 'merge',
    service: 'stt-worker',
    author: 'eve',
    patch: 5,
  }),
  [`config/stt-worker/contract/${'0'.repeat(64)}`]: nearValid('setpoint.contract.v1', {
    service: 'stt-worker',
    digest: stamp.digest,
    schema: { type: 'no type' },
  }),
  'system/health/eve': nearValid('setpoint.health.v1', { instance: 'eve', service: 'stt-worker', session: 's', ok: 1 }),
  'system/health/stt-1': nearValid('setpoint.health.v1', { instance: 'stt-1', state: 'asleep' }),
  'system/keepalive/eve': nearValid('setpoint.keepalive.v1', { instance: 'eve', session: 's', sequence: -1 }),
  'system/keepalive/config-authority': nearValid('setpoint.keepalive.v1', {
    instance: 'config-authority',
    recent: { 'stt-worker': 7 },
  }),
  'config/stt-worker/result/ann': nearValid('setpoint.result.v1', { status: 'perhaps', service: 'stt-worker' }),
};

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-14-Malformed-Traffic: the authority outlives 10,000 malformed messages and stores nothing of them', async () => {
    await using world = await openWorld(broker);
    const service = await world.service({ instance: 'stt-1' });
    const operator = await world.operator();
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { frames: 31 } } });
    const mischief = await world.bus({ outboxMaxMessages: 20_000 });
    const seed = Date.now();
    const send = async (count: number, offset: number): Promise<void> => {
      for (const [topic, near] of Object.entries(traffic)) {
        const bytes = fc.oneof({ weight: 1, arbitrary: fc.string({ maxLength: 200 }) }, { weight: 2, arbitrary: near });
        const payloads = fc.sample(bytes, { numRuns: count, seed: seed + offset });
        await Promise.all(payloads.map((payload) => mischief.publish(`${world.prefix}/${topic}`, payload)));
      }
    };
    const settle = async (frames: number): Promise<void> => {
      const applied = Promise.withResolvers<void>();
      const end = service.onChange(() => applied.resolve());
      const result = await operator.request('stt-worker', { op: 'merge', patch: { vad: { frames } } });
      expect(result, `seed ${seed}`).toMatchObject({ status: 'applied' });
      await applied.promise;
      end();
    };

    await send(250, 1); // what is made once, and stays: compiled code, caches, throttles
    await settle(32);
    const kept = world.logs.length;
    const before = heapAfterCollection();
    await send(1250, 2);
    await settle(33);
    const grown = heapAfterCollection() - before;

    expect(service.current.vad.frames).toBe(33);
    expect(world.authority.readiness()).toEqual({ isReady: true, reasons: [] });
    // The log of this test is kept in memory; what else stays must be less than a hundred bytes a message.
    const logged = world.logs.slice(kept).join('').length;
    expect(grown - 3 * logged, `seed ${seed}, logged ${logged}`).toBeLessThan(1_000_000);
  }, 60_000);
});
