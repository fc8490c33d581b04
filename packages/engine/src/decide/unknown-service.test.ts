import { describe, expect, it } from 'vitest';
import { createEngine, type Engine } from '../engine.ts';
import { compileSchema } from '../schema/schema.ts';
import { createMemoryStore } from '../store/memory.ts';

const now = (): number => Date.parse('2026-06-01T00:00:00Z');
let ids = 0;

async function engineWith(...services: string[]): Promise<Engine> {
  const engine = await createEngine({ store: createMemoryStore({ now }), now });
  for (const service of services) await send(engine, { service, patch: { a: 1 } });
  return engine;
}

const send = (engine: Engine, request: object, rest: object = {}) =>
  engine.request({ op: 'merge', author: 'ann', patch: { a: 2 }, ...request } as never, `u-${ids++}`, {
    requester: 'ann',
    ...rest,
  });

describe('a request that must not make a service', () => {
  it('is refused for one that is not there, and names the near one', async () => {
    const engine = await engineWith('stt-worker', 'tts-worker');
    expect(await send(engine, { service: 'stt-wroker', create: false })).toMatchObject({
      status: 'rejected',
      version: 0,
      problem: { code: 'service_unknown', detail: 'there is no service stt-wroker; did you mean stt-worker?' },
    });
    expect(await send(engine, { service: 'nope', create: false })).toMatchObject({
      problem: { detail: 'there is no service nope; there are stt-worker, tts-worker' },
    });
    expect(engine.services()).toEqual(['stt-worker', 'tts-worker']);
  });

  it('is carried out for one that is there, and makes one where it may', async () => {
    const engine = await engineWith('vad');
    expect(await send(engine, { service: 'vad', create: false })).toMatchObject({ status: 'applied', version: 2 });
    expect(await send(engine, { service: 'new', create: true })).toMatchObject({ status: 'applied', version: 1 });
    expect(await send(engine, { service: 'newer' })).toMatchObject({ status: 'applied', version: 1 });
  });

  it('does not bring back one that was deleted', async () => {
    const engine = await engineWith('vad');
    await send(engine, { service: 'vad', op: 'delete' });
    expect(await send(engine, { service: 'vad', create: false })).toMatchObject({
      status: 'rejected',
      problem: { detail: 'vad was deleted' },
    });
  });

  it('is carried out where a schema says that there is such a service', async () => {
    const engine = await engineWith();
    await engine.loadSources('vad', { layers: [], schema: compileSchema({ properties: { a: {} } }) });
    expect(await send(engine, { service: 'vad', create: false })).toMatchObject({ status: 'applied' });
  });

  it('names none that who asks may not see', async () => {
    const engine = await engineWith('stt-worker', 'web');
    const signedBy = { keyId: 'k', services: ['web', 'nope'] };
    expect(await send(engine, { service: 'nope', create: false }, { signedBy })).toMatchObject({
      problem: { detail: 'there is no service nope; there is web' },
    });
    const denied = { signedBy: { keyId: 'k', services: ['nope'] } };
    expect(await send(engine, { service: 'nope', create: false }, denied)).toMatchObject({
      problem: { detail: 'there is no service nope' },
    });
  });
});
