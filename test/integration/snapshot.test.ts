import { availableBrokers, availableSocketBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { openWorld } from '@setpoint/test-support/world';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const effective = {
  whisper: { model: 'base', device: 'cpu' },
  vad: { threshold: 0.6, frames: 30 },
  languages: ['en'],
  api: { key: 'key-from-the-file' },
};

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-01-Snapshot-Readable: a late subscriber gets the whole signed document', async () => {
    await using world = await openWorld(broker);
    const health = await world.watch('system/health/config-authority');
    await health.until(({ json }) => json?.data.state === 'ready');

    const late = await world.watch('config/stt-worker/snapshot');
    const { json, text, retained } = await late.until(({ json }) => json !== undefined);

    expect(retained).toBe(true);
    expect(json).toMatchObject({
      specversion: '1.0',
      type: 'setpoint.snapshot.v1',
      source: '/authority/config-authority',
      subject: 'stt-worker',
      datacontenttype: 'application/json',
    });
    expect(json.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(json.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(json.data).toMatchObject({
      service: 'stt-worker',
      version: 1,
      previous: null,
      values: effective,
      secrets: ['/api/key'],
      restartRequired: ['/whisper/device'],
    });
    expect(json.data.epoch).toBeGreaterThan(1_700_000_000);
    // The members of every object sorted, as the protocol says; taken with sha256sum.
    expect(json.data.digest).toBe('sha256:feefa8c6a5a86ad2d45131a5f87f61e8b5e748e0c50d4e0a989b21a5acf3d140');
    expect(text).toMatch(/,"signature":"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}"\}$/);
  });

  it('Promise-02-Live-Change: a change reaches a running service, which reports its version', async () => {
    await using world = await openWorld(broker);
    const service = await world.service({ instance: 'stt-1' });
    const health = await world.watch('system/health/stt-1');
    const operator = await world.operator();
    expect(service.current.vad.threshold).toBe(0.6);
    expect(service.state).toBe('live');

    const seen = Promise.withResolvers<unknown>();
    service.onChange(({ changed, current, previous, version }) =>
      seen.resolve({ changed, version, to: current.vad.threshold, from: previous.vad.threshold }),
    );
    const result = await operator.request('stt-worker', {
      op: 'merge',
      patch: { vad: { threshold: 0.7 } },
      reason: 'noisy room',
    });

    expect(result).toMatchObject({ status: 'applied', version: 2, changed: ['/vad/threshold'] });
    expect(await seen.promise).toEqual({ changed: ['/vad/threshold'], version: 2, from: 0.6, to: 0.7 });
    expect(service.current.vad.threshold).toBe(0.7);
    const { json } = await health.until(({ json }) => json?.data.config?.version === 2);
    expect(json.data).toMatchObject({ ok: true, state: 'ready', event: 'config_applied' });
    expect(json.data.config).toMatchObject({ source: 'live', version: 2, digest: result.digest });
    expect(() => Object.assign(service.current.vad, { threshold: 1 })).toThrow(TypeError);
  });
});

describe.each(await availableSocketBrokers())('with a client of another make, on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-01-Snapshot-Readable: reading a snapshot needs only an MQTT client', async () => {
    await using world = await openWorld(broker);
    const client = await connectAsync(String(broker.url), { protocolVersion: 4 });
    try {
      const arrived = Promise.withResolvers<{ values: unknown; version: number }>();
      client.on('message', (_, payload) => arrived.resolve(JSON.parse(payload.toString()).data));
      await client.subscribeAsync(`${world.prefix}/config/stt-worker/snapshot`, { qos: 1 });
      expect(await arrived.promise).toMatchObject({ values: effective, version: 1 });
    } finally {
      await client.endAsync(true);
    }
  });
});
