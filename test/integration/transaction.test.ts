import { ChangeRefused } from '@setpoint/client';
import { createEnvelopeWriter, digestOf, type JsonObject } from '@setpoint/protocol';
import { availableBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { openWorld, type World } from '@setpoint/test-support/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** A snapshot of the world's own authority, as it never said it. */
function forge(world: World, stamp: { epoch: number; version: number }, values: JsonObject): Uint8Array {
  const data = {
    service: 'stt-worker',
    ...stamp,
    digest: digestOf(values),
    previous: null,
    values,
    restartRequired: [],
    secrets: [],
    author: 'nobody',
    reason: '',
    committedAt: '2026-01-01T00:00:00.000Z',
  };
  const writer = createEnvelopeWriter({ source: '/authority/config-authority', signer: world.keys.signer });
  return writer.seal({ type: 'setpoint.snapshot.v1', subject: 'stt-worker', data }).bytes;
}

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-10-Handler-Throws: every handler keeps the old document, and the report says why', async () => {
    await using world = await openWorld(broker);
    const service = await world.service({ instance: 'stt-1' });
    const health = await world.watch('system/health/stt-1');
    const convergence = await world.watch('config/stt-worker/convergence');
    const operator = await world.operator();
    const first: number[] = [];
    const steps: string[] = [];
    service.onChange(({ current }) => {
      first.push(current.vad.threshold);
    });
    service.onChange({
      prepare: ({ current }) => void steps.push(`prepare ${current.vad.threshold}`),
      commit: ({ current }) => void steps.push(`commit ${current.vad.threshold}`),
      revert: ({ previous }) => void steps.push(`revert to ${previous.vad.threshold}`),
    });
    service.onChange(({ current }) => {
      if (current.vad.threshold > 0.8) throw new ChangeRefused('/vad/threshold', 'the microphone can not do that');
    });

    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.9 } } });
    const { json } = await health.until(({ json }) => json?.data.event === 'config_rejected');
    expect(json.data).toMatchObject({ ok: false, state: 'degraded', error: { code: 'handler_failed' } });
    expect(json.data.config).toMatchObject({
      version: 1,
      observed: { version: 2 },
      lastAttempt: {
        version: 2,
        outcome: 'rejected',
        code: 'handler_failed',
        pointer: '/vad/threshold',
        message: 'version 2, commit of a handler of the whole document: the microphone can not do that',
      },
    });
    expect(service.current.vad.threshold).toBe(0.6);
    expect(first).toEqual([0.9, 0.6]);
    expect(steps).toEqual(['prepare 0.9', 'commit 0.9', 'revert to 0.6']);
    const { json: counted } = await convergence.until(({ json }) => json?.data.instances.rejected === 1);
    expect(counted.data).toMatchObject({
      version: 2,
      convergedAt: null,
      stragglers: [
        {
          instance: 'stt-1',
          standing: 'rejected',
          version: 1,
          message: 'version 2, commit of a handler of the whole document: the microphone can not do that',
        },
      ],
    });

    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.7 } } });
    await health.until(({ json }) => json?.data.event === 'config_applied');
    expect(service.current.vad.threshold).toBe(0.7);
    const { json: converged } = await convergence.until(
      ({ json }) => json?.data.version === 3 && json.data.convergedAt,
    );
    expect(converged.data.instances).toEqual({ applied: 1, pending: 0, rejected: 0, restartPending: 0, offline: 0 });
  });

  it('marks the settings that only a restart can apply', async () => {
    await using world = await openWorld(broker);
    const service = await world.service({ instance: 'stt-1' });
    const health = await world.watch('system/health/stt-1');
    const convergence = await world.watch('config/stt-worker/convergence');
    const operator = await world.operator();
    const result = await operator.request('stt-worker', {
      op: 'merge',
      acceptRestart: true,
      patch: { whisper: { device: 'cuda' } },
    });
    expect(result.restartRequired).toEqual(['/whisper/device']);
    const { json } = await health.until(({ json }) => json?.data.event === 'restart_required');
    expect(json.data.config.pendingRestart).toEqual(['/whisper/device']);
    await convergence.until(({ json }) => json?.data.instances.restartPending === 1);
    expect(service.current.whisper.device).toBe('cuda');
  });

  it('Promise-11-Order-Table: treats stale, duplicate and reused versions as the table says', async () => {
    await using world = await openWorld(broker);
    const service = await world.service({ instance: 'stt-1', trustedKeys: undefined as never });
    const health = await world.watch('system/health/stt-1');
    const operator = await world.operator();
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.7 } } });
    await health.until(({ json }) => json?.data.config?.version === 2);
    const changes: number[] = [];
    service.onChange(({ version }) => {
      changes.push(version);
    });
    const epoch = service.stamp?.epoch ?? 0;
    const values = world.authority.engine.current('stt-worker')?.snapshot.values as JsonObject;
    const other = { ...values, languages: ['nl'] };
    const mischief = await world.bus();
    const publish = (stamp: { epoch: number; version: number }, document: JsonObject): Promise<void> =>
      mischief.publish(`${world.prefix}/config/stt-worker/snapshot`, forge(world, stamp, document));

    await publish({ epoch, version: 1 }, other); // stale
    await publish({ epoch: epoch - 1, version: 9 }, other); // stale: an older epoch
    await publish({ epoch, version: 2 }, values); // duplicate
    await publish({ epoch, version: 2 }, other); // reused
    const { json } = await health.until(({ json }) => json?.data.error?.code === 'version_reused');
    expect(json.data).toMatchObject({ ok: false, state: 'degraded', config: { version: 2 } });
    expect(changes).toEqual([]);
    expect(service.current.languages).toEqual(['en']);

    await publish({ epoch: epoch + 1, version: 1 }, other); // a restored store wins over its own past
    await health.until(({ json }) => json?.data.config?.epoch === epoch + 1);
    expect(changes).toEqual([1]);
    expect(service.current.languages).toEqual(['nl']);
  });

  it('Promise-11-Order-Table: does nothing when a subscription delivers the same version again', async () => {
    await using world = await openWorld(broker);
    const service = await world.service({ instance: 'stt-1' });
    const changes: number[] = [];
    service.onChange(({ version }) => {
      changes.push(version);
    });
    const before = service.current;
    const again = service.bus.subscribe(`${world.prefix}/config/stt-worker/snapshot`, () => delivered.resolve());
    const delivered = Promise.withResolvers<void>();
    await again.refresh();
    await delivered.promise;
    expect(changes).toEqual([]);
    expect(service.current).toBe(before);
    expect(service.health().config).toMatchObject({ version: 1, lastAttempt: { outcome: 'applied', version: 1 } });
  });

  it('believes only its trusted keys', async () => {
    await using world = await openWorld(broker);
    const { readFile } = await import('node:fs/promises');
    const trustedKeys = JSON.parse(await readFile(world.keys.trustedKeysFile, 'utf8'));
    const service = await world.service({ instance: 'stt-1', trustedKeys });
    const health = await world.watch('system/health/stt-1');
    const epoch = service.stamp?.epoch ?? 0;
    const bytes = forge(world, { epoch, version: 9 }, { vad: { threshold: 0.9 } });
    const unsigned = Buffer.from(
      Buffer.from(bytes)
        .toString()
        .replace(/,"signature":"[^"]*"\}$/, '}'),
    );
    const mischief = await world.bus();
    await mischief.publish(`${world.prefix}/config/stt-worker/snapshot`, unsigned);
    const { json } = await health.until(({ json }) => json?.data.error?.code === 'snapshot_refused');
    expect(json.data.error.detail).toContain('no signature');
    expect(service.current.vad.threshold).toBe(0.6);

    const tampered = Buffer.from(Buffer.from(bytes).toString().replace('"threshold":0.9', '"threshold":0.1'));
    health.clear();
    await mischief.publish(`${world.prefix}/config/stt-worker/snapshot`, tampered);
    await health.until(({ json }) => /does not fit/.test(json?.data.error?.detail ?? ''));
    expect(service.stamp?.version).toBe(1);
  });
});
