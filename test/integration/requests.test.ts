import { createEnvelopeWriter } from '@setpoint/protocol';
import { availableBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { openWorld } from '@setpoint/test-support/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-04-All-Faults: a refusal has every fault at once and changes nothing', async () => {
    await using world = await openWorld(broker);
    const snapshots = await world.watch('config/stt-worker/snapshot');
    const operator = await world.operator();
    const result = await operator.request('stt-worker', {
      op: 'merge',
      patch: { vad: { threshold: 1.5, frame: 10 }, whisper: { model: 'Tiny' }, languages: 'en', api: { key: 7 } },
    });

    expect(result).toMatchObject({
      status: 'rejected',
      version: 1,
      changed: [],
      problem: { code: 'document_invalid' },
    });
    expect(
      result.problem?.errors?.map(({ pointer, expected, received, suggestion }) => ({
        pointer,
        expected,
        received,
        suggestion,
      })),
    ).toEqual(
      [
        { pointer: '/vad/frame', expected: 'one of frames, threshold', received: undefined, suggestion: 'frames' },
        { pointer: '/vad/threshold', expected: 'at most 1', received: '1.5', suggestion: undefined },
        {
          pointer: '/whisper/model',
          expected: 'one of "tiny", "base", "small"',
          received: '"Tiny"',
          suggestion: 'tiny',
        },
        { pointer: '/languages', expected: 'a list', received: '"en"', suggestion: undefined },
        { pointer: '/api/key', expected: 'a text', received: '*** REDACTED ***', suggestion: undefined },
      ].sort(byPointerIn(result.problem?.errors ?? [])),
    );
    expect(world.authority.engine.current('stt-worker')?.snapshot.version).toBe(1);
    // What is published after it is the next version: nothing came between.
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.7 } } });
    await snapshots.until(({ json }) => json?.data.version === 2);
    expect(snapshots.messages.map(({ json }) => json.data.version)).toEqual([1, 2]);
  });

  it('Promise-05-Expected-Version: applies one of 20 racing requests and tells the others the present version', async () => {
    await using world = await openWorld(broker);
    const operator = await world.operator();
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        operator.request('stt-worker', { op: 'merge', patch: { vad: { frames: 100 + i } }, expectedVersion: 1 }),
      ),
    );
    expect(results.filter(({ status }) => status === 'applied')).toHaveLength(1);
    const conflicts = results.filter(({ status }) => status === 'conflict');
    expect(conflicts).toHaveLength(19);
    for (const { version, problem } of conflicts) {
      expect(version).toBe(2);
      expect(problem?.code).toBe('version_conflict');
    }
    expect(world.authority.engine.current('stt-worker')?.snapshot.version).toBe(2);
  });

  it('Promise-06-Idempotent-Request: carries a request out once, however often it is delivered', async () => {
    await using world = await openWorld(broker);
    const results = await world.watch('config/stt-worker/result/eve');
    const health = await world.watch('system/health/config-authority');
    await health.until(({ json }) => json?.data.state === 'ready');
    const bus = await world.bus();
    const { bytes } = createEnvelopeWriter({ source: '/operator/eve' }).seal({
      id: 'request-1',
      type: 'setpoint.request.v1',
      subject: 'stt-worker',
      data: { op: 'merge', service: 'stt-worker', author: 'eve', patch: { vad: { frames: 77 } } },
    });
    const send = (): Promise<void> => bus.publish(`${world.prefix}/config/stt-worker/request`, bytes);

    await Promise.all([send(), send()]);
    await results.until(({ json }) => json?.data.status === 'applied');
    await results.until(({ json }) => json?.data.status === 'duplicate');
    await world.stopAuthority();
    results.clear();
    health.clear();
    await world.startAuthority();
    await health.until(({ json }) => json?.data.state === 'ready');
    await send();

    const { json } = await results.until(({ json }) => json?.correlationid === 'request-1');
    expect(json.data).toMatchObject({
      status: 'duplicate',
      version: 2,
      original: { status: 'applied', version: 2, changed: ['/vad/frames'] },
    });
    expect(world.authority.engine.current('stt-worker')?.snapshot.version).toBe(2);
  });

  it('notifies an operator whose change is overwritten within five seconds', async () => {
    await using world = await openWorld(broker);
    const [ann, bob] = [await world.operator('ann'), await world.operator('bob')];
    const notice = Promise.withResolvers<unknown>();
    ann.onNotice(({ status, overwrittenBy, diff }) => notice.resolve({ status, overwrittenBy, diff }));
    await ann.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.7 }, api: { key: 'anns-own-key' } } });
    await bob.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.8 }, api: { key: 'bobs-own-key' } } });
    expect(await notice.promise).toEqual({
      status: 'conflict',
      overwrittenBy: 'bob',
      diff: [
        { pointer: '/vad/threshold', before: 0.7, after: 0.8 },
        { pointer: '/api/key', before: '*** REDACTED ***', after: '*** REDACTED ***' },
      ],
    });
  });

  it('rolls back to the exact content of an old version, above the file', async () => {
    await using world = await openWorld(broker);
    const operator = await world.operator();
    const snapshots = await world.watch('config/stt-worker/snapshot');
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.1 }, languages: ['de'] } });
    await world.writeFile('stt-worker.yaml', 'vad:\n  frames: 99\n');
    await snapshots.until(({ json }) => json?.data.version === 3);

    expect(await operator.request('stt-worker', { op: 'rollback', toVersion: 1 })).toMatchObject({
      status: 'applied',
      version: 4,
    });
    const content = (version: number) =>
      snapshots.messages.find(({ json }) => json.data.version === version)?.json.data;
    await snapshots.until(({ json }) => json?.data.version === 4);
    expect(content(4).digest).toBe(content(1).digest);
    expect(content(4).values).toEqual(content(1).values);
    const { log } = await operator.request('stt-worker', { op: 'log' });
    expect(log?.map(({ version }) => version)).toEqual([4, 3, 2, 1]);
    const { diff } = await operator.request('stt-worker', { op: 'diff', from: 1, to: 2 });
    expect(diff).toEqual([
      { pointer: '/vad/threshold', before: 0.6, after: 0.1 },
      { pointer: '/languages', before: ['en'], after: ['de'] },
    ]);
  });

  it('refuses a change that a running instance could not apply, and names the instance', async () => {
    await using world = await openWorld(broker);
    const { z } = await import('zod');
    const strict = z.looseObject({ vad: z.looseObject({ threshold: z.number().max(0.65) }) });
    await world.connect({ service: 'stt-worker', schema: strict, instance: 'old-build' });
    const convergence = await world.watch('config/stt-worker/convergence');
    await convergence.until(({ json }) => json?.data.instances.applied === 1);
    const operator = await world.operator();
    const result = await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.9 } } });
    expect(result.status).toBe('rejected');
    expect(result.problem?.errors).toMatchObject([
      { pointer: '/vad/threshold', instance: 'old-build', expected: 'at most 0.65' },
    ]);
  });

  it('creates, deletes and creates a service again without a file', async () => {
    await using world = await openWorld(broker);
    const operator = await world.operator();
    const snapshots = await world.watch('config/lamp/snapshot');
    expect(await operator.request('lamp', { op: 'replace', values: { on: true }, expectedVersion: 0 })).toMatchObject({
      status: 'applied',
      version: 1,
    });
    expect(await operator.request('lamp', { op: 'delete' })).toMatchObject({ status: 'applied', version: 2 });
    await snapshots.until(({ text }) => text === '');
    expect(await operator.request('lamp', { op: 'replace', values: { on: false }, expectedVersion: 0 })).toMatchObject({
      status: 'applied',
      version: 3,
    });
    expect(await operator.request('stt-worker', { op: 'delete' })).toMatchObject({
      status: 'rejected',
      problem: { code: 'service_has_file' },
    });
  });
});

/** The order of faults is not promised: the expected ones are put into the order of the received. */
const byPointerIn =
  (received: readonly { pointer: string }[]) =>
  (a: { pointer: string }, b: { pointer: string }): number =>
    received.findIndex(({ pointer }) => pointer === a.pointer) -
    received.findIndex(({ pointer }) => pointer === b.pointer);
