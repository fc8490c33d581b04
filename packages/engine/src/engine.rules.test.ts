import type { JsonObject, Result } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createEngine, type EngineOptions } from './engine.ts';
import { parsePolicies } from './rule/policy.ts';
import { createRuleSet, type Rule, type RuleSet } from './rule/rule.ts';
import { compileSchema } from './schema/schema.ts';
import { createMemoryStore } from './store/memory.ts';

async function open(options: Pick<EngineOptions, 'policies' | 'rules'> = {}) {
  const engine = await createEngine({ store: createMemoryStore(), ...options });
  let count = 0;
  const merge = (service: string, patch: JsonObject): Promise<Result> => {
    count += 1;
    return engine.request({ service, author: 'ann', op: 'merge', patch }, `r-${count}`, { requester: 'ann' });
  };
  return { engine, merge };
}

describe('an engine with rules', () => {
  const together: Rule = {
    id: 'cross_reference/together',
    level: 'cross_reference',
    severity: 'error',
    check: ({ a }, { otherServices, service }) =>
      otherServices.services().some((name) => name !== service && otherServices.documentOf(name)?.a !== a)
        ? [{ pointer: '/a', message: 'is another elsewhere' }]
        : [],
  };

  it('asks them about what the same batch has just decided', async () => {
    const { merge } = await open({ rules: () => createRuleSet([together]) });
    const results = await Promise.all([merge('one', { a: 1 }), merge('two', { a: 2 }), merge('two', { a: 1 })]);
    expect(results.map(({ status }) => status)).toEqual(['applied', 'rejected', 'applied']);
  });

  it('lets no rule tell a secret of another service', async () => {
    let rules: RuleSet | undefined;
    const { engine, merge } = await open({ rules: () => rules });
    const schema = compileSchema({ properties: { key: { type: 'string', 'x-secret': true } } });
    await engine.loadSources('one', { layers: [], schema });
    await merge('one', { key: 'hunter-secret' });
    const telling: Rule = {
      ...together,
      check: (_, { otherServices }) => [{ message: `one has ${otherServices.documentOf('one')?.key}` }],
    };
    rules = createRuleSet([telling]);
    const result = await merge('two', { a: 1 });
    expect(result.problem?.errors).toMatchObject([{ message: expect.stringContaining('is left out') }]);
    expect(JSON.stringify(result)).not.toContain('hunter');
  });

  it('follows the policy of each service', async () => {
    const parsed = parsePolicies('services: { one: { strict: true } }', '_policy.yaml');
    const { merge } = await open({ policies: () => (parsed.kind === 'policies' ? parsed.policies : undefined) });
    expect((await merge('one', { timeoutMs: 0 })).status).toBe('rejected');
    expect((await merge('two', { timeoutMs: 0 })).status).toBe('applied');
  });
});
