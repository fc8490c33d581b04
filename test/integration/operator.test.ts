import { connectOperator, isRefused, type OperatorConnection } from '@setpoint/client/operator';
import { type AedesHarness, openAedes } from '@setpoint/test-support/brokers/aedes';
import { sttSchemaFile } from '@setpoint/test-support/stt-service';
import { openWorld, type World } from '@setpoint/test-support/world';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

// Every method of an operator's connection, over aedes, against an authority with SQLite.

let broker: AedesHarness;
let world: World;
let operator: OperatorConnection;

beforeAll(async () => {
  broker = await openAedes();
});
afterAll(() => broker.close());

beforeEach(async () => {
  world = await openWorld(broker);
  operator = await connectOperator({ url: broker.url, name: 'ada', prefix: world.prefix });
});
afterEach(async () => {
  await operator.stop();
  await world[Symbol.asyncDispose]();
});

describe('House-60-Operator: an operator that connects with a URL and a name', () => {
  it('merges, and gets the version and the changed pointers', async () => {
    expect(await operator.merge('stt-worker', { vad: { threshold: 0.7 } }, { reason: 'noise' })).toMatchObject({
      status: 'applied',
      service: 'stt-worker',
      version: 2,
      changed: ['/vad/threshold'],
      restartRequired: [],
    });
    expect(await operator.merge('stt-worker', { vad: { threshold: 0.7 } })).toMatchObject({ status: 'unchanged' });
  });

  it('gets a refusal as a value, with every fault', async () => {
    const result = await operator.merge('stt-worker', { vad: { threshold: 7, frames: 'many' } });
    expect(isRefused(result) && [result.status, result.problem.errors?.map(({ pointer }) => pointer).sort()]).toEqual([
      'rejected',
      ['/vad/frames', '/vad/threshold'],
    ]);
  });

  it('gets a conflict when the service is at another version than expected', async () => {
    const result = await operator.patch('stt-worker', [{ op: 'replace', path: '/vad/threshold', value: 0.7 }], {
      expectedVersion: 9,
    });
    expect(result).toMatchObject({ status: 'conflict', version: 1, problem: { code: 'version_conflict' } });
  });

  it('patches, replaces, imports and rolls back, by number and by tag', async () => {
    const patched = await operator.patch('stt-worker', [{ op: 'replace', path: '/vad/threshold', value: 0.7 }]);
    expect(patched).toMatchObject({ status: 'applied', version: 2 });
    expect(await operator.tag('stt-worker', 'quiet', { version: 1 })).toMatchObject({
      status: 'applied',
      tag: { tag: 'quiet', version: 1, author: 'ada' },
    });
    const replaced = await operator.replace('stt-worker', { vad: { threshold: 0.8 } });
    expect(replaced).toMatchObject({ status: 'applied', version: 3 });
    const text = '{"vad":{"threshold":0.9}}';
    expect(await operator.import('stt-worker', text, 'json')).toMatchObject({ status: 'applied', version: 4 });
    expect(await operator.rollback('stt-worker', { version: 2 })).toMatchObject({ status: 'applied', version: 5 });
    const toTag = await operator.rollback('stt-worker', { tag: 'quiet' }, { pointers: ['/vad'] });
    expect(toTag).toMatchObject({ status: 'applied', version: 6, changed: ['/vad/threshold'] });
    expect(await operator.tags('stt-worker')).toMatchObject({ status: 'found', tags: [{ tag: 'quiet', version: 1 }] });
    expect(await operator.untag('stt-worker', 'quiet')).toMatchObject({ status: 'applied' });
  });

  it('validates without changing anything, and is offered a fix', async () => {
    expect(await operator.validate('stt-worker', { patch: { vad: { threshold: 0.9 } } })).toMatchObject({
      status: 'valid',
      changed: ['/vad/threshold'],
    });
    const clamped = await operator.validate('stt-worker', { patch: { vad: { threshold: 7 } } }, { fix: 'clamp' });
    expect(clamped).toMatchObject({ status: 'rejected', fix: { complete: true } });
    expect(await operator.log('stt-worker')).toMatchObject({ log: [{ version: 1 }] });
  });

  it('reads the history, one version, differences, origins and authors', async () => {
    await operator.merge('stt-worker', { vad: { threshold: 0.7 } }, { reason: 'noise' });
    expect(await operator.log('stt-worker', { limit: 1 })).toMatchObject({
      status: 'found',
      log: [{ version: 2, author: 'ada', reason: 'noise', changed: ['/vad/threshold'] }],
    });
    expect(await operator.show('stt-worker', { version: 1 })).toMatchObject({
      status: 'found',
      document: { vad: { threshold: 0.6 }, api: { key: '*** REDACTED ***' } },
      secrets: ['/api/key'],
      entry: { version: 1 },
    });
    expect(await operator.diff('stt-worker', 1, 'present')).toMatchObject({
      diff: [{ pointer: '/vad/threshold', before: 0.6, after: 0.7 }],
    });
    expect(await operator.explain('stt-worker', '/vad/threshold')).toMatchObject({
      explanation: [{ pointer: '/vad/threshold', value: 0.7, layer: 'runtime_update', author: 'ada' }],
    });
    expect(await operator.blame('stt-worker', '/vad/threshold')).toMatchObject({
      blame: [{ pointer: '/vad/threshold', version: 2, author: 'ada' }],
    });
    expect(await operator.export('stt-worker', 'json')).toMatchObject({
      status: 'found',
      text: expect.stringContaining('"threshold": 0.7'),
      secrets: ['/api/key'],
    });
    expect(await operator.schema('stt-worker')).toMatchObject({ schema: { type: 'object' } });
    expect(await operator.previewSchema('stt-worker', JSON.parse(sttSchemaFile))).toMatchObject({
      preview: { faults: [], changed: [] },
    });
  });

  it('keeps drafts and publishes one', async () => {
    expect(await operator.saveDraft('stt-worker', 'night', { vad: { threshold: 0.9 } })).toMatchObject({
      status: 'applied',
      draft: { draft: 'night', base: 1 },
    });
    expect(await operator.drafts('stt-worker')).toMatchObject({ drafts: [{ draft: 'night' }] });
    expect(await operator.publishDraft('stt-worker', 'night')).toMatchObject({ status: 'applied', version: 2 });
    await operator.saveDraft('stt-worker', 'day', { vad: { threshold: 0.4 } });
    expect(await operator.dropDraft('stt-worker', 'day')).toMatchObject({ status: 'applied' });
  });

  it('keeps profiles and goes back to one', async () => {
    expect(await operator.saveProfile('before')).toMatchObject({
      status: 'applied',
      profile: { profile: 'before', services: { 'stt-worker': 1 } },
    });
    await operator.merge('stt-worker', { vad: { threshold: 0.7 } });
    expect(await operator.activateProfile('before')).toMatchObject({
      status: 'applied',
      services: { 'stt-worker': 3 },
    });
    expect(await operator.profiles()).toMatchObject({ profiles: [{ profile: 'before' }] });
    expect(await operator.dropProfile('before')).toMatchObject({ status: 'applied' });
  });

  it('looks at all services: history, search, instances, integrity and a backup', async () => {
    await using service = await world.service({ instance: 'stt-1' });
    expect(service.stamp?.version).toBe(1);
    expect(await operator.history({ of: 'stt-worker' })).toMatchObject({
      log: [{ service: 'stt-worker', version: 1 }],
    });
    expect(await operator.search('threshold')).toMatchObject({
      hits: [{ service: 'stt-worker', pointer: '/vad/threshold', value: 0.6 }],
    });
    expect(await operator.instances({ of: 'stt-worker' })).toMatchObject({ instances: [{ instance: 'stt-1' }] });
    expect(await operator.fsck()).toMatchObject({ status: 'found', verified: 1, faults: [] });
    expect(await operator.backup()).toMatchObject({ status: 'found', file: expect.any(String) });
  });

  it('does not delete a service that still has a file', async () => {
    expect(await operator.delete('stt-worker')).toMatchObject({ status: 'rejected' });
  });

  it('is told when another operator overwrites its change', async () => {
    const { promise: notice, resolve } = Promise.withResolvers<object>();
    operator.onOverwritten(resolve);
    await using other = await connectOperator({ url: broker.url, name: 'grace', prefix: world.prefix });
    await operator.merge('stt-worker', { vad: { threshold: 0.7 } });
    await other.merge('stt-worker', { vad: { threshold: 0.8 } });
    expect(await notice).toMatchObject({ overwrittenBy: 'grace' });
  });

  it('is told of an overwritten change also when the other one activated a profile', async () => {
    await operator.saveProfile('before');
    const { promise: notice, resolve } = Promise.withResolvers<object>();
    operator.onOverwritten(resolve);
    await using other = await connectOperator({ url: broker.url, name: 'grace', prefix: world.prefix });
    await operator.merge('stt-worker', { vad: { threshold: 0.7 } });
    expect(await other.activateProfile('before')).toMatchObject({ status: 'applied' });
    expect(await notice).toMatchObject({ overwrittenBy: 'grace' });
  });

  it('ends what waits, and refuses what comes later, when its connection is stopped', async () => {
    await operator.tags('stt-worker');
    await world.stopAuthority();
    const waiting = operator.tags('stt-worker');
    const ended = expect(waiting).rejects.toMatchObject({ code: 'stopped' });
    await operator.stop();
    await ended;
    await expect(operator.tags('stt-worker')).rejects.toMatchObject({ code: 'stopped' });
  });

  it('throws when nobody answers, and names an invalid URL', async () => {
    await world.stopAuthority();
    await using hasty = await connectOperator({ url: broker.url, name: 'ada', prefix: world.prefix, timeoutMs: 100 });
    await expect(hasty.tags('stt-worker')).rejects.toMatchObject({ code: 'no_answer' });
    await expect(connectOperator({ url: 'http://broker', name: 'ada' })).rejects.toMatchObject({ code: 'url_invalid' });
    await expect(connectOperator({ url: broker.url, name: 'A B' })).rejects.toMatchObject({ code: 'name_invalid' });
  });
});
