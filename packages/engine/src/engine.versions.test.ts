import type { JsonObject, Result } from '@setpoint/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { createEngine, type Engine } from './engine.ts';
import { compileSchema } from './schema/schema.ts';
import { createMemoryStore } from './store/memory.ts';

const secret = 'hunter2-hunter2';
const schema = compileSchema({
  type: 'object',
  properties: {
    threshold: { type: 'number', maximum: 1, default: 0.5, description: 'How sure it must be' },
    model: { type: 'string', default: 'tiny' },
    password: { type: 'string', 'x-secret': true },
    port: { type: 'integer', 'x-restart-required': true },
    languages: { type: 'array', items: { type: 'string' } },
  },
});

let clock = 0;
let ids = 0;
let engine: Engine;
const now = (): number => Date.parse('2026-06-01T12:00:00Z') + clock * 1000;

beforeEach(async () => {
  clock = 0;
  engine = await createEngine({ store: createMemoryStore({ now }), now, id: 'main' });
  for (const service of ['stt', 'tts']) await engine.loadSources(service, { layers: [], schema });
  await ask('stt', { op: 'replace', values: { threshold: 0.5, password: secret } });
  await ask('tts', { op: 'replace', values: { threshold: 0.5 } });
});

/** Each request comes a second after the one before. */
function ask(service: string, operation: object, author = 'ann', id = `v-${ids++}`): Promise<Result> {
  clock += 1;
  return engine.request({ service, author, ...operation } as never, id, { requester: author });
}
const set = (patch: JsonObject, author = 'ann', reason = ''): Promise<Result> =>
  ask('stt', { op: 'merge', patch, reason }, author);
const valuesOf = (service: string): JsonObject | undefined => engine.current(service)?.snapshot.values;
const versionOf = (service: string): number | undefined => engine.current(service)?.snapshot.version;

describe('a tag', () => {
  it('names the present version, or another, and can be gone back to', async () => {
    await set({ threshold: 0.6 });
    const { status, found } = await ask('stt', { op: 'tag', tag: 'release-12', reason: 'shipped' });
    expect(status).toBe('applied');
    expect(found?.tags).toEqual([
      {
        service: 'stt',
        tag: 'release-12',
        version: 2,
        author: 'ann',
        reason: 'shipped',
        at: '2026-06-01T12:00:04.000Z',
      },
    ]);
    await ask('stt', { op: 'tag', tag: 'first', toVersion: 1 });
    await set({ threshold: 0.9 });
    expect(await ask('stt', { op: 'rollback', toTag: 'release-12' })).toMatchObject({ status: 'applied', version: 4 });
    expect(valuesOf('stt')).toMatchObject({ threshold: 0.6 });
    const listed = await ask('stt', { op: 'tags' });
    expect(listed.found?.tags?.map(({ tag, version }) => [tag, version])).toEqual([
      ['first', 1],
      ['release-12', 2],
    ]);
  });

  it('moves when it is given again, and goes when it is taken away', async () => {
    await ask('stt', { op: 'tag', tag: 'good' });
    await set({ threshold: 0.6 });
    await ask('stt', { op: 'tag', tag: 'good' });
    expect((await ask('stt', { op: 'tags' })).found?.tags?.map(({ version }) => version)).toEqual([2]);
    expect(await ask('stt', { op: 'untag', tag: 'good' })).toMatchObject({ status: 'applied' });
    expect((await ask('stt', { op: 'tags' })).found?.tags).toEqual([]);
    expect(await ask('stt', { op: 'rollback', toTag: 'good' })).toMatchObject({
      status: 'rejected',
      problem: { code: 'tag_unknown', detail: 'stt has no tag good; see its tags' },
    });
  });

  it.each([
    [{ op: 'tag', tag: 'a', toVersion: 9 }, 'stt', 'version_unknown'],
    [{ op: 'untag', tag: 'a' }, 'stt', 'tag_unknown'],
    [{ op: 'tag', tag: 'a' }, 'ghost', 'service_unknown'],
    [{ op: 'tag', tag: 'a', expiresAt: '2026-06-01T12:00:00Z' }, 'stt', 'request_expired'],
    [{ op: 'draft_drop', draft: 'a' }, 'stt', 'draft_unknown'],
    [{ op: 'draft_publish', draft: 'a' }, 'stt', 'draft_unknown'],
    [{ op: 'draft_save', draft: 'a', patch: {} }, 'ghost', 'service_unknown'],
    [{ op: 'profile_drop', profile: 'a' }, 'main', 'profile_unknown'],
    [{ op: 'profile_activate', profile: 'a' }, 'main', 'profile_unknown'],
    [{ op: 'profiles' }, 'stt', 'request_malformed'],
    [{ op: 'show', tag: 'a' }, 'stt', 'tag_unknown'],
    [{ op: 'show', version: 9 }, 'stt', 'version_unknown'],
    [{ op: 'show', at: '2026-05-01T00:00:00Z' }, 'stt', 'version_unknown'],
    [{ op: 'explain', pointer: '/nothing' }, 'stt', 'setting_unknown'],
    [{ op: 'blame', pointer: '/nothing' }, 'stt', 'setting_unknown'],
    [{ op: 'diff', from: 1, to: { service: 'ghost' } }, 'stt', 'service_unknown'],
    [{ op: 'diff', from: { draft: 'a' }, to: 1 }, 'stt', 'draft_unknown'],
    [{ op: 'rollback', toVersion: 1, pointers: ['/nothing'] }, 'stt', 'setting_unknown'],
    [{ op: 'explain' }, 'ghost', 'service_unknown'],
    [{ op: 'backup' }, 'main', 'store_unavailable'],
  ])('or anything else that is not there is refused: %j', async (operation, service, code) => {
    expect(await ask(service, operation)).toMatchObject({ status: 'rejected', problem: { code } });
  });

  it('is given once for a request that comes twice', async () => {
    await ask('stt', { op: 'tag', tag: 'good' }, 'ann', 'once');
    await ask('stt', { op: 'untag', tag: 'good' });
    expect(await ask('stt', { op: 'tag', tag: 'good' }, 'ann', 'once')).toMatchObject({
      status: 'duplicate',
      original: { status: 'applied' },
    });
    expect((await ask('stt', { op: 'tags' })).found?.tags).toEqual([]);
  });

  it('is what those after it find that come with it', async () => {
    const answers = await Promise.all([
      ask('stt', { op: 'tag', tag: 'good' }),
      set({ threshold: 0.9 }),
      ask('stt', { op: 'rollback', toTag: 'good' }),
      ask('stt', { op: 'untag', tag: 'good' }),
      ask('stt', { op: 'rollback', toTag: 'good' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['applied', 'applied', 'applied', 'applied', 'rejected']);
  });
});

it('refuses every kind of request that names another author than who asks', async () => {
  for (const [service, op] of [
    ['stt', { op: 'tag', tag: 'a' }],
    ['stt', { op: 'explain' }],
    ['main', { op: 'profile_save', profile: 'a' }],
    ['main', { op: 'profile_activate', profile: 'a' }],
    ['main', { op: 'backup' }],
  ] as const) {
    const answer = await engine.request({ service, author: 'bob', ...op } as never, `d-${ids++}`, { requester: 'ann' });
    expect(answer).toMatchObject({ status: 'denied', problem: { code: 'access_denied' } });
  }
});

describe('going back in part', () => {
  it('Version-07-Part-Rollback: brings back the named places and leaves the rest', async () => {
    await set({ threshold: 0.6, model: 'base', languages: ['en'] });
    await set({ threshold: 0.9, model: 'large', languages: null });
    const result = await ask('stt', { op: 'rollback', toVersion: 2, pointers: ['/threshold', '/languages'] });
    expect(result).toMatchObject({ status: 'applied', changed: ['/threshold', '/languages'] });
    expect(valuesOf('stt')).toEqual({ threshold: 0.6, model: 'large', languages: ['en'], password: secret });
  });

  it('names what is no place of its own', async () => {
    await set({ languages: ['en'] });
    const { problem } = await ask('stt', { op: 'rollback', toVersion: 2, pointers: ['/languages/0', '/x'] });
    expect(problem?.errors).toEqual([
      { pointer: '/languages/0', message: 'lies in a list, which goes back as a whole; name the list' },
      { pointer: '/x', message: 'is in neither version' },
    ]);
  });
});

describe('a draft', () => {
  it('is validated and compared, and changes nothing until it is published', async () => {
    const saved = await ask('stt', { op: 'draft_save', draft: 'night', patch: { threshold: 0.7 }, reason: 'quiet' });
    expect(saved).toMatchObject({ status: 'applied', version: 1, changed: ['/threshold'] });
    await ask('stt', { op: 'draft_save', draft: 'night', patch: { model: 'base' } });
    expect(versionOf('stt')).toBe(1);
    expect((await ask('stt', { op: 'drafts' })).found?.drafts).toEqual([
      { service: 'stt', draft: 'night', base: 1, author: 'ann', reason: '', at: '2026-06-01T12:00:04.000Z' },
    ]);
    expect((await ask('stt', { op: 'diff', from: 'present', to: { draft: 'night' } })).diff).toEqual([
      { pointer: '/threshold', before: 0.5, after: 0.7 },
      { pointer: '/model', before: 'tiny', after: 'base' },
    ]);
    expect(await ask('stt', { op: 'draft_publish', draft: 'night' })).toMatchObject({
      status: 'applied',
      version: 2,
      changed: ['/threshold', '/model'],
    });
    expect((await ask('stt', { op: 'drafts' })).found?.drafts).toEqual([]);
  });

  it('is refused with all its faults where it would not be valid, and keeps what it was', async () => {
    await ask('stt', { op: 'draft_save', draft: 'night', patch: { threshold: 0.7 } });
    const { status, problem } = await ask('stt', {
      op: 'draft_save',
      draft: 'night',
      patch: { threshold: 7, modle: 1 },
    });
    expect(status).toBe('rejected');
    expect(problem?.errors?.map(({ pointer }) => pointer).sort()).toEqual(['/modle', '/threshold']);
    expect(await ask('stt', { op: 'draft_publish', draft: 'night' })).toMatchObject({ changed: ['/threshold'] });
  });

  it('goes over what others changed elsewhere, and is refused where they changed the same', async () => {
    await ask('stt', { op: 'draft_save', draft: 'night', patch: { threshold: 0.7 } });
    await ask('stt', { op: 'draft_save', draft: 'other', patch: { model: 'base', threshold: 0.9 } });
    await set({ model: 'large' }, 'bob');
    expect(await ask('stt', { op: 'draft_publish', draft: 'night' })).toMatchObject({ status: 'applied' });
    expect(valuesOf('stt')).toMatchObject({ threshold: 0.7, model: 'large' });
    const { problem } = await ask('stt', { op: 'draft_publish', draft: 'other' });
    expect(problem).toMatchObject({ code: 'draft_conflict' });
    expect(problem?.errors?.map(({ pointer }) => pointer)).toEqual(['/threshold', '/model']);
    expect(versionOf('stt')).toBe(3);
  });

  it('is dropped without a trace in the document', async () => {
    await ask('stt', { op: 'draft_save', draft: 'night', patch: { threshold: 0.7 } });
    expect(await ask('stt', { op: 'draft_drop', draft: 'night' })).toMatchObject({ status: 'applied', version: 1 });
    expect((await ask('stt', { op: 'drafts' })).found?.drafts).toEqual([]);
  });
});

describe('a profile', () => {
  beforeEach(async () => {
    await ask('main', { op: 'profile_save', profile: 'calm', reason: 'before the fair' });
    await set({ threshold: 0.9 });
    await ask('tts', { op: 'merge', patch: { threshold: 0.9 } });
  });

  it('has the version of every service, and brings all of them back', async () => {
    expect((await ask('main', { op: 'profiles' })).found?.profiles).toEqual([
      {
        profile: 'calm',
        services: { stt: 1, tts: 1 },
        author: 'ann',
        reason: 'before the fair',
        at: '2026-06-01T12:00:03.000Z',
      },
    ]);
    const commits: string[] = [];
    engine.onCommit(({ snapshot }) => commits.push(`${snapshot.service} ${snapshot.version} ${snapshot.reason}`));
    const result = await ask('main', { op: 'profile_activate', profile: 'calm', reason: 'all wrong' });
    expect(result).toMatchObject({ status: 'applied', services: { stt: 3, tts: 3 } });
    expect([valuesOf('stt'), valuesOf('tts')]).toEqual([
      { threshold: 0.5, model: 'tiny', password: secret },
      { threshold: 0.5, model: 'tiny' },
    ]);
    expect(commits).toEqual(['stt 3 profile calm: all wrong', 'tts 3 profile calm: all wrong']);
    expect(engine.store.commitCount).toBe(6);
  });

  it('Version-04-All-Or-None: switches none when one service refuses, and names what it refuses', async () => {
    const strict = compileSchema({
      properties: { threshold: { type: 'number', minimum: 0.6, default: 0.8 }, model: {} },
    });
    await engine.loadSources('tts', { layers: [], schema: strict });
    const result = await ask('main', { op: 'profile_activate', profile: 'calm' });
    expect(result).toMatchObject({ status: 'rejected', problem: { code: 'document_invalid' } });
    expect(result.problem?.errors?.map(({ pointer }) => pointer)).toEqual(['/tts/threshold']);
    expect([versionOf('stt'), versionOf('tts')]).toEqual([2, 2]);
    expect(valuesOf('stt')).toMatchObject({ threshold: 0.9 });
  });

  it('brings back a service that was deleted since, and goes when it is dropped', async () => {
    await ask('tts', { op: 'delete' });
    expect(await ask('main', { op: 'profile_activate', profile: 'calm' })).toMatchObject({
      services: { stt: 3, tts: 4 },
    });
    expect(valuesOf('tts')).toEqual({ threshold: 0.5, model: 'tiny' });
    expect(await ask('main', { op: 'profile_drop', profile: 'calm' })).toMatchObject({ status: 'applied' });
    expect((await ask('main', { op: 'profiles' })).found?.profiles).toEqual([]);
  });
});

describe('looking back', () => {
  it('shows the present version, one by number, by tag, and the one of a moment; secrets masked', async () => {
    await set({ threshold: 0.6 });
    await ask('stt', { op: 'tag', tag: 'good', toVersion: 1 });
    const thresholds = await Promise.all(
      [{}, { version: 1 }, { tag: 'good' }, { at: '2026-06-01T12:00:02.500Z' }, { at: '2026-06-01T13:00:00Z' }].map(
        async (moment) => (await ask('stt', { op: 'show', ...moment })).found?.document?.threshold,
      ),
    );
    expect(thresholds).toEqual([0.6, 0.5, 0.5, 0.5, 0.6]);
    const { found, log } = await ask('stt', { op: 'show' });
    expect(found?.document).toEqual({ threshold: 0.6, model: 'tiny', password: '*** REDACTED ***' });
    expect(log).toMatchObject([{ version: 2, author: 'ann', changed: ['/threshold'] }]);
  });

  it('blames each setting on who changed it last', async () => {
    await set({ threshold: 0.6 }, 'bob', 'noise');
    await set({ model: 'base' }, 'eve');
    const { found } = await ask('stt', { op: 'blame' });
    expect(found?.blame?.map(({ pointer, version, author, reason }) => [pointer, version, author, reason])).toEqual([
      ['/password', 1, 'ann', ''],
      ['/threshold', 2, 'bob', 'noise'],
      ['/model', 3, 'eve', ''],
    ]);
    expect((await ask('stt', { op: 'blame', pointer: '/model' })).found?.blame).toEqual([
      { pointer: '/model', version: 3, author: 'eve', reason: '', committedAt: '2026-06-01T12:00:04.000Z' },
    ]);
  });

  it('Layer-10-Explained: explains where values come from, now, then, and at a moment', async () => {
    const layer = { name: 'yaml_file', document: { threshold: 0.2 }, author: 'file:stt.yaml' } as const;
    const locate = () => ({ file: 'stt.yaml', line: 7 });
    await engine.loadSources('stt', { layers: [{ ...layer, locate }], schema });
    await set({ model: 'base' }, 'bob', 'better');
    const { found } = await ask('stt', { op: 'explain', pointer: '/model' });
    expect(found?.explanation).toEqual([
      {
        pointer: '/model',
        value: 'base',
        layer: 'runtime_update',
        author: 'bob',
        version: 3,
        at: '2026-06-01T12:00:03.000Z',
        reason: 'better',
        hot: true,
        secret: false,
        beneath: [{ layer: 'default', value: 'tiny' }],
      },
    ]);
    await ask('stt', { op: 'merge', patch: { model: null } });
    const then = await ask('stt', { op: 'explain', pointer: '/model', version: 3 });
    expect(then.found?.explanation).toMatchObject([{ value: 'base', layer: 'runtime_update', author: 'bob' }]);
    const layerAt = async (moment: object) =>
      (await ask('stt', { op: 'explain', pointer: '/model', ...moment })).found?.explanation?.[0]?.layer;
    expect(await layerAt({})).toBe('default');
    expect(await layerAt({ at: '2026-06-01T12:00:03.500Z' })).toBe('runtime_update');
    const shown = await ask('stt', { op: 'explain' });
    expect(JSON.stringify(shown)).not.toContain(secret);
  });

  it('Version-08-History: tells the history of all services and of some, newest first', async () => {
    await set({ threshold: 0.6 }, 'bob');
    const told = async (filter: object) =>
      (await ask('main', { op: 'history', ...filter })).log?.map(({ service, version }) => `${service} ${version}`);
    expect(await told({})).toEqual(['stt 2', 'tts 1', 'stt 1']);
    expect(await told({ of: 'tts' })).toEqual(['tts 1']);
    expect(await told({ by: 'bob' })).toEqual(['stt 2']);
    expect(await told({ since: '2026-06-01T12:00:02Z' })).toEqual(['stt 2', 'tts 1']);
    expect(await told({ pointer: '/threshold', limit: 1 })).toEqual(['stt 2']);
    expect(await told({ before: 3 })).toEqual(['tts 1', 'stt 1']);
    const { log } = await ask('stt', { op: 'log', by: 'bob', pointer: '/threshold' });
    expect(log?.map(({ version }) => version)).toEqual([2]);
  });

  it('shows a key only the services that it is for', async () => {
    const narrow = { requester: 'ann', signedBy: { keyId: 'k', services: ['main', 'stt'] } };
    const look = (service: string, operation: object) =>
      engine.request({ service, author: 'ann', ...operation } as never, `n-${ids++}`, narrow);
    const { log } = await look('main', { op: 'history' });
    expect(log?.map(({ service }) => service)).toEqual(['stt']);
    const page = await look('main', { op: 'history', limit: 1 });
    expect(page.log?.map(({ service }) => service)).toEqual(['stt']);
    const { found } = await look('main', { op: 'search', text: 'threshold' });
    expect(found?.hits?.map(({ service }) => service)).toEqual(['stt']);
    expect(await look('stt', { op: 'diff', from: 1, to: { service: 'tts' } })).toMatchObject({
      problem: { code: 'access_denied' },
    });
  });

  it('compares versions, tags, layers, services and documents at hand', async () => {
    await ask('stt', { op: 'tag', tag: 'first' });
    await set({ threshold: 0.6, password: 'another-secret' });
    const diff = async (from: unknown, to: unknown) =>
      (await ask('stt', { op: 'diff', from, to })).diff?.toSorted((a, b) => (a.pointer < b.pointer ? 1 : -1));
    const masked = { pointer: '/password', before: '*** REDACTED ***', after: '*** REDACTED ***' };
    expect(await diff({ tag: 'first' }, 2)).toEqual([{ pointer: '/threshold', before: 0.5, after: 0.6 }, masked]);
    expect(await diff({ layer: 'default' }, { layer: 'runtime_update' })).toEqual([
      { pointer: '/threshold', before: 0.5, after: 0.6 },
      { pointer: '/password', after: '*** REDACTED ***' },
      { pointer: '/model', before: 'tiny' },
    ]);
    expect(await diff({ service: 'tts' }, 'present')).toEqual([
      { pointer: '/threshold', before: 0.5, after: 0.6 },
      { pointer: '/password', after: '*** REDACTED ***' },
    ]);
    expect(await diff('present', { values: { threshold: 0.6, model: 'tiny', password: 'x' } })).toEqual([masked]);
    expect(await diff({ layer: 'environment' }, { values: {} })).toEqual([]);
  });

  it('gives the schema, also of a service that is not there yet', async () => {
    await engine.loadSources('new', { layers: [], schema });
    for (const service of ['stt', 'new']) {
      expect((await ask(service, { op: 'schema' })).found?.schema).toMatchObject({ type: 'object' });
    }
    expect(await ask('ghost', { op: 'schema' })).toMatchObject({ problem: { code: 'service_unknown' } });
  });
});

it('says of a setting that changes nothing that it came with the present version', async () => {
  await ask('stt', { op: 'merge', patch: { model: 'tiny' } }, 'bob');
  const { found } = await ask('stt', { op: 'explain', pointer: '/model' });
  expect(found?.explanation).toMatchObject([{ layer: 'runtime_update', author: 'bob', version: 1 }]);
});

it.each(['copy', 'move'])('lets no patch %s a secret to a place that everybody sees', async (op) => {
  const patch = [{ op, from: '/password', path: '/model' }];
  expect(await ask('stt', { op: 'patch', patch })).toMatchObject({
    status: 'rejected',
    problem: { code: 'patch_failed', errors: [{ pointer: '/model' }] },
  });
});

it('makes a version when a schema marks a secret that stands there already, and none when it does not', async () => {
  const marking = compileSchema({
    properties: { threshold: {}, model: { 'x-secret': true }, password: { 'x-secret': true } },
  });
  await set({ model: 'sesame' });
  const before = versionOf('stt');
  expect(await engine.loadSources('stt', { layers: [], schema: marking })).toMatchObject({ status: 'applied' });
  expect(engine.current('stt')?.snapshot.secrets).toEqual(['/model', '/password']);
  expect(await engine.loadSources('stt', { layers: [], schema })).toMatchObject({ status: 'unchanged' });
  expect(versionOf('stt')).toBe((before ?? 0) + 1);
});

it('says nothing of a service that was deleted but its history', async () => {
  await ask('tts', { op: 'delete' });
  for (const op of ['show', 'explain', 'blame']) {
    expect(await ask('tts', { op })).toMatchObject({ status: 'rejected', problem: { code: 'service_unknown' } });
  }
  expect((await ask('tts', { op: 'log' })).log).toHaveLength(2);
  expect((await ask('tts', { op: 'show', version: 1 })).found?.document).toMatchObject({ threshold: 0.5 });
});

it('takes the authority for no service', async () => {
  expect(await ask('main', { op: 'merge', patch: { a: 1 } })).toMatchObject({
    status: 'rejected',
    problem: { code: 'request_malformed', detail: 'main is the authority, and no service' },
  });
});

it('takes what was set as a secret for one until it is set anew, also where nobody marks it any more', async () => {
  const unmarked = compileSchema({ properties: { threshold: {}, model: {}, password: {} } });
  await engine.loadSources('stt', { layers: [], schema: unmarked });
  await set({ threshold: 0.7 });
  expect(engine.current('stt')?.snapshot.secrets).toEqual(['/password']);
  await set({ password: 'not secret any more' });
  expect(engine.current('stt')?.snapshot.secrets).toEqual([]);
});
