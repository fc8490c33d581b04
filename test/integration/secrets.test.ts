import { availableBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { openWorld } from '@setpoint/test-support/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const secrets = [
  'first-secret-2718',
  'second-secret-3141',
  'third-secret-1618',
  'fourth-secret-1414',
  'misspelt-secret-1732',
];

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-16-Secrets-Masked: no log line and no message but the snapshot contains a secret', async () => {
    const file = (key: string): string => `vad:\n  threshold: 0.6\napi:\n  key: ${key}\n`;
    await using world = await openWorld(broker, { file: file('first-secret-2718') });
    const everything = await world.watch('#');
    const service = await world.service({ instance: 'stt-1' });
    const health = await world.watch('system/health/stt-1');
    const authority = await world.watch('system/health/config-authority');
    const [ann, bob] = [await world.operator('ann'), await world.operator('bob')];
    service.onChange(({ current }) => {
      if (current.api.key.startsWith('third')) throw new Error(`can't log in with ${current.api.key}`);
    });

    // By request: applied, overwritten by another, thrown at by a handler, refused, misspelt, of the wrong type.
    await ann.request('stt-worker', { op: 'merge', patch: { api: { key: 'second-secret-3141' } } });
    await bob.request('stt-worker', { op: 'merge', patch: { api: { key: 'third-secret-1618' } } });
    await health.until(({ json }) => json?.data.event === 'config_rejected');
    await ann.request('stt-worker', { op: 'merge', patch: { api: 'fourth-secret-1414' } });
    await ann.request('stt-worker', { op: 'merge', patch: { api: { kee: 'misspelt-secret-1732' } } });
    await ann.request('stt-worker', { op: 'merge', patch: { api: { key: { value: 'fourth-secret-1414' } } } });
    await ann.request('stt-worker', {
      op: 'patch',
      patch: [{ op: 'test', path: '/api/key', value: 'fourth-secret-1414' }],
    });
    await ann.request('stt-worker', { op: 'validate', patch: { api: { key: ['fourth-secret-1414'] } } });
    expect(await ann.request('stt-worker', { op: 'diff', from: 1, to: 3 })).toMatchObject({
      diff: [{ pointer: '/api/key', before: '*** REDACTED ***', after: '*** REDACTED ***' }],
    });
    await ann.request('stt-worker', { op: 'rollback', toVersion: 1 });
    await health.until(({ json }) => json?.data.config?.version === 4);
    // By file, with nothing of the runtime layer over it: a list where a text should be, and a file that is no YAML.
    await world.writeFile('stt-worker.yaml', file('[fourth-secret-1414]'));
    await authority.until(({ json }) => json?.data.state === 'degraded');
    authority.clear();
    await world.writeFile('stt-worker.yaml', file('"fourth-secret-1414'));
    await authority.until(({ json }) => json?.data.state === 'degraded');

    const isPrivate = (topic: string): boolean => topic.endsWith('/snapshot') || topic.endsWith('/request');
    const told = everything.messages
      .filter(({ topic }) => !isPrivate(topic))
      .map(({ topic, text }) => `${topic} ${text}`);
    const lines = [...world.logs, ...told];
    expect(told.length).toBeGreaterThan(10);
    expect(world.logs.length).toBeGreaterThan(5);
    for (const secret of secrets) expect(lines.filter((line) => line.includes(secret))).toEqual([]);
  });
});
