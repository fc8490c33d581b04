import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '@setpoint/client';
import { availableBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { openWorld } from '@setpoint/test-support/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-09-Service-Start: starts on the retained snapshot while the authority is down', async () => {
    await using world = await openWorld(broker);
    const snapshots = await world.watch('config/stt-worker/snapshot');
    await snapshots.until(({ json }) => json?.data.version === 1);
    await world.stopAuthority();

    const service = await world.service();
    expect(service.state).toBe('live');
    expect(service.current.vad.threshold).toBe(0.6);

    await world.startAuthority();
    const changed = Promise.withResolvers<number>();
    service.onChange(({ current }) => changed.resolve(current.vad.threshold));
    const operator = await world.operator();
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.3 } } });
    expect(await changed.promise).toBe(0.3);
  });

  it('Promise-09-Service-Start: starts on the last good snapshot while the broker is down, says so, and goes live', async () => {
    await using world = await openWorld(broker);
    const first = await world.service();
    expect(first.current.vad.threshold).toBe(0.6);
    await first.stop();
    await broker.stop();
    try {
      const service = await world.service({ startTimeoutMs: 200, instance: 'stt-1' });
      expect(service.state).toBe('cache');
      expect(service.current.api.key).toBe('key-from-the-file');
      expect(service.health().config).toMatchObject({ source: 'cache', version: 1 });
      expect(world.logs.join('')).toContain('no live snapshot: started on the last good one');

      await broker.start({ keepRetained: true });
      const health = await world.watch('system/health/stt-1');
      const { json } = await health.until(({ json }) => json?.data.config?.source === 'live');
      expect(json.data).toMatchObject({ ok: true, state: 'ready', config: { version: 1 } });
      expect(service.state).toBe('live');
    } finally {
      await broker.start({ keepRetained: true }).catch(() => undefined);
    }
  });

  it('Promise-09-Service-Start: starts on defaults without broker and snapshot, and goes live', async () => {
    await using world = await openWorld(broker, { withAuthority: false });
    const service = await world.service({ startTimeoutMs: 100, instance: 'stt-1' });
    expect(service.state).toBe('defaults');
    expect(service.stamp).toBeUndefined();
    expect(service.current).toEqual({
      whisper: { model: 'base', device: 'cpu' },
      vad: { threshold: 0.5, frames: 30 },
      languages: ['en'],
      api: { key: '' },
    });
    const live = Promise.withResolvers<readonly string[]>();
    service.onChange(({ changed }) => live.resolve(changed));
    await world.startAuthority();
    const health = await world.watch('system/health/stt-1');
    expect(await live.promise).toEqual(['/vad/threshold', '/api/key']);
    await health.until(({ json }) => json?.data.config?.source === 'live');
    expect(service.state).toBe('live');
    expect(service.current.vad.threshold).toBe(0.6);
  });

  it('Promise-09-Service-Start: fails clearly without snapshot when told to, or when the schema lacks a default', async () => {
    await using world = await openWorld(broker, { withAuthority: false });
    await expect(world.service({ startTimeoutMs: 50, withoutSnapshot: 'fail' })).rejects.toMatchObject({
      code: 'no_configuration',
      message: expect.stringMatching(
        /no configuration for stt-worker within 50 ms: .*check that the authority runs and knows the service/,
      ),
    });
    await expect(
      world.connect({ service: 'stt-worker', schema: z.object({ host: z.string() }), startTimeoutMs: 50 }),
    ).rejects.toMatchObject({
      code: 'no_configuration',
      message: expect.stringContaining('the defaults of the schema make no document'),
    });
  });

  it('Promise-09-Service-Start: waits for a snapshot when told to', async () => {
    await using world = await openWorld(broker, { withAuthority: false });
    const starting = world.service({ startTimeoutMs: 50, withoutSnapshot: 'wait' });
    await world.startAuthority();
    expect((await starting).current.vad.threshold).toBe(0.6);
  });

  it('ends a start that is aborted', async () => {
    await using world = await openWorld(broker, { withAuthority: false });
    const signal = AbortSignal.timeout(100);
    await expect(world.service({ withoutSnapshot: 'wait', startTimeoutMs: 10, signal })).rejects.toMatchObject({
      code: 'stopped',
    });
  });

  it('starts on the last good snapshot when the broker has only an older one', async () => {
    await using world = await openWorld(broker);
    const snapshots = await world.watch('config/stt-worker/snapshot');
    const { text: old } = await snapshots.until(({ json }) => json?.data.version === 1);
    const operator = await world.operator();
    const service = await world.service({ instance: 'stt-1' });
    const health = await world.watch('system/health/stt-1');
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.7 } } });
    await health.until(({ json }) => json?.data.config?.version === 2);
    await service.stop();
    await world.stopAuthority();
    const mischief = await world.bus();
    await mischief.publish(`${world.prefix}/config/stt-worker/snapshot`, old, { retain: true });

    const again = await world.service();
    expect(again.state).toBe('cache');
    expect(again.stamp?.version).toBe(2);
    expect(again.current.vad.threshold).toBe(0.7);
  });

  it.each([
    ['torn', (text: string) => text.slice(0, 200)],
    ['empty', () => ''],
    ['not its own', (text: string) => text.replaceAll('stt-worker', 'tts-worker')],
    ['tampered with', (text: string) => text.replace('0.6', '0.9')],
  ])('ignores a last good snapshot that is %s', async (_, spoil) => {
    await using world = await openWorld(broker);
    const trustedKeys = JSON.parse(await readFile(world.keys.trustedKeysFile, 'utf8'));
    await (await world.service({ trustedKeys })).stop();
    const file = join(world.cacheDir, world.prefix, 'stt-worker@config-authority.json');
    await writeFile(file, spoil(await readFile(file, 'utf8')));
    const unreachable = { url: 'mqtt://127.0.0.1:1', prefix: world.prefix, cacheDir: world.cacheDir, trustedKeys };
    await expect(
      connect({
        ...unreachable,
        service: 'stt-worker',
        schema: z.object({}),
        withoutSnapshot: 'fail',
        startTimeoutMs: 50,
        logger: silent,
      }),
    ).rejects.toMatchObject({ code: 'no_configuration', message: expect.stringContaining('there is none on disk') });
  });
});

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
