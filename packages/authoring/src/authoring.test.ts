import {
  type CompiledSchema,
  compileSchema,
  createEngine,
  createRuleSet,
  type Engine,
  type EngineOptions,
  type Rule,
  type RuleSet,
} from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import type { JsonObject, Result } from '@setpoint/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { authoring } from './authoring.ts';

type Ask = (service: string, operation: object) => Promise<Result>;

async function open(options: Partial<EngineOptions> = {}): Promise<{ engine: Engine; ask: Ask }> {
  const engine = await createEngine({ store: createMemoryStore(), authoring, ...options });
  let count = 0;
  return {
    engine,
    ask(service, operation) {
      count += 1;
      // Operations are written as they come off the wire; the engine's own schemas are not what is tested here.
      const request = { service, author: 'ann', ...operation } as Parameters<Engine['request']>[0];
      return engine.request(request, `r-${count}`, { requester: 'ann' });
    },
  };
}

const fileLayer = (document: JsonObject) =>
  ({ name: 'yaml_file', document, author: 'file', locate: () => ({ file: 'vad.yaml', line: 1 }) }) as const;

describe('an export', () => {
  const secret = 'hunter2-hunter2';
  const schema = compileSchema({
    type: 'object',
    properties: {
      threshold: { type: 'number', maximum: 1, default: 0.5 },
      model: { type: 'string', default: 'tiny' },
      password: { type: 'string', 'x-secret': true },
    },
  });
  let engine: Engine;
  let ask: Ask;

  beforeEach(async () => {
    ({ engine, ask } = await open());
    for (const service of ['stt', 'tts']) await engine.loadSources(service, { layers: [], schema });
    await ask('stt', { op: 'replace', values: { threshold: 0.5, password: secret } });
    await ask('tts', { op: 'replace', values: { threshold: 0.5 } });
  });

  it.each(['yaml', 'json', 'kubernetes', 'compose', 'dotenv', 'tfvars'])('as %s shows no secret', async (format) => {
    const { found } = await ask('stt', { op: 'export', format });
    expect(found?.text).toContain('tiny');
    expect(found?.text).not.toContain(secret);
  });

  it.each(['yaml', 'json'])('as %s comes back as the same document with the present secret', async (format) => {
    const { found } = await ask('stt', { op: 'export', format });
    expect(await ask('stt', { op: 'import', text: found?.text, format })).toMatchObject({ status: 'unchanged' });
    const edited = found?.text?.replace(/(threshold"?: )0\.5/, '$10.25');
    expect(await ask('stt', { op: 'import', text: edited, format })).toMatchObject({ changed: ['/threshold'] });
    expect(engine.current('stt')?.snapshot.values).toEqual({ threshold: 0.25, model: 'tiny', password: secret });
  });

  it('is not imported into a service that lacks the secret which it keeps', async () => {
    const { found } = await ask('stt', { op: 'export', format: 'yaml' });
    const { status, problem } = await ask('tts', { op: 'import', text: found?.text, format: 'yaml' });
    expect([status, problem?.errors?.map(({ pointer }) => pointer)]).toEqual(['rejected', ['/password']]);
  });
});

describe('a validation that asks for a fix', () => {
  const schema = compileSchema({ properties: { threshold: { type: 'number', maximum: 1, default: 0.5 } } });

  it('gets the patch that would mend the document, and changes nothing', async () => {
    const { engine, ask } = await open();
    await engine.loadSources('vad', { layers: [fileLayer({ threshold: 0.6 })], schema });
    const request = { op: 'validate', fix: true, patch: { treshold: '0.7' } };
    expect(await ask('vad', request)).toMatchObject({
      status: 'rejected',
      problem: { code: 'document_invalid' },
      fix: {
        patch: [
          { op: 'move', from: '/treshold', path: '/threshold' },
          { op: 'replace', path: '/threshold', value: 0.7 },
        ],
        complete: true,
        remaining: [],
      },
    });
    expect(engine.current('vad')?.snapshot.version).toBe(1);
    expect((await ask('vad', { ...request, fix: false })).fix).toBeUndefined();
  });

  it('Secret-03-Fix: shows no secret that a rule put into its fix, not even of another service, and says that the fix is left out', async () => {
    let rules: RuleSet | undefined;
    const { engine, ask } = await open({ rules: () => rules });
    const withKey = compileSchema({ properties: { key: { type: 'string', 'x-secret': true }, a: {} } });
    for (const service of ['one', 'two']) await engine.loadSources(service, { layers: [], schema: withKey });
    await ask('one', { op: 'merge', patch: { key: 'hunter-secret' } });
    let seen: unknown;
    const copying: Rule = {
      id: 'cross_reference/together',
      level: 'cross_reference',
      severity: 'error',
      check(document, { otherServices }) {
        seen = otherServices.documentOf('one')?.key;
        return document.a === 1 ? [{ pointer: '/a', message: 'is one' }] : [];
      },
      fix: () => [{ op: 'replace', path: '/a', value: { nested: [`it is ${seen}`] } }],
    };
    rules = createRuleSet([copying]);
    const result = await ask('two', { op: 'validate', patch: { a: 1 }, fix: true });
    expect(seen).toBe('hunter-secret');
    expect(result).toMatchObject({
      status: 'rejected',
      problem: {
        errors: [{ pointer: '/a', message: 'is one; its rule knows a fix, which would show a secret and is left out' }],
      },
    });
    expect(result.fix).toBeUndefined();
    expect(JSON.stringify(result)).not.toContain('hunter');
  });
});

describe('the preview of a schema', () => {
  it('shows what the schema would make of a service, and changes nothing', async () => {
    const { engine, ask } = await open();
    await ask('one', { op: 'merge', patch: { rate: 5 } });
    const renaming = { 'x-renames': [{ from: '/rate', to: '/rateHz' }] };
    expect((await ask('one', { op: 'preview_schema', schema: renaming })).found?.preview).toMatchObject({
      before: { rate: 5 },
      after: { rateHz: 5 },
      faults: [],
      brokenInstances: [],
    });
    expect(await ask('one', { op: 'preview_schema', schema: { type: 'nonsense' } })).toMatchObject({
      status: 'rejected',
      problem: { code: 'document_invalid' },
    });
    expect(engine.current('one')?.snapshot.version).toBe(1);
  });

  const schema: CompiledSchema = compileSchema({
    properties: { api: { properties: { key: { type: 'string', 'x-secret': true }, url: { type: 'string' } } } },
  });
  const preview = async (key: string, next: JsonObject) => {
    const { engine, ask } = await open();
    await engine.loadSources('vad', { layers: [fileLayer({ api: { key, url: 'here' } })], schema });
    return (await ask('vad', { op: 'preview_schema', schema: next })).found?.preview;
  };

  it.each<[string, JsonObject]>([
    ['renames it', { 'x-renames': [{ from: '/api/key', to: '/plain' }] }],
    ['renames the section around it', { 'x-renames': [{ from: '/api', to: '/plain' }] }],
    ['does not mark it', { properties: { api: { properties: { key: { type: 'string' } } } } }],
    ['demands another value', { properties: { api: { properties: { key: { const: 'other', pattern: '^x' } } } } }],
    [
      'judges another setting by it',
      {
        if: { properties: { api: { properties: { key: { pattern: '^h' } } } } },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
        then: { required: ['other'] },
      },
    ],
  ])('Secret-04-No-Guess: tells nothing of a secret when the schema %s', async (_, next) => {
    const first = await preview('hunter22', next);
    expect(first?.after).toBeDefined();
    expect(first).toEqual(await preview('xylophone', next));
    expect(JSON.stringify(first)).not.toContain('hunter');
  });
});
