import type { Result } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createEngine, type Engine, type EngineOptions } from '../engine.ts';
import { layFiles } from '../layer/files.ts';
import { parsePlaced } from '../layer/yaml-file.ts';
import { createRuleSet, type Rule, type RuleSet } from '../rule/rule.ts';
import { createMemoryStore } from '../store/memory.ts';

let ids = 0;
const open = (rules?: EngineOptions['rules']): Promise<Engine> =>
  createEngine({ store: createMemoryStore(), id: 'main', ...(rules && { rules }) });
const ask = (engine: Engine, service: string, operation: object, services?: readonly string[]): Promise<Result> =>
  engine.request({ service, author: 'ann', ...operation } as never, `a-${ids++}`, {
    requester: 'ann',
    ...(services && { signedBy: { keyId: 'k', services } }),
  });

function load(engine: Engine, service: string, text: string): Promise<Result> {
  const parsed = parsePlaced(text, `${service}.yaml`);
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  const layer = layFiles([parsed.root], { service, author: service, schemas: [], variables: () => undefined });
  return engine.loadSources(service, { layers: [layer], schema: undefined });
}

const nextOf = (engine: Engine, service: string): Promise<unknown> =>
  new Promise((settle) => {
    const end = engine.onCommit(({ snapshot }) => {
      if (snapshot.service !== service) return;
      end();
      settle(snapshot.values);
    });
  });

describe('a profile that is activated', () => {
  it.each(['asr', 'vad'])(
    'leaves references what they are, in %s as in what comes before or after it',
    async (name) => {
      const engine = await open();
      await load(engine, 'shared', 'host: a');
      await load(engine, name, 'host: ${ref:shared#/host}');
      await ask(engine, 'main', { op: 'profile_save', profile: 'calm' });
      const followed = nextOf(engine, name);
      await ask(engine, 'shared', { op: 'merge', patch: { host: 'b' } });
      expect(await followed).toEqual({ host: 'b' });
      await ask(engine, 'main', { op: 'profile_activate', profile: 'calm' });
      expect(engine.current(name)?.snapshot.values).toEqual({ host: 'a' });
      const again = nextOf(engine, name);
      await ask(engine, 'shared', { op: 'merge', patch: { host: 'c' } });
      expect(await again).toEqual({ host: 'c' });
    },
  );

  it('is judged by its services as they will be, not by those in between', async () => {
    let rules: RuleSet | undefined;
    const engine = await open(() => rules);
    const isSame: Rule = {
      id: 'same-mode',
      level: 'cross_reference',
      severity: 'error',
      *check({ mode }, { otherServices }) {
        for (const name of otherServices.services()) {
          const other = otherServices.documentOf(name);
          if (other && other.mode !== mode) yield { pointer: '/mode', message: `${name} has another mode` };
        }
      },
    };
    for (const service of ['asr', 'vad']) await load(engine, service, 'mode: day');
    await ask(engine, 'main', { op: 'profile_save', profile: 'day' });
    for (const service of ['asr', 'vad']) await ask(engine, service, { op: 'merge', patch: { mode: 'night' } });
    rules = createRuleSet([isSame]);
    expect(await ask(engine, 'main', { op: 'profile_activate', profile: 'day' })).toMatchObject({ status: 'applied' });
    expect(engine.current('vad')?.snapshot.values).toEqual({ mode: 'day' });
  });

  it('is not for a key that is not for all of its services', async () => {
    const engine = await open();
    for (const service of ['asr', 'vad']) await load(engine, service, 'mode: day');
    await ask(engine, 'main', { op: 'profile_save', profile: 'day' });
    await ask(engine, 'vad', { op: 'merge', patch: { mode: 'night' } });
    const activate = { op: 'profile_activate', profile: 'day' };
    expect(await ask(engine, 'main', activate, ['main', 'asr'])).toMatchObject({
      status: 'denied',
      problem: { code: 'access_denied' },
    });
    expect(engine.current('vad')?.snapshot.values).toEqual({ mode: 'night' });
    expect(await ask(engine, 'main', activate, ['*'])).toMatchObject({ status: 'applied' });
  });
});
