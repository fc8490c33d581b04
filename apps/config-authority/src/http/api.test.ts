import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { type AedesHarness, openAedes } from '@setpoint/test-support/brokers/aedes';
import { freePort } from '@setpoint/test-support/free-port';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServedApi, type ServedApi } from '../../test/served-api.ts';
import { openApiKeys } from './api-keys.ts';
import { identifyByKey, identifyByName, identifyNobody } from './caller.ts';
import { startHttpServer } from './server.ts';

const merge = 'application/merge-patch+json';
const patch = 'application/json-patch+json';
const stt = '/services/stt-worker';

let broker: AedesHarness;
beforeAll(async () => {
  broker = await openAedes();
});
afterAll(() => broker.close());

describe('the API', () => {
  let api: ServedApi;
  let ask: ServedApi['ask'];
  let sequence = 0;
  /** A service of its own for each test, at version 1. */
  async function makeLamp(): Promise<{ lamp: string; etag: string }> {
    const lamp = `/services/lamp-${++sequence}`;
    const { status, headers } = await ask('PATCH', lamp, { type: merge, body: { on: true, level: 1 } });
    expect(status).toBe(200);
    return { lamp, etag: headers.get('etag') ?? '' };
  }

  beforeAll(async () => {
    api = await openServedApi(broker, { maxBodyBytes: 100_000 });
    ask = api.ask;
  });
  afterAll(() => api[Symbol.asyncDispose]());

  it('lists every service with its version', async () => {
    const { lamp } = await makeLamp();
    const { status, json } = await ask('GET', '/services');
    expect(status).toBe(200);
    expect(json.services).toContainEqual(
      expect.objectContaining({ service: lamp.slice('/services/'.length), version: 1, author: 'http', reason: '' }),
    );
    expect(json.services.map(({ service }: { service: string }) => service)).toContain('stt-worker');
  });

  it('gives the source of each value of a document, and whether it needs a restart', async () => {
    const { status, headers, json } = await ask('GET', stt);
    expect(status).toBe(200);
    expect(headers.get('etag')).toMatch(/^"\d+-1"$/);
    expect(json.values).toEqual({
      vad: { threshold: 0.6, frames: 30 },
      api: { key: '*** REDACTED ***' },
      whisper: { model: 'base', device: 'cpu' },
      languages: ['en'],
    });
    expect(json.sources['/vad/threshold']).toMatchObject({ layer: 'yaml_file', line: 2, hot: true, secret: false });
    expect(json.sources['/whisper/device']).toEqual({ layer: 'default', hot: false, secret: false });
    expect(json.sources['/api/key']).toMatchObject({ secret: true });
    expect(json).toMatchObject({ version: 1, secrets: ['/api/key'], restartRequired: ['/whisper/device'] });
  });

  it('answers 304 when the client has the document already', async () => {
    const { lamp, etag } = await makeLamp();
    const known = await ask('GET', lamp, { headers: { 'if-none-match': `"x", W/${etag}` } });
    expect([known.status, known.text, known.headers.get('etag')]).toEqual([304, '', etag]);
    await ask('PATCH', lamp, { type: merge, body: { on: false } });
    expect((await ask('GET', lamp, { headers: { 'if-none-match': etag } })).status).toBe(200);
  });

  it('answers HEAD as GET, without the body', async () => {
    const got = await ask('GET', stt);
    const head = await ask('HEAD', stt);
    expect([head.status, head.text]).toEqual([200, '']);
    for (const name of ['etag', 'content-type', 'content-length']) {
      expect(head.headers.get(name), name).toBe(got.headers.get(name));
    }
    expect((await ask('HEAD', '/events')).headers.get('content-type')).toBe('text/event-stream');
    expect((await ask('HEAD', '/services/nobody')).status).toBe(404);
  });

  it('reads an older version of a document', async () => {
    const { lamp } = await makeLamp();
    await ask('PATCH', lamp, { type: merge, body: { on: false } });
    const before = await ask('GET', `${lamp}?version=1`);
    expect([before.json.version, before.json.values.on, before.headers.get('etag')]).toEqual([1, true, null]);
    expect((await ask('GET', `${lamp}?version=7`)).json).toMatchObject({ status: 404, code: 'version_unknown' });
  });

  it('reads a service without a setting', async () => {
    expect((await ask('PATCH', '/services/nothing', { type: merge, body: {} })).status).toBe(200);
    const { status, json } = await ask('GET', '/services/nothing');
    expect([status, json.values]).toEqual([200, {}]);
  });

  it('takes a merge patch and a JSON Patch, with the reason and the name of the caller', async () => {
    const { lamp } = await makeLamp();
    const merged = await ask('PATCH', lamp, {
      type: `${merge}; charset=utf-8`,
      body: { level: 2 },
      // As curl sends it: the bytes of "darker ☾".
      headers: { 'x-setpoint-reason': Buffer.from('darker ☾').toString('latin1'), 'x-setpoint-operator': 'ann' },
    });
    expect(merged.json).toMatchObject({ status: 'applied', version: 2, changed: ['/level'] });
    const patched = await ask('PATCH', `${lamp}?reason=brighter%20%E2%98%80`, {
      type: patch,
      body: [{ op: 'replace', path: '/level', value: 9 }],
    });
    expect(patched.json).toMatchObject({ status: 'applied', version: 3 });
    expect((await ask('GET', `${lamp}/history`)).json.history).toMatchObject([
      { version: 3, author: 'http', reason: 'brighter ☀' },
      { version: 2, author: 'ann', reason: 'darker ☾' },
      { version: 1, author: 'http', reason: '' },
    ]);
  });

  it('changes a service only at the expected version', async () => {
    const { lamp, etag } = await makeLamp();
    const change = (headers: Record<string, string>, level: number) =>
      ask('PATCH', lamp, { type: merge, body: { level }, headers });
    const second = await change({ 'if-match': etag }, 2);
    expect([second.status, second.json.version]).toEqual([200, 2]);
    const late = await change({ 'if-match': etag }, 3);
    expect(late.json).toMatchObject({ status: 412, code: 'precondition_failed' });
    expect(late.headers.get('etag')).toBe(second.headers.get('etag'));
    expect((await change({ 'if-match': `W/${second.headers.get('etag')}` }, 3)).status).toBe(412);
    expect((await change({ 'if-none-match': '*' }, 3)).status).toBe(412);
    expect((await change({ 'if-match': '2' }, 3)).status).toBe(400);
    expect((await change({ 'if-match': '*' }, 3)).status).toBe(200);
    // Without a condition the last one wins.
    expect((await change({}, 4)).json.version).toBe(4);
    expect((await ask('PATCH', '/services/new', { type: merge, body: {}, headers: { 'if-match': '*' } })).status).toBe(
      412,
    );
    expect(
      (await ask('PATCH', '/services/new', { type: merge, body: {}, headers: { 'if-none-match': '*' } })).status,
    ).toBe(200);
    const conflict = await ask('PATCH', `${lamp}?expectedVersion=1`, { type: merge, body: { level: 5 } });
    expect(conflict.json).toMatchObject({ status: 409, code: 'version_conflict' });
  });

  it('Http-01-Conditional: lets one of many who change the same version win', async () => {
    const { lamp, etag } = await makeLamp();
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, level) =>
        ask('PATCH', lamp, { type: merge, body: { level: level + 10 }, headers: { 'if-match': etag } }),
      ),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 412)]);
  });

  it('replays the first response to a repeated request', async () => {
    const { lamp } = await makeLamp();
    const headers = { 'idempotency-key': `key-${lamp}` };
    const first = await ask('PATCH', lamp, { type: merge, body: { level: 5 }, headers });
    const again = await ask('PATCH', lamp, { type: merge, body: { level: 5 }, headers });
    expect(again.json).toEqual(first.json);
    expect([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')]).toEqual([
      null,
      'true',
    ]);
    expect([again.status, again.headers.get('x-request-id')]).toEqual([200, `key-${lamp}`]);
    expect((await ask('GET', lamp)).json.version).toBe(2);
    // A refusal is remembered as one.
    const refused = { type: merge, body: { vad: { threshold: 7 } }, headers: { 'x-request-id': `no-${lamp}` } };
    const no = await ask('PATCH', stt, refused);
    const still = await ask('PATCH', stt, refused);
    expect([no.status, still.status, still.headers.get('idempotent-replayed')]).toEqual([422, 422, 'true']);
    expect(still.json).toEqual(no.json);
    // A key counts for one service: what was answered about another one is told to nobody.
    const other = await ask('PATCH', stt, { type: merge, body: {}, headers });
    expect([other.status, other.headers.get('idempotent-replayed'), other.json.service]).toEqual([
      200,
      null,
      'stt-worker',
    ]);
    // And another change is not taken for the first one, which would lose it without a word.
    const changed = await ask('PATCH', lamp, { type: merge, body: { level: 6 }, headers });
    expect(changed.json).toMatchObject({ status: 409, code: 'request_id_reused' });
  });

  it('gives every request an id, and accepts a valid one from the client', async () => {
    const fresh = await ask('GET', '/services');
    expect(fresh.headers.get('x-request-id')).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const mine = await ask('GET', '/services/nobody', { headers: { 'x-request-id': 'mine' } });
    expect([mine.headers.get('x-request-id'), mine.json.requestId]).toEqual(['mine', 'mine']);
    expect((await ask('GET', '/services', { headers: { 'x-request-id': 'x'.repeat(129) } })).status).toBe(400);
    expect((await ask('GET', '/services', { headers: { 'idempotency-key': 'a b' } })).status).toBe(400);
  });

  it('refuses a change that needs a restart, unless that is accepted', async () => {
    const body = { whisper: { device: 'cuda' } };
    const refused = await ask('PATCH', stt, { type: merge, body });
    expect(refused.json).toMatchObject({
      status: 409,
      code: 'reject_restart_required',
      errors: [{ pointer: '/whisper/device' }],
    });
    const accepted = await ask('PATCH', `${stt}?acceptRestart=true`, { type: merge, body });
    expect(accepted.json).toMatchObject({ status: 'applied', restartRequired: ['/whisper/device'] });
  });

  it('checks a change and a document without storing it', async () => {
    const { version } = (await ask('GET', stt)).json;
    const valid = await ask('POST', `${stt}/validate`, { body: { patch: { vad: { threshold: 0.1 } } } });
    expect(valid.json).toMatchObject({ status: 'valid', changed: ['/vad/threshold'] });
    const faults = await ask('POST', `${stt}/validate`, { body: { values: { vad: { threshold: 7, frames: 'x' } } } });
    expect(faults.json).toMatchObject({ status: 422, code: 'document_invalid' });
    expect(faults.json.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
      '/vad/frames',
      '/vad/threshold',
    ]);
    expect((await ask('POST', `${stt}/validate`, { body: {} })).json).toMatchObject({
      status: 400,
      errors: [{ message: expect.stringContaining('patch, values') }],
    });
    expect((await ask('GET', stt)).json.version).toBe(version);
  });

  it('rolls back to a version, whole or in part, and to a tag', async () => {
    const { lamp } = await makeLamp();
    await ask('PATCH', lamp, { type: merge, body: { on: false, level: 2 } });
    expect((await ask('PUT', `${lamp}/tags/release-12`, { body: { toVersion: 1 } })).status).toBe(200);
    const part = await ask('POST', `${lamp}/rollback`, { body: { toVersion: 1, pointers: ['/on'] } });
    expect(part.json).toMatchObject({ version: 3, changed: ['/on'] });
    const whole = await ask('POST', `${lamp}/rollback`, { body: { toTag: 'release-12' } });
    expect(whole.json).toMatchObject({ version: 4, changed: ['/level'] });
    expect((await ask('GET', `${lamp}/tags`)).json.tags).toMatchObject([{ tag: 'release-12', version: 1 }]);
    expect((await ask('DELETE', `${lamp}/tags/release-12`)).status).toBe(200);
    expect((await ask('POST', `${lamp}/rollback`, { body: { toTag: 'release-12' } })).json.code).toBe('tag_unknown');
    expect((await ask('POST', `${lamp}/rollback`, { body: { toVersion: 1, toTag: 'x' } })).status).toBe(400);
  });

  it('pages through the history of one service and of all', async () => {
    const { lamp } = await makeLamp();
    for (const level of [2, 3]) await ask('PATCH', lamp, { type: merge, body: { level } });
    const page = (await ask('GET', `${lamp}/history?limit=2`)).json;
    expect([page.history.map(({ version }: { version: number }) => version), page.next]).toEqual([[3, 2], 2]);
    const rest = (await ask('GET', `${lamp}/history?limit=2&before=${page.next}`)).json;
    expect([rest.history.map(({ version }: { version: number }) => version), rest.next]).toEqual([[1], null]);
    expect((await ask('GET', `${lamp}/history?pointer=/on`)).json.history).toMatchObject([{ version: 1 }]);
    expect((await ask('GET', `${lamp}/history?author=nobody`)).json.history).toEqual([]);
    const all = (await ask('GET', '/history?limit=1')).json;
    expect(all.history).toMatchObject([{ service: lamp.slice('/services/'.length), version: 3 }]);
    expect(all.next).toBe(all.history[0].commit);
  });

  it('gives differences, explanations and blame', async () => {
    const { lamp } = await makeLamp();
    await ask('PATCH', lamp, { type: merge, body: { level: 2 } });
    const level = { pointer: '/level', before: 1, after: 2 };
    expect((await ask('GET', `${lamp}/diff?from=1`)).json.diff).toEqual([level]);
    expect((await ask('GET', `${lamp}/diff?from=1&to=2`)).json.diff).toEqual([level]);
    expect((await ask('GET', `${stt}/diff?from=layer:yaml_file&to=layer:default`)).json.diff).toContainEqual({
      pointer: '/vad/threshold',
      before: 0.6,
      after: 0.5,
    });
    expect((await ask('GET', `${lamp}/diff?from=service:stt-worker`)).status).toBe(200);
    for (const side of ['0', 'x', 'tag:', 'layer:none', 'service:A', '1.5', 'values:{}']) {
      expect((await ask('GET', `${lamp}/diff?from=${side}`)).status, side).toBe(400);
    }
    expect((await ask('GET', `${lamp}/explain?pointer=/level`)).json.explanation).toMatchObject([
      { pointer: '/level', layer: 'runtime_update', value: 2, version: 2, author: 'http' },
    ]);
    expect((await ask('GET', `${lamp}/blame?pointer=/on`)).json.blame).toMatchObject([{ pointer: '/on', version: 1 }]);
  });

  it('exports in every format, and imports an export', async () => {
    for (const [format, type, sign] of [
      ['yaml', 'application/yaml; charset=utf-8', 'threshold: 0.6'],
      ['json', 'application/json; charset=utf-8', '"threshold": 0.6'],
      ['kubernetes', 'application/yaml; charset=utf-8', 'kind: ConfigMap'],
      ['compose', 'text/plain; charset=utf-8', 'SETPOINT_CFG__STT_WORKER__VAD__THRESHOLD'],
      ['dotenv', 'text/plain; charset=utf-8', "SETPOINT_CFG__STT_WORKER__VAD__THRESHOLD='0.6'"],
      ['tfvars', 'text/plain; charset=utf-8', 'threshold'],
    ] as const) {
      const { headers, text } = await ask('GET', `${stt}/export?format=${format}`);
      expect(headers.get('content-type')).toBe(type);
      expect(text).toContain(sign);
    }
    expect((await ask('GET', `${stt}/export?format=xml`)).status).toBe(400);
    const { values } = (await ask('GET', stt)).json;
    for (const [format, type] of [
      ['yaml', 'application/yaml'],
      ['yaml', 'text/yaml; charset=utf-8'],
      ['json', 'application/json'],
    ] as const) {
      const { text } = await ask('GET', `${stt}/export?format=${format}`);
      expect((await ask('POST', `${stt}/import`, { type, body: text })).json.status).toBe('unchanged');
    }
    expect((await ask('GET', stt)).json.values).toEqual(values);
    expect((await ask('POST', `${stt}/import`, { type: 'application/yaml', body: 'a: [' })).json).toMatchObject({
      status: 422,
      code: 'document_invalid',
    });
  });

  it('saves a draft, and publishes it', async () => {
    const { lamp } = await makeLamp();
    const saved = await ask('PATCH', `${lamp}/drafts/night`, { type: merge, body: { level: 0 } });
    expect(saved.status).toBe(200);
    expect((await ask('GET', `${lamp}/drafts`)).json.drafts).toMatchObject([
      { draft: 'night', base: 1, author: 'http' },
    ]);
    expect((await ask('GET', `${lamp}/diff?from=1&to=draft:night`)).json.diff).toEqual([
      { pointer: '/level', before: 1, after: 0 },
    ]);
    expect((await ask('GET', lamp)).json.values.level).toBe(1);
    const published = await ask('POST', `${lamp}/drafts/night/publish`, { type: 'application/json' });
    expect(published.json).toMatchObject({ status: 'applied', version: 2, changed: ['/level'] });
    expect((await ask('DELETE', `${lamp}/drafts/night`)).json.code).toBe('draft_unknown');
  });

  it('saves, lists, activates and drops a profile', async () => {
    const { lamp } = await makeLamp();
    const name = lamp.slice('/services/'.length);
    expect((await ask('POST', '/profiles', { body: { profile: 'night' } })).status).toBe(200);
    await ask('PATCH', lamp, { type: merge, body: { level: 9 } });
    expect((await ask('GET', '/profiles')).json.profiles).toContainEqual(
      expect.objectContaining({ profile: 'night', services: expect.objectContaining({ [name]: 1 }) }),
    );
    const active = await ask('POST', '/profiles/night/activate', { type: 'application/json' });
    expect(active.json).toMatchObject({ status: 'applied', services: { [name]: 3 } });
    expect((await ask('GET', lamp)).json.values.level).toBe(1);
    expect((await ask('DELETE', '/profiles/night')).status).toBe(200);
    const gone = await ask('POST', '/profiles/night/activate', { type: 'application/json' });
    expect(gone.json).toMatchObject({ status: 404, code: 'profile_unknown' });
  });

  it('searches, best first', async () => {
    const { json } = await ask('GET', '/search?q=threshold&limit=1');
    expect(json.hits).toEqual([
      expect.objectContaining({ service: 'stt-worker', pointer: '/vad/threshold', score: 1 }),
    ]);
    expect((await ask('GET', '/search')).status).toBe(400);
  });

  it('gives the schema of a service, and says when it has none', async () => {
    const { headers, json } = await ask('GET', `${stt}/schema`);
    expect(headers.get('content-type')).toBe('application/schema+json; charset=utf-8');
    expect(json.properties.vad.properties.threshold).toMatchObject({ type: 'number', maximum: 1 });
    const { lamp } = await makeLamp();
    expect((await ask('GET', `${lamp}/schema`)).json).toMatchObject({ status: 404, code: 'schema_unknown' });
  });

  it('lists what instances run', async () => {
    const service = await api.world.service({ instance: 'kitchen' });
    await expect
      .poll(async () => (await ask('GET', '/instances?service=stt-worker')).json.instances)
      .toEqual([
        expect.objectContaining({
          standing: expect.stringMatching(/applied|restartPending/),
          silent: false,
          health: expect.objectContaining({ instance: 'kitchen', service: 'stt-worker', state: 'ready' }),
        }),
      ]);
    expect((await ask('GET', '/instances?service=lamp')).json.instances).toEqual([]);
    await service[Symbol.asyncDispose]();
  });

  it('reloads the files of a service, and reports their faults', async () => {
    const reload = (service: string) => ask('POST', `/services/${service}/reload`, { type: 'application/json' });
    expect((await reload('stt-worker')).json).toMatchObject({ status: 'unchanged', service: 'stt-worker' });
    await api.world.writeFile('stt-worker.yaml', 'vad:\n  frames: 45\n');
    expect((await reload('stt-worker')).status).toBe(200);
    const first = (await ask('GET', stt)).json;
    expect(first.sources['/vad/frames']).toMatchObject({ layer: 'yaml_file', line: 2 });
    // Where a value comes from may change without the version.
    await api.world.writeFile('stt-worker.yaml', '# many\nvad:\n  frames: 45\n');
    expect((await reload('stt-worker')).json.status).toBe('unchanged');
    const moved = (await ask('GET', stt)).json;
    expect([moved.version, moved.sources['/vad/frames'].line]).toEqual([first.version, 3]);
    expect((await ask('GET', stt)).json.values.vad.frames).toBe(45);
    await api.world.writeFile('stt-worker.yaml', 'vad:\n  frames: many\n  threshold: 7\n');
    const wrong = (await reload('stt-worker')).json;
    expect(wrong).toMatchObject({ status: 422, code: 'file_invalid' });
    expect(wrong.errors).toHaveLength(2);
    expect(wrong.errors).toContainEqual(expect.objectContaining({ pointer: '/vad/frames', line: 2 }));
    expect(wrong.errors).toContainEqual(expect.objectContaining({ pointer: '/vad/threshold', line: 3 }));
    expect((await ask('GET', '/services')).json.services).toContainEqual(
      expect.objectContaining({ service: 'stt-worker', problem: expect.objectContaining({ code: 'file_invalid' }) }),
    );
    expect((await ask('GET', stt)).json.values.vad.frames).toBe(45);
    await api.world.writeFile('stt-worker.yaml', 'vad:\n  threshold: 0.6\n');
    expect((await reload('stt-worker')).status).toBe(200);
    expect((await reload('nobody')).json).toMatchObject({ status: 404, code: 'service_unknown' });
  });

  it.each<[string, string, string, object | undefined, number, string]>([
    ['an unknown path', 'GET', '/nothing', undefined, 404, 'route_unknown'],
    ['a service that is not there', 'GET', '/services/nobody', undefined, 404, 'service_unknown'],
    [
      'the history of a service that is not there',
      'GET',
      '/services/nobody/history',
      undefined,
      404,
      'service_unknown',
    ],
    ['a version that is not there', 'GET', `${stt}/diff?from=1&to=999`, undefined, 404, 'version_unknown'],
    ['a tag that is not there', 'GET', `${stt}?tag=none`, undefined, 404, 'tag_unknown'],
    ['a setting that is not there', 'GET', `${stt}/explain?pointer=/none`, undefined, 404, 'setting_unknown'],
    ['an unsupported method', 'DELETE', '/services', undefined, 405, 'method_not_allowed'],
    [
      'a patch that does not fit',
      'PATCH',
      stt,
      { type: patch, body: [{ op: 'remove', path: '/none' }] },
      409,
      'patch_failed',
    ],
    [
      'a body that is too large',
      'PATCH',
      stt,
      { type: merge, body: { a: 'x'.repeat(100_000) } },
      413,
      'body_too_large',
    ],
    ['JSON as a patch', 'PATCH', stt, { body: {} }, 415, 'media_type_unsupported'],
    [
      'a form',
      'POST',
      `${stt}/rollback`,
      { type: 'application/x-www-form-urlencoded', body: 'toVersion=1' },
      415,
      'media_type_unsupported',
    ],
    ['text', 'POST', `${stt}/reload`, { type: 'text/plain', body: '' }, 415, 'media_type_unsupported'],
    ['no JSON', 'PATCH', stt, { type: merge, body: '{"a":' }, 400, 'request_malformed'],
    ['no body', 'PATCH', stt, { type: merge }, 400, 'request_malformed'],
    ['a list as a merge patch', 'PATCH', stt, { type: merge, body: [] }, 400, 'request_malformed'],
    ['an object as a JSON Patch', 'PATCH', stt, { type: patch, body: {} }, 400, 'request_malformed'],
    ['an invalid operation', 'PATCH', stt, { type: patch, body: [{ op: 'jump', path: '' }] }, 400, 'request_malformed'],
    ['a way to the prototype', 'PATCH', stt, { type: merge, body: '{"a":{"__proto__":{}}}' }, 400, 'request_malformed'],
    ['an unknown query', 'GET', '/services?limit=1', undefined, 400, 'request_malformed'],
    ['a query said twice', 'GET', `${stt}/history?limit=1&limit=2`, undefined, 400, 'request_malformed'],
    [
      'an invalid operator name',
      'GET',
      '/services',
      { headers: { 'x-setpoint-operator': 'Ann' } },
      400,
      'request_malformed',
    ],
    [
      'a page of another site',
      'PATCH',
      stt,
      { type: merge, body: {}, headers: { origin: 'https://evil.example' } },
      403,
      'origin_refused',
    ],
  ])('refuses %s as a problem', async (_, method, path, asked, status, code) => {
    const answer = await ask(method, path, asked as never);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(answer.json).toEqual({
      type: `urn:setpoint:problem:${code}`,
      title: expect.any(String),
      status,
      detail: expect.any(String),
      code,
      requestId: answer.headers.get('x-request-id'),
      ...(answer.json.errors && { errors: expect.any(Array) }),
    });
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(/\.ts|node_modules| at /);
  });

  it('reports every fault of a request at once', async () => {
    const { json } = await ask('POST', '/services/UPPER/rollback?what=1&expectedVersion=x', {
      body: { toVersion: 'x', also: 1 },
    });
    expect(json.status).toBe(400);
    expect(json.errors.map(({ pointer, message }: Record<string, string>) => `${pointer} ${message}`)).toEqual([
      expect.stringContaining('path service: must be a name'),
      expect.stringContaining('query expectedVersion:'),
      expect.stringContaining('query: Unrecognized key: "what"'),
      expect.stringContaining('/toVersion '),
      expect.stringContaining('Unrecognized key: "also"'),
    ]);
  });

  it('reports every fault of a document at once', async () => {
    const body = { vad: { threshold: 7, frames: 'many' }, whisper: { model: 'huge' } };
    const { status, json } = await ask('PATCH', stt, { type: merge, body });
    expect([status, json.code]).toEqual([422, 'document_invalid']);
    expect(json.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
      '/vad/frames',
      '/vad/threshold',
      '/whisper/model',
    ]);
  });

  it('names the methods of a path and the media types it accepts', async () => {
    expect((await ask('DELETE', stt)).headers.get('allow')).toBe('GET, HEAD, PATCH');
    expect((await ask('PATCH', stt, { body: {} })).headers.get('accept')).toBe(`${merge}, ${patch}`);
  });

  it('refuses another name of this host', async () => {
    const port = new URL(api.url).port;
    const asking = request({
      host: '127.0.0.1',
      port,
      path: '/api/v1/services',
      headers: { host: 'evil.example' },
    }).end();
    const [response] = await once(asking, 'response');
    response.resume();
    expect(response.statusCode).toBe(421);
    const health = request({ host: '127.0.0.1', port, path: '/health/live', headers: { host: 'evil.example' } }).end();
    const [alive] = await once(health, 'response');
    alive.resume();
    expect(alive.statusCode).toBe(200);
  });

  it('cannot be read by other sites or stored by caches', async () => {
    const { headers } = await ask('GET', '/services', { headers: { origin: 'https://evil.example' } });
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('cache-control')).toBe('private, no-cache');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });
});

const hash = (token: string): string => createHash('sha256').update(token).digest('hex');

describe('Http-05-Keys-And-Limits: the API with keys', () => {
  let api: ServedApi;
  const as = (token: string) => ({ authorization: `Bearer ${token}` });

  beforeAll(async () => {
    api = await openServedApi(broker, {
      host: '127.0.0.1',
      limits: { read: 100, write: 50, export: 20 },
      identify: async (headers) => identify(headers),
      prepare: async ({ dataDir }) => {
        const file = join(dataDir, 'http-keys.json');
        const keys = [
          { name: 'root', sha256: hash('root'), write: true },
          { name: 'reader', sha256: hash('reader') },
          { name: 'worker', sha256: hash('worker'), write: true, services: ['lamp-*'] },
          { name: 'old', sha256: hash('old'), expiresAt: '2020-01-01T00:00:00Z' },
          { name: 'busy', sha256: hash('busy'), write: true },
        ];
        await writeFile(file, JSON.stringify({ keys }));
        identify = identifyByKey(
          await openApiKeys({ file, logger: pino({ level: 'silent' }), now: Date.now }),
          Date.now,
        );
      },
    });
    for (const lamp of ['lamp-a', 'lamp-b']) {
      const made = await api.ask('PATCH', `/services/${lamp}`, {
        type: merge,
        body: { level: 1 },
        headers: as('root'),
      });
      expect(made.status).toBe(200);
    }
  });
  let identify = identifyByName;
  afterAll(() => api[Symbol.asyncDispose]());

  it('rejects callers without a key', async () => {
    for (const headers of [
      {},
      as('wrong'),
      as('old'),
      { authorization: 'Basic x' },
      { 'x-setpoint-operator': 'root' },
    ]) {
      const { status, headers: told, json } = await api.ask('GET', '/services', { headers });
      expect([status, json.code, told.get('www-authenticate')]).toEqual([
        401,
        'unauthenticated',
        'Bearer realm="setpoint"',
      ]);
    }
    expect((await fetch(`${api.server.url}/health/live`)).status).toBe(200);
  });

  it('does not let a read-only key confirm a guess at a secret by validation', async () => {
    const guess = async (key: string) => {
      const { status, json } = await api.ask('POST', '/services/stt-worker/validate', {
        body: { patch: { api: { key } } },
        headers: as('reader'),
      });
      return { status, ...json };
    };
    const right = await guess('key-from-the-file');
    expect(right).toMatchObject({ status: 'valid', changed: ['/api/key'] });
    expect(right).toEqual(await guess('another-key'));
  });

  it('writes the name of the key into the history, whatever name the request gives', async () => {
    const headers = { ...as('worker'), 'x-setpoint-operator': 'root' };
    await api.ask('PATCH', '/services/lamp-a', { type: merge, body: { level: 2 }, headers });
    const { json } = await api.ask('GET', '/services/lamp-a/history?limit=1', { headers: as('root') });
    expect(json.history).toMatchObject([{ author: 'worker' }]);
  });

  it('refuses every change by a read-only key', async () => {
    const headers = as('reader');
    const refused = { status: 403, code: 'access_denied' };
    const change = { type: merge, body: { level: 3 }, headers };
    expect((await api.ask('PATCH', '/services/lamp-a', change)).json).toMatchObject(refused);
    for (const path of [
      '/services/lamp-a/rollback',
      '/services/lamp-a/reload',
      '/services/lamp-a/import',
      '/profiles',
    ]) {
      expect((await api.ask('POST', path, { body: {}, headers })).json, path).toMatchObject(refused);
    }
    expect((await api.ask('GET', '/services/lamp-a', { headers })).status).toBe(200);
    const check = await api.ask('POST', '/services/lamp-a/validate', { body: { patch: {} }, headers });
    expect(check.status).toBe(200);
  });

  it('shows a key only its own services', async () => {
    const headers = as('worker');
    const get = async (path: string) => (await api.ask('GET', path, { headers })).json;
    expect((await get('/services')).services.map(({ service }: { service: string }) => service)).toEqual([
      'lamp-a',
      'lamp-b',
    ]);
    for (const path of [
      '',
      '/history',
      '/schema',
      '/export',
      '/explain',
      '/blame',
      '/tags',
      '/drafts',
      '/diff?from=1',
    ]) {
      expect(await get(`/services/stt-worker${path}`), path).toMatchObject({ status: 403, code: 'access_denied' });
    }
    expect(await get('/services/lamp-a/diff?from=service:stt-worker')).toMatchObject({ status: 403 });
    expect((await get('/search?q=threshold')).hits).toEqual([]);
    expect((await get('/search?q=level')).hits).toHaveLength(2);
    const services = (await get('/history')).history.map(({ service }: { service: string }) => service);
    expect([...new Set(services)].sort()).toEqual(['lamp-a', 'lamp-b']);
    expect(await get('/profiles')).toMatchObject({ status: 403 });
    expect((await get('/instances')).instances).toEqual([]);
    const change = { type: merge, body: { vad: { threshold: 0.1 } }, headers };
    expect((await api.ask('PATCH', '/services/stt-worker', change)).status).toBe(403);
  });

  it('counts the requests of each key by kind', async () => {
    const headers = as('busy');
    const statuses = async (times: number, method: string, path: string, asked: object = {}) => {
      const all = [];
      for (let i = 0; i < times; i += 1) all.push((await api.ask(method, path, { headers, ...asked })).status);
      return all;
    };
    const exports = await statuses(20, 'GET', '/services/lamp-a/export');
    expect(new Set(exports)).toEqual(new Set([200]));
    const more = await api.ask('GET', '/services/lamp-a/export?format=json', { headers });
    expect(more.json).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(Number(more.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(more.headers.get('ratelimit-limit')).toBe('20');
    expect(more.headers.get('ratelimit-remaining')).toBe('0');
    // Counted by themselves: writes, reads of every route together.
    expect(new Set(await statuses(50, 'PUT', '/services/lamp-a/tags/x', { body: {} }))).toEqual(new Set([200]));
    expect((await statuses(1, 'DELETE', '/services/lamp-a/tags/x'))[0]).toBe(429);
    await statuses(60, 'GET', '/services/lamp-a/tags');
    const left = await api.ask('GET', '/services', { headers });
    expect([left.status, left.headers.get('ratelimit-limit'), left.headers.get('ratelimit-remaining')]).toEqual([
      200,
      '100',
      '39',
    ]);
    await statuses(39, 'GET', '/services');
    expect((await statuses(1, 'GET', '/nothing'))[0]).toBe(429);
    // Others are not held back by it, and the health never is.
    expect((await api.ask('GET', '/services', { headers: as('root') })).status).toBe(200);
    expect((await fetch(`${api.server.url}/health/live`)).status).toBe(200);
  });

  it('counts unauthenticated requests by address', async () => {
    for (let i = 0; i < 101; i += 1) await api.ask('GET', '/services', { headers: as(`guess-${i}`) });
    expect((await api.ask('GET', '/services', { headers: as('guess') })).status).toBe(429);
    expect((await api.ask('GET', '/services', { headers: as('root') })).status).toBe(200);
  });
});

describe('the API before there is an authority', () => {
  it('answers 503 with a time to retry, and still checks who may call', async () => {
    const options = {
      readiness: () => ({ isReady: false, reasons: [] }),
      logger: pino({ level: 'silent' }),
      maxBodyBytes: 1000,
    };
    for (const [identify, status, code] of [
      [identifyByName, 503, 'not_serving'],
      [identifyNobody('set SETPOINT_HTTP_KEYS'), 401, 'unauthenticated'],
    ] as const) {
      const server = await startHttpServer({ host: '127.0.0.1', port: await freePort(), identify, ...options });
      try {
        const response = await fetch(`${server.url}/api/v1/services`);
        expect([response.status, (await response.json()).code]).toEqual([status, code]);
        if (status === 503) expect(response.headers.get('retry-after')).toBe('1');
        expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
      } finally {
        await server.stop();
      }
    }
  });
});
