import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import type { InstanceState } from '../convergence.ts';
import { createEngine, type Engine } from '../engine.ts';
import { compileSchema } from '../schema/schema.ts';
import { createMemoryStore } from '../store/memory.ts';

const now = (): number => Date.parse('2026-06-01T00:00:00Z');
const ann = { requester: 'ann' };
let ids = 0;

/** An engine with one service, a version for each document. */
async function engineWith(...documents: JsonObject[]): Promise<Engine> {
  return fill(await createEngine({ store: createMemoryStore({ now }), now }), documents);
}

async function fill(engine: Engine, documents: readonly JsonObject[]): Promise<Engine> {
  const schema = compileSchema({ additionalProperties: true, properties: { key: { 'x-secret': true } } });
  await engine.loadSources('vad', { layers: [], schema });
  for (const [i, values] of documents.entries()) {
    const request = { op: 'replace', values, service: 'vad', author: 'ann', reason: `step ${i + 1}` } as const;
    await engine.request(request, `h-${ids++}`, ann);
  }
  return engine;
}

const read = (engine: Engine, request: object) =>
  engine.request({ service: 'vad', author: 'ann', ...request } as never, `h-${ids++}`, ann);

describe('the log', () => {
  it('tells what was changed, by whom and why, newest first', async () => {
    const engine = await engineWith({ a: 1 }, { a: 2 });
    const { log, ...rest } = await read(engine, { op: 'log' });
    expect(rest).toMatchObject({ status: 'found', version: 2, epoch: 1_780_272_000 });
    expect(log).toEqual([
      {
        version: 2,
        digest: engine.current('vad')?.snapshot.digest,
        committedAt: '2026-06-01T00:00:00.000Z',
        author: 'ann',
        reason: 'step 2',
        changed: ['/a'],
      },
      expect.objectContaining({ version: 1, reason: 'step 1', changed: [''] }),
    ]);
  });

  it('gives fifty entries, or as many as are asked for, before a version', async () => {
    const engine = await engineWith(...Array.from({ length: 60 }, (_, i) => ({ a: i })));
    const versions = async (request: object) =>
      (await read(engine, { op: 'log', ...request })).log?.map(({ version }) => version);
    expect((await versions({}))?.length).toBe(50);
    expect(await versions({ limit: 2 })).toEqual([60, 59]);
    expect(await versions({ limit: 2, before: 3 })).toEqual([2, 1]);
    expect(await versions({ before: 1 })).toEqual([]);
  });

  it('says which version was a deletion, also when the service is gone', async () => {
    const engine = await engineWith({ a: 1 });
    await read(engine, { op: 'delete' });
    const { log } = await read(engine, { op: 'log' });
    expect(log?.map(({ version, deleted }) => [version, deleted])).toEqual([
      [2, true],
      [1, undefined],
    ]);
  });

  it('is refused where there never was such a service', async () => {
    const engine = await engineWith();
    for (const request of [{ op: 'log' }, { op: 'diff', from: 1, to: 2 }]) {
      expect(await read(engine, request)).toMatchObject({
        status: 'rejected',
        version: 0,
        problem: { code: 'service_unknown', detail: 'there is no service vad' },
      });
    }
  });
});

describe('the difference of two versions', () => {
  it('names each place with both sides, and leaves out the side where nothing was', async () => {
    const engine = await engineWith({ a: 1, b: 1, l: [1] }, { a: 2, c: null, l: [1, 2] });
    expect(await read(engine, { op: 'diff', from: 1, to: 2 })).toMatchObject({
      status: 'found',
      diff: [
        { pointer: '/a', before: 1, after: 2 },
        { pointer: '/b', before: 1 },
        { pointer: '/l', before: [1], after: [1, 2] },
        { pointer: '/c', after: null },
      ],
    });
  });

  it('masks secrets, and still says that they differ', async () => {
    const engine = await engineWith({ key: 'hunter1' }, { key: 'hunter2' });
    const result = await read(engine, { op: 'diff', from: 1, to: 2 });
    expect(result.diff).toEqual([{ pointer: '/key', before: '*** REDACTED ***', after: '*** REDACTED ***' }]);
  });

  it('masks what was a secret when either version was made, and what is one now', async () => {
    const engine = await engineWith({ key: 'hunter1', pin: 'hunter2' }, {});
    await engine.loadSources('vad', { layers: [], schema: undefined });
    await read(engine, { op: 'merge', patch: { other: 1 } });
    await engine.loadSources('vad', {
      layers: [],
      schema: compileSchema({ properties: { pin: { 'x-secret': true } } }),
    });
    const result = await read(engine, { op: 'diff', from: 1, to: 3 });
    expect(result.diff?.map(({ pointer }) => pointer)).toEqual(['/key', '/pin', '/other']);
    expect(JSON.stringify(result)).not.toContain('hunter');
  });

  it('is refused where one of them does not exist', async () => {
    const engine = await engineWith({ a: 1 });
    for (const [from, to, missing] of [
      [1, 9, 9],
      [8, 1, 8],
      [8, 9, 8],
    ]) {
      expect(await read(engine, { op: 'diff', from, to })).toMatchObject({
        status: 'rejected',
        problem: { code: 'version_unknown', detail: `vad has no version ${missing}, or keeps it no more; see its log` },
      });
    }
  });
});

describe('the instances', () => {
  const running = (instance: string, service: string, rest: object = {}): InstanceState => ({
    standing: 'applied',
    silent: false,
    since: '2026-06-01T00:00:00.000Z',
    health: {
      instance,
      service,
      session: 's',
      ok: true,
      state: 'ready',
      event: 'ready',
      startedAt: '2026-06-01T00:00:00.000Z',
      config: { source: 'live', epoch: 1, version: 7, pendingRestart: [], masked: ['/a'] },
      ...rest,
    },
  });

  async function engineWithInstances(...instances: InstanceState[]): Promise<Engine> {
    const store = createMemoryStore({ now });
    return fill(await createEngine({ store, now, instances: () => instances }), [{ a: 1 }]);
  }

  const ask = async (engine: Engine, request: object = {}) =>
    (await read(engine, { service: 'config-authority', op: 'instances', ...request })).found?.instances;

  it('are told with what they run and since when, short enough for many of them', async () => {
    const error = { type: 't', title: 't', detail: 'x'.repeat(5000), code: 'document_invalid' };
    const engine = await engineWithInstances(running('vad-1', 'vad', { ok: false, error }));
    expect(await ask(engine)).toEqual([
      {
        instance: 'vad-1',
        service: 'vad',
        ok: false,
        state: 'ready',
        event: 'ready',
        startedAt: '2026-06-01T00:00:00.000Z',
        silent: false,
        standing: 'applied',
        since: '2026-06-01T00:00:00.000Z',
        source: 'live',
        epoch: 1,
        version: 7,
        detail: 'x'.repeat(300),
      },
    ]);
  });

  it('are told by name, a page at a time, of one service or of all', async () => {
    const engine = await engineWithInstances(running('c', 'web'), running('a', 'vad'), running('b', 'vad'));
    const names = async (request: object) => (await ask(engine, request))?.map(({ instance }) => instance);
    expect(await names({})).toEqual(['a', 'b', 'c']);
    expect(await names({ limit: 2 })).toEqual(['a', 'b']);
    expect(await names({ limit: 2, after: 'b' })).toEqual(['c']);
    expect(await names({ of: 'vad' })).toEqual(['a', 'b']);
  });

  it('of services that a key is not for are none of who asks', async () => {
    const engine = await engineWithInstances(running('a', 'vad'), running('c', 'web'));
    const request = { service: 'config-authority', author: 'ann', op: 'instances' } as const;
    const signedBy = { keyId: 'k', services: ['web'] };
    const { found } = await engine.request(request, 'h-limited', { requester: 'ann', signedBy });
    expect(found?.instances?.map(({ instance }) => instance)).toEqual(['c']);
  });
});
