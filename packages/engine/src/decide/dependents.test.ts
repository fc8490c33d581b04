import type { Request } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createEngine, type Engine } from '../engine.ts';
import { layFiles } from '../layer/files.ts';
import type { Layer } from '../layer/layer.ts';
import { parsePlaced } from '../layer/yaml-file.ts';
import { compileSchema } from '../schema/schema.ts';
import { createMemoryStore } from '../store/memory.ts';
import type { Store, VersionRecord } from '../store/store.ts';

function file(service: string, text: string): Layer {
  const parsed = parsePlaced(text, `${service}.yaml`);
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  const author = `file:${service}.yaml`;
  return layFiles([parsed.root], { service, author, schemas: [], variables: () => undefined });
}

const load = (engine: Engine, service: string, text?: string) =>
  engine.loadSources(service, { layers: text === undefined ? [] : [file(service, text)], schema: undefined });

let requests = 0;
function ask(engine: Engine, service: string, request: object) {
  requests += 1;
  const full = { service, author: 'ann', ...request } as unknown as Request;
  return engine.request(full, `r-${requests}`, { requester: 'ann' });
}

const openEngine = (store: Store = createMemoryStore()): Promise<Engine> => createEngine({ store });
const valuesOf = (engine: Engine, service: string) => engine.current(service)?.snapshot.values;

/** Resolves with the next version of a service. */
const nextOf = (engine: Engine, service: string): Promise<VersionRecord> =>
  new Promise((settle) => {
    const end = engine.onCommit((record) => {
      if (record.snapshot.service !== service) return;
      end();
      settle(record);
    });
  });

describe('Layer-08-References: a document that refers to another service', () => {
  it('follows it with a version of its own, which says why', async () => {
    const engine = await openEngine();
    await load(engine, 'shared', 'mqtt: {host: a}\nother: 1');
    await load(engine, 'vad', 'host: ${ref:shared#/mqtt/host}');
    await load(engine, 'asr', 'url: tcp://${ref:vad#/host}');
    const [vad, asr] = [nextOf(engine, 'vad'), nextOf(engine, 'asr')];
    await ask(engine, 'shared', { op: 'merge', patch: { mqtt: { host: 'b' } } });
    expect((await vad).snapshot).toMatchObject({
      version: 2,
      values: { host: 'b' },
      author: 'service:shared',
      reason: 'shared is at version 2, and this refers to it',
    });
    expect((await asr).snapshot).toMatchObject({ version: 2, values: { url: 'tcp://b' }, author: 'service:vad' });
  });

  it('stays as it is where what it refers to stays, or is gone', async () => {
    const engine = await openEngine();
    await ask(engine, 'shared', { op: 'merge', patch: { host: 'a', other: 1 } });
    await load(engine, 'vad', 'host: ${ref:shared#/host}');
    await ask(engine, 'shared', { op: 'merge', patch: { other: 2 } });
    await ask(engine, 'shared', { op: 'delete' });
    await load(engine, 'marker', 'a: 1');
    expect(engine.current('vad')?.snapshot).toMatchObject({ version: 1, values: { host: 'a' } });
    expect(engine.problems().get('vad')?.errors).toMatchObject([
      { pointer: '/host', message: 'refers to shared#/host, which there is not', file: 'vad.yaml', line: 1 },
    ]);
    const mended = nextOf(engine, 'vad');
    await ask(engine, 'shared', { op: 'merge', patch: { host: 'c' } });
    expect((await mended).snapshot.values).toEqual({ host: 'c' });
    expect(engine.problems().size).toBe(0);
  });

  it('is taken in when that appears', async () => {
    const engine = await openEngine();
    expect((await load(engine, 'vad', 'host: ${ref:shared#/host}')).status).toBe('rejected');
    const made = nextOf(engine, 'vad');
    await load(engine, 'shared', 'host: a');
    expect((await made).snapshot).toMatchObject({ version: 1, values: { host: 'a' }, author: 'file:vad.yaml' });
    expect(engine.problems().size).toBe(0);
  });

  it('keeps what is secret there a secret when it goes back to another value of it', async () => {
    const engine = await openEngine();
    const schema = compileSchema({ properties: { key: { 'x-secret': true } } });
    const loadShared = (text: string, from: typeof schema | undefined = schema) =>
      engine.loadSources('shared', { layers: [file('shared', text)], schema: from });
    await loadShared('key: hunter2');
    await load(engine, 'vad', 'url: u:${ref:shared#/key}@h\nport: 1');
    const made = nextOf(engine, 'vad');
    await loadShared('key: hunter3');
    await made;
    await ask(engine, 'vad', { op: 'rollback', toVersion: 1 });
    expect(engine.current('vad')?.snapshot).toMatchObject({ values: { url: 'u:hunter2@h' }, secrets: ['/url'] });
    expect(JSON.stringify(await ask(engine, 'vad', { op: 'explain' }))).not.toContain('hunter2');
  });

  it('takes for secret what the schema there marks by now, and what it marked before it was deleted', async () => {
    const engine = await openEngine();
    await load(engine, 'shared', 'key: hunter2');
    await load(engine, 'vad', 'url: u:${ref:shared#/key}@h');
    const schema = compileSchema({ properties: { key: { 'x-secret': true } } });
    await engine.loadSources('shared', { layers: [file('shared', 'key: hunter2')], schema });
    await ask(engine, 'vad', { op: 'merge', patch: { port: 1 } });
    expect(engine.current('vad')?.snapshot.secrets).toEqual(['/url']);
    await engine.loadSources('shared', { layers: [], schema });
    await ask(engine, 'shared', { op: 'delete' });
    await ask(engine, 'vad', { op: 'merge', patch: { url: 'u:hunter2@i' } });
    expect(engine.current('vad')?.snapshot).toMatchObject({ values: { url: 'u:hunter2@i' }, secrets: ['/url'] });
  });

  it('is refused where both refer to one another, with the chain', async () => {
    const engine = await openEngine();
    await load(engine, 'vad', 'a: 1\nb: ${ref:asr#/x}');
    const { problem } = await load(engine, 'asr', 'x: ${ref:vad#/a}');
    expect(problem?.errors).toContainEqual(
      expect.objectContaining({ message: 'services refer to one another: asr → vad → asr' }),
    );
    expect(engine.services()).toEqual([]);
  });
});

describe('an engine that is opened again', () => {
  it('knows what the sources said last, and uncovers what is beneath', async () => {
    const store = createMemoryStore();
    const first = await openEngine(store);
    await load(first, 'vad', 'a: 1\nb: 1');
    await ask(first, 'vad', { op: 'merge', patch: { a: 2 } });
    const again = await openEngine(store);
    await ask(again, 'vad', { op: 'merge', patch: { a: null } });
    expect(valuesOf(again, 'vad')).toEqual({ a: 1, b: 1 });
    expect((await load(again, 'vad')).status).toBe('unchanged');
    expect(again.problems().get('vad')?.code).toBe('file_missing');
    expect(valuesOf(again, 'vad')).toEqual({ a: 1, b: 1 });
  });
});
