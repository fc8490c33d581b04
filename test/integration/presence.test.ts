import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createEnvelopeWriter } from '@setpoint/protocol';
import { availableBrokers, availableSocketBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { openWorld } from '@setpoint/test-support/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const program = fileURLToPath(import.meta.resolve('@setpoint/test-support/service-process'));

async function spawnService(url: string, prefix: string, instance: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, url, prefix, instance], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-13-Last-Will: ignores a late last will, and the service reports again that it is alive', async () => {
    await using world = await openWorld(broker);
    const health = await world.watch('system/health/stt-1');
    const convergence = await world.watch('config/stt-worker/convergence');
    await world.service({ instance: 'stt-1' });
    const { json: alive } = await health.until(({ json }) => json?.data.state === 'ready');
    await convergence.until(({ json }) => json?.data.instances.applied === 1);
    health.clear();
    convergence.clear();

    const late = { ...alive.data, session: 'a-session-long-gone', ok: false, state: 'offline', event: 'lost' };
    const { bytes } = createEnvelopeWriter({ source: '/instance/stt-1' }).seal({
      type: 'setpoint.health.v1',
      subject: 'stt-worker',
      data: late,
    });
    const mischief = await world.bus();
    await mischief.publish(`${world.prefix}/system/health/stt-1`, bytes, { retain: true });
    await health.until(({ json }) => json?.data.event === 'lost');
    const { json: again } = await health.until(({ json }) => json?.data.state === 'ready');
    expect(again.data.session).toBe(alive.data.session);
    // Had the death counted, convergence would have been told anew; the next change is the first thing it says.
    const operator = await world.operator();
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { frames: 31 } } });
    await convergence.until(({ json }) => json?.data.version === 2 && json.data.instances.applied === 1);
    expect(convergence.messages.map(({ json }) => json.data.instances.offline)).not.toContain(1);
  });

  it('reports a shutdown when a service stops by itself', async () => {
    await using world = await openWorld(broker);
    const health = await world.watch('system/health/stt-1');
    const service = await world.service({ instance: 'stt-1' });
    await health.until(({ json }) => json?.data.state === 'ready');
    await Promise.all([service.stop(), service.stop()]);
    const { json } = await health.until(({ json }) => json?.data.event === 'shutdown');
    expect(json.data).toMatchObject({ ok: false, state: 'offline', config: { version: 1 } });
    expect(health.messages.map(({ json }) => json.data.event)).not.toContain('lost');
  });

  it('counts an instance that is silent for three intervals as offline', async () => {
    await using world = await openWorld(broker, { keepaliveIntervalMs: 100 });
    const convergence = await world.watch('config/stt-worker/convergence');
    const writer = createEnvelopeWriter({ source: '/instance/mute' });
    const health = {
      instance: 'mute',
      service: 'stt-worker',
      session: 's1',
      ok: true,
      state: 'ready',
      event: 'ready',
      startedAt: '2026-01-01T00:00:00.000Z',
    };
    const keepalive = { instance: 'mute', session: 's1', sequence: 0, intervalMs: 100 };
    const bus = await world.bus();
    const say = (topic: string, type: string, data: object): Promise<void> =>
      bus.publish(`${world.prefix}/${topic}`, writer.seal({ type, subject: 'stt-worker', data }).bytes);
    await say('system/health/mute', 'setpoint.health.v1', health);
    await say('system/keepalive/mute', 'setpoint.keepalive.v1', keepalive);
    await convergence.until(({ json }) => json?.data.instances.pending === 1);
    await convergence.until(({ json }) => json?.data.instances.offline === 1);
    await say('system/keepalive/mute', 'setpoint.keepalive.v1', { ...keepalive, sequence: 1 });
    convergence.clear();
    await convergence.until(({ json }) => json?.data.instances.pending === 1);
  });
});

describe.each(await availableSocketBrokers())('with a process of its own, on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-13-Last-Will: reports a killed service as offline', async () => {
    const url = String(broker.url);
    await using world = await openWorld(broker);
    const health = await world.watch('system/health/stt-1');
    const convergence = await world.watch('config/stt-worker/convergence');
    const child = await spawnService(url, world.prefix, 'stt-1');
    const { json: born } = await health.until(({ json }) => json?.data.state === 'ready');
    await convergence.until(({ json }) => json?.data.instances.applied === 1);

    child.kill('SIGKILL');
    // One and a half times the keepalive of 15 s; a socket that the kernel closes is noticed at once.
    const { json: dead } = await health.until(({ json }) => json?.data.state === 'offline', 22_500);
    expect(dead.data).toMatchObject({ ok: false, event: 'lost', session: born.data.session });
    await convergence.until(({ json }) => json?.data.instances.offline === 1);
  });
});
