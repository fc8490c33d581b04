import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createEngine } from './engine.ts';
import { compileSchema } from './schema/schema.ts';
import { createMemoryStore } from './store/memory.ts';

async function open() {
  const store = createMemoryStore();
  const engine = await createEngine({ store });
  const ask = (id: string, patch: JsonObject, by: { requester?: string; author?: string; service?: string } = {}) => {
    const { requester = 'ann', service = 'vad' } = by;
    return engine.request({ service, author: by.author ?? requester, op: 'merge', patch }, id, { requester });
  };
  return { engine, store, ask };
}

describe('a request id', () => {
  it('gives its own requester the first answer again', async () => {
    const { ask } = await open();
    const first = await ask('r-1', { a: 1 });
    expect(await ask('r-1', { a: 1 })).toMatchObject({ status: 'duplicate', original: first });
  });

  it('Isolation-21-Own-Request-Ids: gives nobody else an answer, and is free for another requester or service', async () => {
    const { ask } = await open();
    await ask('r-1', { a: 1 });
    expect(await ask('r-1', { b: 1 }, { requester: 'eve' })).toMatchObject({ status: 'applied', version: 2 });
    expect(await ask('r-1', { a: 1 }, { service: 'asr' })).toMatchObject({ status: 'applied', version: 1 });
  });

  it('Isolation-21-Own-Request-Ids: is refused with another content, in one batch and later', async () => {
    const { engine, ask } = await open();
    const reused = { status: 'rejected', problem: { code: 'request_id_reused' } };
    const [first, second] = await Promise.all([ask('r-1', { a: 1 }), ask('r-1', { a: 2 })]);
    expect([first, second]).toMatchObject([{ status: 'applied' }, reused]);
    expect(await ask('r-1', { a: 3 })).toMatchObject(reused);
    expect(engine.current('vad')?.snapshot.values).toEqual({ a: 1 });
    expect(await ask('r-1', { a: 1 })).toMatchObject({ status: 'duplicate' });
  });

  it('Isolation-22-Denied-Takes-No-Id: is not used up by a request that was denied', async () => {
    const { ask } = await open();
    const forged = await ask('r-1', { a: 666 }, { requester: 'eve', author: 'ann' });
    expect(forged.status).toBe('denied');
    expect((await ask('r-1', { a: 666 }, { requester: 'ann', author: 'eve' })).status).toBe('denied');
    expect(await ask('r-1', { a: 1 })).toMatchObject({ status: 'applied', version: 1 });
  });

  it('Isolation-21-Own-Request-Ids: tells a denied requester nothing of an answer', async () => {
    const { ask } = await open();
    await ask('r-1', { a: 1 });
    const denied = await ask('r-1', { a: 1 }, { requester: 'ann', author: 'eve' });
    expect(denied.status).toBe('denied');
    expect(denied.original).toBeUndefined();
  });
});

it('Isolation-23-Answers-Bounded: of a refusal with 300 faults 20 are kept, and the requester is told all', async () => {
  const { engine, ask } = await open();
  const properties = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`p${i}`, { type: 'number' }]));
  await engine.loadSources('vad', { layers: [], schema: compileSchema({ properties }) });
  const wrong = Object.fromEntries(Object.keys(properties).map((name) => [name, 'x']));
  expect((await ask('r-1', wrong)).problem?.errors).toHaveLength(300);
  const { original } = await ask('r-1', wrong);
  expect(original?.problem?.errors).toHaveLength(20);
  expect(original?.problem?.detail).toContain('of 300 faults the first 20 were kept');
});

it('Isolation-20-Fair-Queue: one requester floods, and another one is answered before the flood is', async () => {
  const { ask } = await open();
  const statuses: string[] = [];
  const flood = Array.from({ length: 5_000 }, (_, i) =>
    ask(`f-${i}`, { a: i }, { requester: 'eve' }).then(({ status, problem }) => {
      statuses.push(problem?.code ?? status);
    }),
  );
  expect(await ask('h-1', { b: 1 }, { service: 'asr' })).toMatchObject({ status: 'applied' });
  expect(statuses.filter((status) => status === 'applied').length).toBeLessThan(300);
  await Promise.all(flood);
  expect(statuses.filter((status) => status === 'applied')).toHaveLength(1_000);
  expect(statuses.filter((status) => status === 'overloaded')).toHaveLength(4_000);
});
