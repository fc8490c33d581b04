import type { JsonObject, JsonValue } from '@setpoint/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leavesOf } from '../document/leaf-settings.ts';
import { parseAssignment } from '../layer/arguments.ts';
import { layFiles } from '../layer/files.ts';
import type { Layer } from '../layer/layer.ts';
import { layTexts } from '../layer/named-texts.ts';
import type { FindService } from '../layer/references.ts';
import { resolve } from '../layer/resolve.ts';
import { parsePlaced } from '../layer/yaml-file.ts';
import { explain } from '../read/explain.ts';
import { isSecretIn } from '../schema/redact.ts';
import { type CompiledSchema, compileSchema } from '../schema/schema.ts';
import { emptyState, type ServiceState, secretTest } from '../service-state.ts';
import type { DecideOptions, Decision, WriteRequest } from './change.ts';
import { decide } from './decide.ts';

const options: DecideOptions = { epoch: 1, now: Date.parse('2026-06-01T00:00:00Z'), maxDocumentBytes: 100_000 };

const schema = compileSchema({
  additionalProperties: true,
  properties: {
    gap: { type: 'integer', default: 5, description: 'How long to wait.' },
    port: { type: 'integer', 'x-restart-required': true },
    key: { type: 'string', 'x-secret': true },
  },
});

function file(text: string, variables: Record<string, string> = {}): Layer {
  const parsed = parsePlaced(text, 'vad.yaml');
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  return layFiles([parsed.root], {
    service: 'vad',
    author: 'file:vad.yaml',
    schemas: [schema],
    variables: (name) => variables[name],
  });
}

function environment(variables: Record<string, string>): Layer {
  const texts = Object.entries(variables).map(([name, text]) => ({
    path: name.split('__'),
    isLoose: true,
    text,
    place: { name: `SETPOINT_CFG__VAD__${name}` },
  }));
  return layTexts(texts, { name: 'environment', author: 'environment', schemas: [schema], beneath: {} }) as Layer;
}

function argument(...given: string[]): Layer {
  const texts = given.flatMap((text) => {
    const parsed = parseAssignment(text);
    return parsed.kind === 'assignment' ? [parsed.setting] : [];
  });
  return layTexts(texts, { name: 'cli_argument', author: 'arguments', schemas: [schema], beneath: {} }) as Layer;
}

const load = (state: ServiceState, layers: readonly Layer[], rest: Partial<DecideOptions> = {}): Decision =>
  decide(state, { kind: 'sources', layers, schema }, { ...options, ...rest });

const ask = (state: ServiceState, request: object, rest: Partial<DecideOptions> = {}): Decision =>
  decide(
    state,
    {
      kind: 'request',
      request: { service: 'vad', author: 'ann', ...request } as unknown as WriteRequest,
      requestId: 'r-1',
      identity: { requester: 'ann' },
    },
    { ...options, ...rest },
  );

const merge = (patch: JsonObject): object => ({ op: 'merge', patch });
const empty = emptyState('vad');
const valuesOf = ({ state }: Decision): JsonObject | undefined => state.latest?.snapshot.values;

const explained = (state: ServiceState, pointer?: string, own: CompiledSchema = schema) =>
  explain(
    {
      resolved: resolve({ ...state, schema: own }),
      schemas: [own],
      isSecret: secretTest(state),
      restartRequired: state.latest?.snapshot.restartRequired ?? [],
    },
    pointer,
  );

describe('the layers of one setting', () => {
  const [yaml, env, arg] = [file('a: 1\ngap: 10\n'), environment({ GAP: '15' }), argument('vad/gap=20')];

  it('go before one another, and each that goes uncovers the next', () => {
    const all = load(empty, [yaml, env, arg]);
    expect(valuesOf(all)).toEqual({ a: 1, gap: 20 });
    const set = ask(all.state, merge({ gap: 17 }));
    expect(set.result).toMatchObject({
      status: 'unchanged',
      warnings: [
        {
          pointer: '/gap',
          message: 'is set by the argument --set vad/gap, which goes first; what was set counts once it is gone',
        },
      ],
    });
    expect(set.state.overrides).toMatchObject([{ pointer: '/gap', value: 17 }]);
    expect(explained(set.state, '/gap')).toEqual([
      {
        pointer: '/gap',
        layer: 'cli_argument',
        value: 20,
        name: '--set vad/gap',
        hot: true,
        secret: false,
        description: 'How long to wait.',
        beneath: [
          { layer: 'runtime_update', value: 17, author: 'ann', version: 1, at: '2026-06-01T00:00:00.000Z', reason: '' },
          { layer: 'environment', value: 15, name: 'SETPOINT_CFG__VAD__GAP' },
          { layer: 'yaml_file', value: 10, file: 'vad.yaml', line: 2 },
          { layer: 'default', value: 5 },
        ],
      },
    ]);

    const steps = [load(set.state, [yaml, env])];
    steps.push(ask((steps.at(-1) as Decision).state, merge({ gap: null })));
    steps.push(load((steps.at(-1) as Decision).state, [yaml]));
    steps.push(load((steps.at(-1) as Decision).state, [file('a: 1')]));
    expect(steps.map((step) => valuesOf(step)?.gap)).toEqual([17, 15, 10, 5]);
    expect(steps.map(({ record }) => [record?.snapshot.author, record?.snapshot.reason])).toEqual([
      ['arguments', 'the arguments changed'],
      ['ann', ''],
      ['environment', 'the environment changed'],
      ['file:vad.yaml', 'the file changed'],
    ]);
  });

  it('keep what arguments hide where a whole document is given back', () => {
    const { state } = load(empty, [yaml, arg]);
    const same = ask(state, { op: 'replace', values: { a: 1, gap: 20 } });
    expect([same.result.status, same.state.overrides]).toEqual(['unchanged', []]);
    const other = ask(state, { op: 'replace', values: { a: 2, gap: 7 } });
    expect(valuesOf(other)).toEqual({ a: 2, gap: 20 });
    expect(other.result.warnings).toMatchObject([{ pointer: '/gap' }]);
    const patched = ask(state, { op: 'patch', patch: [{ op: 'test', path: '/gap', value: 20 }] });
    expect(patched.result.status).toBe('unchanged');
  });

  it('make a service of a schema alone, and it is not missing a file', () => {
    const made = load(empty, [env]);
    expect(made.record?.snapshot).toMatchObject({
      values: { gap: 15 },
      author: 'environment',
      reason: 'the environment was read',
    });
    expect(made.state.sourceProblem).toBeUndefined();
    expect(ask(made.state, { op: 'delete' }).result.problem?.detail).toContain(
      'the environment of vad would bring it back',
    );
    const gone = load(made.state, []);
    expect([valuesOf(gone), gone.state.sourceProblem]).toEqual([{ gap: 5 }, undefined]);
  });

  it('keep the last file where it is gone, under what is over it', () => {
    const { state } = load(empty, [yaml, env]);
    const gone = load(state, [environment({ GAP: '16' })]);
    expect([valuesOf(gone), gone.state.sourceProblem?.code]).toEqual([{ a: 1, gap: 16 }, 'file_missing']);
  });
});

describe('what is wrong with sources', () => {
  it('is told all at once, with the place of each', () => {
    const layers = [
      file('port: "x"\na: ${NONE}\nb: ${ref:/none}\nkey: 5\n'),
      environment({ GAP: 'many', KEY__X: 'hunter2' }),
    ];
    const { result, record } = load(empty, layers);
    expect(record).toBeUndefined();
    expect(result.problem?.errors).toEqual([
      { pointer: '/a', message: 'takes the variable NONE, which is not set', file: 'vad.yaml', line: 2 },
      { pointer: '/b', message: 'refers to /none, which there is not', file: 'vad.yaml', line: 3 },
      {
        pointer: '/gap',
        message: 'must be a whole number (said by SETPOINT_CFG__VAD__GAP)',
        expected: 'a whole number',
        received: '"many"',
      },
      {
        pointer: '/port',
        message: 'must be a whole number',
        expected: 'a whole number',
        received: '"x"',
        file: 'vad.yaml',
        line: 1,
      },
      expect.objectContaining({ pointer: '/key', message: expect.stringContaining('must be a text') }),
    ]);
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it('does not count where another layer says something else there', () => {
    const layers = [file('gap: ${NONE}\na: ${ref:/none}\n'), environment({ GAP: '3', A: '4' })];
    expect(valuesOf(load(empty, layers))).toEqual({ gap: 3, a: 4 });
  });
});

describe('a reference', () => {
  const layers = [file('host: a\nurl: tcp://${ref:/host}\nkey: hunter2\nlogin: u:${ref:/key}\n')];
  const { state, record } = load(empty, layers);

  it('is followed, and follows what operators set, in the same version', () => {
    expect(record?.snapshot.values).toMatchObject({ host: 'a', url: 'tcp://a' });
    const set = ask(state, merge({ host: 'b' }));
    expect(valuesOf(set)).toMatchObject({ host: 'b', url: 'tcp://b' });
    expect(set.record?.changed).toEqual(['/host', '/url']);
    expect(set.state.overrides.map(({ pointer }) => pointer)).toEqual(['/host']);
    const back = ask(set.state, { op: 'rollback', toVersion: 1 }, { version: record });
    expect(valuesOf(back)).toEqual(record?.snapshot.values);
    expect(valuesOf(ask(back.state, merge({ host: 'c' })))).toMatchObject({ url: 'tcp://c' });
  });

  it('is covered by what an operator sets, and that is never one', () => {
    const set = ask(state, merge({ url: '${ref:/host}' }));
    expect(valuesOf(set)).toMatchObject({ url: '${ref:/host}' });
    expect(valuesOf(ask(set.state, merge({ url: null })))).toMatchObject({ url: 'tcp://a' });
  });

  it('makes the place secret that refers to a secret', () => {
    expect(record?.snapshot.secrets).toEqual(['/key', '/login']);
    const told = explained(state);
    expect(told.find(({ pointer }) => pointer === '/login')).toMatchObject({
      value: '*** REDACTED ***',
      secret: true,
      layer: 'yaml_file',
      line: 4,
      name: '${ref:/key}',
    });
    expect(JSON.stringify(told)).not.toContain('hunter2');
    const strict = {
      ...state,
      schema: compileSchema({
        additionalProperties: true,
        properties: { key: { 'x-secret': true }, login: { type: 'integer' } },
      }),
    };
    const { result } = ask(strict, merge({ host: 'c' }));
    expect(result.problem?.errors).toMatchObject([{ pointer: '/login', received: '*** REDACTED ***' }]);
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it('to a section is set as a whole where something in it is to be another', () => {
    const { state: before, record: first } = load(empty, [file('a: {x: 1, y: 2}\nr: ${ref:/a}\n')]);
    const patched = ask(before, { op: 'patch', patch: [{ op: 'replace', path: '/r/x', value: 5 }] });
    expect(valuesOf(patched)).toMatchObject({ a: { x: 1, y: 2 }, r: { x: 5, y: 2 } });
    const back = ask(patched.state, { op: 'rollback', toVersion: 1 }, { version: first });
    expect([valuesOf(back), back.state.overrides]).toEqual([first?.snapshot.values, []]);
  });

  it('into another service takes its values, and its secrets', () => {
    const findService: FindService = (service) =>
      service === 'shared'
        ? {
            values: { mqtt: { host: 'h', password: 'hunter2' } },
            isSecret: isSecretIn(['/mqtt/password']),
            refersTo: [],
          }
        : undefined;
    const referring = [file('mqtt: "${ref:shared#/mqtt}"\nhost: "${ref:shared#/mqtt/host}"\n')];
    const loaded = load(empty, referring, { findService });
    expect(loaded.record?.snapshot).toMatchObject({ values: { mqtt: { host: 'h' }, host: 'h' }, secrets: ['/mqtt'] });
    expect(load(empty, referring).result.problem?.errors).toMatchObject([
      { pointer: '/mqtt', message: 'refers to shared#/mqtt, which there is not', file: 'vad.yaml', line: 1 },
      { pointer: '/host', line: 2 },
    ]);
  });
});

describe('any run of requests over several layers', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const scalar = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('x', 'y'));
  const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.array(scalar, { maxLength: 2 }),
      fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
    ),
  }));
  const document = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true }) as fc.Arbitrary<JsonObject>;
  const layerOf = (layer: Layer['name'], content: JsonObject): Layer => ({
    name: layer,
    document: content,
    author: layer,
    locate: () => ({ name: layer }),
  });
  const pointer = fc.array(name, { minLength: 1, maxLength: 2 }).map((names) => `/${names.join('/')}`);
  const request = fc.oneof(
    document.map((patch) => ({ op: 'merge', patch })),
    document.map((values) => ({ op: 'replace', values })),
    fc
      .record({ op: fc.constantFrom('add', 'remove'), path: pointer, value })
      .map((one) => ({ op: 'patch', patch: [one] })),
    fc.integer({ min: 1, max: 5 }).map((toVersion) => ({ op: 'rollback', toVersion })),
  );
  const references = fc.array(fc.record({ at: fc.constantFrom('r', 'a', 'b'), pick: fc.nat() }), {
    minLength: 1,
    maxLength: 2,
  });
  const run = fc.record({
    file: document,
    env: document,
    arg: document,
    references,
    requests: fc.array(request, { maxLength: 5 }),
  });

  function start({
    file: content,
    env,
    references: refs,
  }: {
    file: JsonObject;
    env: JsonObject;
    references: { at: string; pick: number }[];
  }) {
    const leaves = leavesOf(content).filter(({ pointer: at }) => at !== '');
    const texts = Object.fromEntries(
      refs.flatMap(({ at, pick }) => {
        const to = leaves[pick % (leaves.length || 1)];
        return to ? [[at, `\${ref:${to.pointer}}`]] : [];
      }),
    );
    const parsed = parsePlaced(JSON.stringify({ ...content, ...texts }), 'vad.yaml');
    if (parsed.kind === 'faults') throw new Error();
    const yaml = layFiles([parsed.root], { service: 'vad', author: 'f', schemas: [], variables: () => undefined });
    return [yaml, layerOf('environment', env)];
  }

  const open = compileSchema({ additionalProperties: true });
  const loose = (state: ServiceState, layers: readonly Layer[]): Decision =>
    decide(state, { kind: 'sources', layers, schema: open }, options);

  it('keeps the document equal to what the layers resolve to, and what is set under an argument for later', () => {
    let followed = 0;
    let rolledBack = 0;
    fc.assert(
      fc.property(run, (given) => {
        const beneath = start(given);
        let { state } = loose(empty, [...beneath, layerOf('cli_argument', given.arg)]);
        const versions = state.latest ? [state.latest] : [];
        for (const made of given.requests) {
          if (!state.latest) return;
          const version = versions.find(({ snapshot }) => 'toVersion' in made && snapshot.version === made.toVersion);
          const decision = ask(state, made, { version });
          const { result, record } = decision;
          state = decision.state;
          if (record) versions.push(record);
          expect(resolve(state).values).toEqual(state.latest?.snapshot.values);
          if (result.problem) continue;
          if (made.op === 'rollback' && result.warnings.length === 0) {
            rolledBack += 1;
            expect(state.latest?.snapshot.values).toEqual(version?.snapshot.values);
          }
          followed += resolve(state).references.length;
        }
        const without = loose(state, beneath);
        if (without.result.problem || !without.state.latest) return;
        expect(without.state.latest.snapshot.values).toEqual(
          resolve({ schema: open, layers: beneath, overrides: state.overrides }).values,
        );
      }),
      { numRuns: 1000 },
    );
    expect(followed).toBeGreaterThan(50);
    expect(rolledBack).toBeGreaterThan(50);
  });
});
