import { rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { availableBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { openWorld } from '@setpoint/test-support/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-03-File-Edit: an edit makes one new version', async () => {
    await using world = await openWorld(broker);
    const snapshots = await world.watch('config/stt-worker/snapshot');
    await snapshots.until(({ json }) => json?.data.version === 1);

    await world.writeFile('stt-worker.yaml', 'vad:\n  threshold: 0.8\n');
    const { json } = await snapshots.until(({ json }) => json?.data.version > 1);

    expect(json.data).toMatchObject({
      version: 2,
      previous: { version: 1 },
      values: { vad: { threshold: 0.8, frames: 30 }, api: { key: '' } },
      reason: 'the file changed',
    });
    expect(json.data.author).toMatch(/^file:.*stt-worker\.yaml$/);
  });

  it('Promise-03-File-Edit: the last of twenty rapid writes wins', async () => {
    await using world = await openWorld(broker);
    const service = await world.service();
    const settled = Promise.withResolvers<void>();
    service.onChange(({ current }) => {
      if (current.vad.frames === 120) settled.resolve();
    });
    for (let frames = 101; frames <= 120; frames++) {
      await world.writeFile('stt-worker.yaml', `vad:\n  threshold: 0.6\n  frames: ${frames}\n`);
    }
    await settled.promise;
    expect(service.current.vad.frames).toBe(120);
    expect(service.stamp?.version).toBe(2);
  });

  it('Promise-03-File-Edit: sees a file that an editor puts in place by renaming', async () => {
    await using world = await openWorld(broker);
    const snapshots = await world.watch('config/stt-worker/snapshot');
    const draft = join(world.dataDir, 'draft');
    await writeFile(draft, 'vad:\n  threshold: 0.1\n');
    await rename(draft, join(world.configDir, 'stt-worker.yaml'));
    const { json } = await snapshots.until(({ json }) => json?.data.version === 2);
    expect(json.data.values.vad.threshold).toBe(0.1);
  });

  it('Promise-03-File-Edit: keeps the old snapshot through an invalid edit and says what is wrong where', async () => {
    await using world = await openWorld(broker);
    const snapshots = await world.watch('config/stt-worker/snapshot');
    const health = await world.watch('system/health/config-authority');
    await health.until(({ json }) => json?.data.state === 'ready');

    await world.writeFile('stt-worker.yaml', 'vad:\n  frames: 12\n  threshold: loud\nwhisper:\n  modle: tiny\n');
    const { json: degraded } = await health.until(({ json }) => json?.data.state === 'degraded');
    expect(degraded.data).toMatchObject({ ok: false, event: 'degraded', error: { code: 'file_invalid' } });
    const file = join(world.configDir, 'stt-worker.yaml');
    expect(degraded.data.error.errors).toEqual([
      {
        pointer: '/whisper/modle',
        message: 'is not a known setting; did you mean "model"?',
        expected: 'one of device, model',
        suggestion: 'model',
        file,
        line: 5,
      },
      {
        pointer: '/vad/threshold',
        message: 'must be a number',
        expected: 'a number',
        received: '"loud"',
        file,
        line: 3,
      },
    ]);
    const logged = world.logs.find((line) => line.includes('/vad/threshold must be a number')) ?? '';
    expect(JSON.parse(logged).msg).toContain(
      `${file}:3: /vad/threshold must be a number (expected a number, received "loud")`,
    );
    expect(snapshots.messages.map(({ json }) => json.data.version)).toEqual([1]);

    health.clear();
    await world.writeFile('stt-worker.yaml', 'vad:\n  frames: 12\n');
    await health.until(({ json }) => json?.data.state === 'ready');
    const { json } = await snapshots.until(({ json }) => json?.data.version === 2);
    expect(json.data.values.vad).toEqual({ threshold: 0.5, frames: 12 });
  });

  it('a syntax error is reported with its line and without the text', async () => {
    await using world = await openWorld(broker);
    const health = await world.watch('system/health/config-authority');
    await world.writeFile('stt-worker.yaml', 'vad:\n  frames: 12\napi: {key: "hunter2-hunter2');
    const { json, text } = await health.until(({ json }) => json?.data.state === 'degraded');
    expect(json.data.error.errors[0]).toMatchObject({ file: join(world.configDir, 'stt-worker.yaml'), line: 3 });
    expect(text).not.toContain('hunter2');
  });

  it('the authority goes on when a file is removed, says so, and reads it when it is back', async () => {
    await using world = await openWorld(broker);
    const health = await world.watch('system/health/config-authority');
    const operator = await world.operator();
    await unlink(join(world.configDir, 'stt-worker.yaml'));
    const { json } = await health.until(({ json }) => json?.data.state === 'degraded');
    expect(json.data.error.detail).toContain('stt-worker');

    const result = await operator.request('stt-worker', { op: 'merge', patch: { vad: { frames: 31 } } });
    expect(result).toMatchObject({ status: 'applied', changed: ['/vad/frames'] });
    expect(world.authority.engine.current('stt-worker')?.snapshot.values).toMatchObject({
      vad: { threshold: 0.6, frames: 31 },
      api: { key: 'key-from-the-file' },
    });

    health.clear();
    await world.writeFile('stt-worker.yaml', 'vad:\n  threshold: 0.9\n');
    await health.until(({ json }) => json?.data.state === 'ready');
    expect(world.authority.engine.current('stt-worker')?.snapshot.values).toMatchObject({
      vad: { threshold: 0.9, frames: 31 },
    });
  });
});
