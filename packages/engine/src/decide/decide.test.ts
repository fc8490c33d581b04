import type { JsonObject, JsonValue, PatchOperation, Problem } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import type { Layer } from '../layer/layer.ts';
import { parseYamlFile } from '../layer/yaml-file.ts';
import { defaultPolicy } from '../rule/policy.ts';
import { createRuleSet, type Rule } from '../rule/rule.ts';
import { type CompiledSchema, compileSchema } from '../schema/schema.ts';
import { emptyState, type ServiceState } from '../service-state.ts';
import type { DecideOptions, Decision, SourcesChange, WriteRequest } from './change.ts';
import { decide } from './decide.ts';

const options: DecideOptions = {
  epoch: 1_790_000_000,
  now: Date.parse('2026-06-01T00:00:00Z'),
  maxDocumentBytes: 1000,
};

const schema = compileSchema({
  properties: {
    threshold: { type: 'number', minimum: 0, maximum: 1, default: 0.5 },
    model: { type: 'string', default: 'small', 'x-restart-required': true },
    api: { type: 'object', properties: { url: { type: 'string' }, key: { type: 'string', 'x-secret': true } } },
  },
});

function layer(text: string): Layer {
  const parsed = parseYamlFile(text, 'vad.yaml');
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  return parsed.layer;
}

const load = (state: ServiceState, change: Partial<SourcesChange>, rest: Partial<DecideOptions> = {}): Decision =>
  decide(state, { kind: 'sources', layers: [], schema, ...change }, { ...options, ...rest });

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

const empty = emptyState('vad');
/** At version 1, from a file. */
const loaded = load(empty, { layers: [layer('threshold: 0.6\napi: {url: here}\n')] }).state;
/** At version 1, made by an operator. */
const made = ask({ ...empty, schema }, { op: 'merge', patch: { threshold: 0.6 } }).state;
/** At version 2, deleted. */
const deleted = ask(made, { op: 'delete' }).state;

const merge = (patch: JsonObject) => ({ op: 'merge', patch });
const patch = (...operations: PatchOperation[]) => ({ op: 'patch', patch: operations });
const valuesOf = ({ state }: Decision): JsonValue | undefined => state.latest?.snapshot.values;

const broken: Problem = { type: 'urn:x', title: 't', detail: 'broken', code: 'file_invalid' };

describe('a request that is carried out', () => {
  it('makes the next version, whole', () => {
    const { record, result, state } = ask(loaded, { ...merge({ threshold: 0.7, api: { key: 'k' } }), reason: 'why' });
    expect(record).toEqual({
      snapshot: {
        service: 'vad',
        epoch: 1_790_000_000,
        version: 2,
        digest: 'sha256:6902404d633c0d06cec6137343345ad545122ca6a97448bb4d24f9cb859402d2',
        previous: { version: 1, digest: loaded.latest?.snapshot.digest },
        values: { threshold: 0.7, model: 'small', api: { url: 'here', key: 'k' } },
        restartRequired: ['/model'],
        secrets: ['/api/key'],
        author: 'ann',
        reason: 'why',
        committedAt: '2026-06-01T00:00:00.000Z',
      },
      changed: ['/threshold', '/api/key'],
      deleted: false,
    });
    expect(result).toEqual({
      status: 'applied',
      service: 'vad',
      epoch: 1_790_000_000,
      version: 2,
      digest: record?.snapshot.digest,
      changed: ['/threshold', '/api/key'],
      restartRequired: [],
      warnings: [],
    });
    expect(state.latest).toBe(record);
    expect(state.overrides).toEqual([
      { pointer: '/threshold', value: 0.7, author: 'ann', reason: 'why', version: 2, at: '2026-06-01T00:00:00.000Z' },
      { pointer: '/api/key', value: 'k', author: 'ann', reason: 'why', version: 2, at: '2026-06-01T00:00:00.000Z' },
    ]);
  });

  it('names what a running process can not take over', () => {
    const insisting = { ...merge({ model: 'large', threshold: 0.7 }), acceptRestart: true };
    expect(ask(loaded, insisting).result).toMatchObject({
      changed: ['/threshold', '/model'],
      restartRequired: ['/model'],
    });
  });

  it.each<[string, ServiceState, object, JsonObject]>([
    [
      'a patch',
      loaded,
      patch({ op: 'remove', path: '/api' }, { op: 'replace', path: '/threshold', value: 1 }),
      { threshold: 1, model: 'small' },
    ],
    [
      'a replacement, with defaults',
      loaded,
      { op: 'replace', values: { api: {} } },
      { threshold: 0.5, model: 'small', api: {} },
    ],
    ['a merge where there is no service yet', { ...empty, schema }, merge({}), { threshold: 0.5, model: 'small' }],
    ['a merge where the service was deleted', deleted, merge({ threshold: 1 }), { threshold: 1, model: 'small' }],
    [
      'a merge that gives back to the file',
      ask(loaded, merge({ threshold: 1 })).state,
      merge({ threshold: null }),
      { threshold: 0.6, model: 'small', api: { url: 'here' } },
    ],
  ])('is %s', (_, state, request, values) => {
    const decision = ask(state, request);
    expect(decision.result.status).toBe('applied');
    expect(valuesOf(decision)).toEqual(values);
  });

  it('is a rollback to an old version, also of a service that was deleted', () => {
    const version = loaded.latest;
    const later = ask(loaded, merge({ threshold: 1 })).state;
    const back = ask(later, { op: 'rollback', toVersion: 1 }, { version });
    expect(back.result).toMatchObject({
      status: 'applied',
      version: 3,
      changed: ['/threshold'],
      digest: version?.snapshot.digest,
    });
    const again = ask(deleted, { op: 'rollback', toVersion: 1 }, { version: made.latest });
    expect(again.result).toMatchObject({ status: 'applied', version: 3, changed: [''] });
  });

  it('warns where nobody could check it', () => {
    const { result } = ask(empty, merge({ any: 'thing' }));
    expect(result).toMatchObject({
      status: 'applied',
      version: 1,
      changed: [''],
      warnings: [
        {
          pointer: '',
          message: 'nothing was checked: the service has no schema file and no running instance that announced one',
        },
      ],
    });
  });

  it('is checked by the contract of a running instance', () => {
    const state = { ...empty, contracts: [{ instance: 'vad-1', schema }] };
    expect(ask(state, merge({ threshold: 1 })).result.warnings).toEqual([]);
    expect(ask(state, merge({ threshold: 2 })).result.problem?.errors).toEqual([
      { pointer: '/threshold', message: 'must be <= 1', expected: 'at most 1', received: '2', instance: 'vad-1' },
    ]);
    expect(ask(state, merge({ api: { key: 'k' }, model: 'm' })).record?.snapshot).toMatchObject({
      secrets: ['/api/key'],
      restartRequired: ['/model'],
    });
  });

  it('marks what either schema marks, once', () => {
    const other = compileSchema({ properties: { threshold: { 'x-secret': true }, api: { 'x-secret': true } } });
    const state = {
      ...loaded,
      contracts: [
        { instance: 'vad-1', schema: other },
        { instance: 'vad-2', schema },
      ],
    };
    expect(ask(state, merge({ api: { key: 'k' } })).record?.snapshot.secrets).toEqual([
      '/api',
      '/api/key',
      '/threshold',
    ]);
  });
});

describe('a request that changes nothing', () => {
  it('is unchanged where all is so already', () => {
    const decision = ask(loaded, merge({ threshold: 0.6 }));
    expect(decision.result).toEqual({
      status: 'unchanged',
      service: 'vad',
      epoch: 1_790_000_000,
      version: 1,
      digest: loaded.latest?.snapshot.digest,
      changed: [],
      restartRequired: [],
      warnings: [],
    });
    // What an operator set stays set when the file changes later.
    expect(decision.state.overrides).toMatchObject([{ pointer: '/threshold', value: 0.6, author: 'ann' }]);
    expect(ask(decision.state, merge({ threshold: 0.6 })).state).toBe(decision.state);
    expect(decision.record).toBeUndefined();
  });

  it('is valid where it only asks', () => {
    const decision = ask(loaded, { op: 'validate', patch: { model: 'large' } });
    expect(decision.result).toMatchObject({
      status: 'valid',
      version: 1,
      changed: ['/model'],
      restartRequired: ['/model'],
    });
    expect(decision.state).toBe(loaded);
    expect(decision.record).toBeUndefined();
  });

  it('is rejected where it only asks for what would be refused', () => {
    expect(ask(loaded, { op: 'validate', patch: { threshold: 2 } }).result).toMatchObject({
      status: 'rejected',
      version: 1,
    });
  });
});

describe('a request that is refused', () => {
  it.each<[string, ServiceState, object, Partial<DecideOptions>, string, string, string]>([
    [
      'under another name',
      loaded,
      { ...merge({}), author: 'bob' },
      {},
      'denied',
      'access_denied',
      'names bob as its author',
    ],
    [
      'after its time',
      loaded,
      { ...merge({}), expiresAt: '2026-06-01T00:00:00Z' },
      {},
      'rejected',
      'request_expired',
      'before 2026-06-01T00:00:00Z; ask again',
    ],
    [
      'for another version',
      loaded,
      { ...merge({}), expectedVersion: 2 },
      {},
      'conflict',
      'version_conflict',
      'expected version 2, the service is at 1',
    ],
    [
      'for no service, where there is one',
      loaded,
      { ...merge({}), expectedVersion: 0 },
      {},
      'conflict',
      'version_conflict',
      'expected version 0, the service is at 1',
    ],
    [
      'for the version of a deletion',
      deleted,
      { ...merge({}), expectedVersion: 2 },
      {},
      'conflict',
      'version_conflict',
      'the service is at 0',
    ],
    [
      'while nothing can be checked',
      { ...loaded, isUncheckable: true, sourceProblem: broken },
      merge({}),
      {},
      'rejected',
      'file_invalid',
      'broken',
    ],
    [
      'to delete nothing',
      empty,
      { op: 'delete' },
      {},
      'rejected',
      'service_unknown',
      'there is no service vad to delete',
    ],
    [
      'to delete twice',
      deleted,
      { op: 'delete' },
      {},
      'rejected',
      'service_unknown',
      'there is no service vad to delete',
    ],
    [
      'to delete what has a file',
      loaded,
      { op: 'delete' },
      {},
      'rejected',
      'service_has_file',
      'the file of vad would bring it back',
    ],
    [
      'to delete what has a broken file',
      { ...made, sourceProblem: broken },
      { op: 'delete' },
      {},
      'rejected',
      'service_has_file',
      'would bring it back',
    ],
    [
      'to go back to nothing',
      loaded,
      { op: 'rollback', toVersion: 9 },
      {},
      'rejected',
      'version_unknown',
      'vad has no version 9 to go back to',
    ],
    [
      'with a patch that does not fit',
      loaded,
      patch({ op: 'remove', path: '/none' }),
      {},
      'rejected',
      'patch_failed',
      'read the document again',
    ],
    [
      'to make it too large',
      loaded,
      merge({ model: 'm'.repeat(1000) }),
      {},
      'rejected',
      'message_too_large',
      'the document is 1065 bytes, 1000 is the limit; split the service or raise the limit',
    ],
  ])('%s', (_, state, request, rest, status, code, detail) => {
    const { result, record, state: after } = ask(state, request, rest);
    expect(result).toMatchObject({ status, problem: { code, detail: expect.stringContaining(detail) }, changed: [] });
    expect(result.version).toBe(state.latest?.snapshot.version ?? 0);
    expect(record).toBeUndefined();
    expect(after).toBe(state);
  });

  it.each([
    ['at its version', loaded, { expectedVersion: 1 }],
    ['that does not exist', empty, { expectedVersion: 0 }],
    ['that was deleted', deleted, { expectedVersion: 0 }],
    ['before its time is up', loaded, { expiresAt: '2026-06-01T00:00:00.001Z' }],
  ])('is not one for a service %s', (_, state, rest) => {
    expect(ask(state, { ...merge({ threshold: 1 }), ...rest }).result.status).toBe('applied');
  });

  it('gets every fault, with its place where the file is to blame', () => {
    const file = layer('threshold: 0.6\napi:\n  url: here\n');
    const state = load(empty, { layers: [file] }).state;
    const strict = {
      ...state,
      schema: compileSchema({
        properties: {
          threshold: { maximum: 0.1 },
          api: { required: ['key'], properties: { url: { type: 'number' } } },
        },
      }),
    };
    const { result } = ask(strict, merge({ api: { urls: 'hunter2' } }));
    expect(result.problem).toMatchObject({ code: 'document_invalid', detail: '4 faults; nothing was changed' });
    expect(result.problem?.errors).toEqual([
      {
        pointer: '/api/urls',
        message: 'is not a known setting; did you mean "url"?',
        expected: 'one of url',
        suggestion: 'url',
      },
      {
        pointer: '/threshold',
        message: 'must be <= 0.1',
        expected: 'at most 0.1',
        received: '0.6',
        file: 'vad.yaml',
        line: 1,
      },
      {
        pointer: '/api/key',
        message: 'is required',
        expected: 'a value',
        received: 'nothing',
        file: 'vad.yaml',
        line: 2,
      },
      {
        pointer: '/api/url',
        message: 'must be a number',
        expected: 'a number',
        received: '"here"',
        file: 'vad.yaml',
        line: 3,
      },
    ]);
    expect(ask(loaded, merge({ threshold: 2 })).result.problem?.detail).toBe('1 fault; nothing was changed');
  });

  it('gets the first five hundred of many faults', () => {
    const values = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`s${i}`, 1]));
    const { result } = ask(loaded, { op: 'replace', values });
    expect(result.problem?.detail).toBe('600 faults, the first 500 of them here; nothing was changed');
    expect(result.problem?.errors).toHaveLength(500);
  });

  it('nests deeper than a message around the document allows', () => {
    const nest = (levels: number): JsonObject => (levels === 1 ? {} : { n: nest(levels - 1) });
    expect(ask(empty, { op: 'replace', values: nest(60) }).result.status).toBe('applied');
    expect(ask(empty, { op: 'replace', values: nest(61) }).result.problem?.errors).toEqual([
      { pointer: '', message: 'nests deeper than 64 levels, with the 4 of a message around it' },
    ]);
  });

  it('counts the names of secrets to the size of a document', () => {
    const secretMap = compileSchema({ additionalProperties: { 'x-secret': true } });
    const values = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`secret-${i}`, '']));
    expect(ask({ ...empty, schema: secretMap }, { op: 'replace', values }).result.problem?.code).toBe(
      'message_too_large',
    );
    expect(ask(empty, { op: 'replace', values }).result.status).toBe('applied');
  });
});

describe('a deletion', () => {
  it('is a version without content, and forgets the runtime layer', () => {
    const { record, result, state } = ask(made, { op: 'delete', reason: 'gone' });
    expect(record).toMatchObject({
      snapshot: { version: 2, values: {}, secrets: [], previous: { version: 1 }, author: 'ann', reason: 'gone' },
      changed: [''],
      deleted: true,
    });
    expect(result).toMatchObject({ status: 'applied', version: 2, changed: [''], restartRequired: [] });
    expect(state.overrides).toEqual([]);
  });

  it('is possible where the file is gone', () => {
    const { state } = load(loaded, {});
    const { result, state: after } = ask(state, { op: 'delete' });
    expect(result.status).toBe('applied');
    expect(after.sourceProblem).toBeUndefined();
  });
});

describe('a file that is read', () => {
  it('makes the first version', () => {
    const { record, result } = load(empty, { layers: [layer('threshold: 0.6\n')] });
    expect(record).toMatchObject({
      snapshot: {
        version: 1,
        previous: null,
        author: 'file:vad.yaml',
        reason: 'the file was read',
        values: { threshold: 0.6, model: 'small' },
      },
      changed: [''],
    });
    expect(result).toMatchObject({ status: 'applied', version: 1 });
  });

  it('makes the next version where it changed, beneath what operators set', () => {
    const { state } = ask(loaded, merge({ threshold: 0.9 }));
    const decision = load(state, { layers: [layer('threshold: 0.1\nmodel: large\n')] });
    expect(decision.record).toMatchObject({
      snapshot: { version: 3, reason: 'the file changed' },
      changed: ['/api', '/model'],
    });
    expect(valuesOf(decision)).toEqual({ threshold: 0.9, model: 'large' });
  });

  it('brings a deleted service back', () => {
    expect(load(deleted, { layers: [layer('threshold: 0.6\n')] }).record).toMatchObject({
      snapshot: { version: 3, reason: 'the file was read' },
    });
  });

  it('is unchanged where it says the same', () => {
    const file = layer('api: {url: here}\nthreshold: 0.6 # the same\n');
    const decision = load({ ...loaded, sourceProblem: broken }, { layers: [file] });
    expect(decision.result).toMatchObject({ status: 'unchanged', version: 1 });
    expect(decision.record).toBeUndefined();
    expect(decision.state).toMatchObject({ layers: [file], sourceProblem: undefined });
  });

  it('that is not valid leaves all as it was, and says what is wrong and where', () => {
    const decision = load(loaded, { layers: [layer('\nthreshold: 7\nmodle: x\n')] });
    const problem = {
      type: 'urn:setpoint:problem:file_invalid',
      title: 'The configuration file is not valid',
      detail: '2 faults; nothing was changed',
      code: 'file_invalid',
      errors: [
        {
          pointer: '/modle',
          message: 'is not a known setting; did you mean "model"?',
          expected: 'one of api, model, threshold',
          suggestion: 'model',
          file: 'vad.yaml',
          line: 3,
        },
        {
          pointer: '/threshold',
          message: 'must be <= 1',
          expected: 'at most 1',
          received: '7',
          file: 'vad.yaml',
          line: 2,
        },
      ],
    };
    expect(decision.result).toMatchObject({ status: 'rejected', version: 1, problem });
    expect(decision.state).toEqual({ ...loaded, sourceProblem: problem });
  });

  it('that is not valid under a changed schema keeps the schema too', () => {
    const strict = compileSchema({ properties: { threshold: { maximum: 0.1 } } });
    expect(load(loaded, { layers: [layer('threshold: 0.6\n')], schema: strict }).state.schema).toBe(schema);
    const first = load(empty, { layers: [layer('threshold: 0.6\n')], schema: strict });
    expect(first.state.schema).toBe(strict);
  });

  it('that is too large is refused', () => {
    const { result } = load(loaded, { layers: [layer(`model: ${'m'.repeat(1000)}\n`)] });
    expect(result.problem?.code).toBe('file_invalid');
  });

  it('that can not be read leaves the last one, but a schema that can be read counts', () => {
    const next = compileSchema({ properties: { threshold: {} } });
    const decision = load(loaded, { schema: next, problem: broken });
    expect(decision.result).toMatchObject({ status: 'rejected', problem: broken });
    expect(decision.state).toEqual({ ...loaded, schema: next, sourceProblem: broken });
  });

  it('beside a schema that can not be read keeps the last schema', () => {
    const change = { layers: [layer('threshold: 0.7\n')], schema: undefined, isSchemaBroken: true, problem: broken };
    expect(load(loaded, change).state).toEqual({ ...loaded, sourceProblem: broken });
  });

  it('beside a schema that was never readable lets nobody change anything, until it is', () => {
    const change = { layers: [], schema: undefined, isSchemaBroken: true, problem: broken };
    const { state } = load({ ...loaded, schema: undefined }, change);
    expect(state.isUncheckable).toBe(true);
    expect(ask(state, merge({ threshold: 1 })).result).toMatchObject({ status: 'rejected', problem: broken });
    const mended = load(state, { layers: [layer('threshold: 0.7\n')] });
    expect(mended.state).toMatchObject({ isUncheckable: false, sourceProblem: undefined });
  });

  it('that is wrong beside a schema that was mended locks nobody out', () => {
    const uncheckable = { ...loaded, schema: undefined, isUncheckable: true, sourceProblem: broken };
    const { state } = load(uncheckable, { layers: [layer('threshold: 7\n')] });
    expect(state).toMatchObject({ isUncheckable: false, sourceProblem: { code: 'file_invalid' } });
    expect(ask(state, merge({ threshold: 1 })).result.status).toBe('applied');
  });

  it('takes the schema away with it', () => {
    expect(load(loaded, { layers: [layer('threshold: 7\n')], schema: undefined }).state.schema).toBeUndefined();
  });
});

describe('a file that is gone', () => {
  const gone = load(ask(loaded, { ...merge({ model: 'large' }), acceptRestart: true }).state, {}).state;

  it('is a problem of the service, whose document stays', () => {
    expect(gone.sourceProblem).toMatchObject({
      code: 'file_missing',
      detail: 'the file of vad is gone and its last document stays; put the file back, or delete the service',
    });
    expect(gone.latest?.snapshot.version).toBe(2);
  });

  it('is none where there is no service', () => {
    expect(load(empty, {})).toMatchObject({
      result: { status: 'unchanged', version: 0 },
      state: { sourceProblem: undefined },
    });
  });

  it('goes on to give its values to what operators ask for', () => {
    expect(valuesOf(ask(gone, merge({ api: { key: 'k' } })))).toEqual({
      threshold: 0.6,
      model: 'large',
      api: { url: 'here', key: 'k' },
    });
    expect(valuesOf(ask(gone, { ...merge({ model: null }), acceptRestart: true }))).toEqual({
      threshold: 0.6,
      model: 'small',
      api: { url: 'here' },
    });
  });

  it('comes back', () => {
    const decision = load(gone, { layers: [layer('threshold: 0.6\napi: {url: here}\n')] });
    expect(decision.result.status).toBe('unchanged');
    expect(decision.state.sourceProblem).toBeUndefined();
  });
});

describe('no secret', () => {
  const secretive: CompiledSchema = schema;
  const secret = 'hunter2';

  it.each<[string, object]>([
    ['of the wrong type', merge({ api: { key: [secret] } })],
    ['around a section', merge({ api: secret })],
    ['under a misspelt name', merge({ api: { kee: secret } })],
    ['in a test', patch({ op: 'test', path: '/api/key', value: secret })],
    ['copied to where a number belongs', patch({ op: 'copy', from: '/api/key', path: '/treshold' })],
  ])('%s is in an answer', (_, request) => {
    const state = ask({ ...empty, schema: secretive }, merge({ api: { key: 'hunter2-now' } })).state;
    const { result } = ask(state, request);
    expect(result.status).toBe('rejected');
    expect(JSON.stringify(result)).not.toContain(secret);
  });
});

describe('an update that only a restart would apply', () => {
  const larger = merge({ model: 'large', threshold: 0.7 });
  const refused = {
    code: 'reject_restart_required',
    errors: [{ pointer: '/model', message: expect.stringContaining('a restart only') }],
  };

  it.each<[string, object]>([
    ['a merge', larger],
    ['a patch', patch({ op: 'replace', path: '/model', value: 'large' })],
    ['a whole document', { op: 'replace', values: { threshold: 0.6, model: 'large', api: { url: 'here' } } }],
  ])('is refused, naming the places: %s', (_, request) => {
    const { result, state } = ask(loaded, request);
    expect(result).toMatchObject({ status: 'rejected', problem: refused });
    expect(state).toBe(loaded);
  });

  it('is stored and marked where the request insists, or the policy of the service says so', () => {
    const applied = { status: 'applied', restartRequired: ['/model'] };
    expect(ask(loaded, { ...larger, acceptRestart: true }).result).toMatchObject(applied);
    const policy = { ...defaultPolicy, restartRequired: 'accept' } as const;
    expect(ask(loaded, larger, { policy }).result).toMatchObject(applied);
  });

  it('is warned of by a validation', () => {
    const { result } = ask(loaded, { op: 'validate', patch: { model: 'large' } });
    expect(result).toMatchObject({ status: 'valid', restartRequired: ['/model'], warnings: refused.errors });
  });

  it('goes through in a file, in a rollback, and where the service comes into being', () => {
    const edited = load(loaded, { layers: [layer('threshold: 0.6\nmodel: large\napi: {url: here}\n')] });
    expect(edited.result).toMatchObject({ status: 'applied', restartRequired: ['/model'] });
    const version = loaded.latest;
    expect(ask(edited.state, { op: 'rollback', toVersion: 1 }, { version }).result).toMatchObject({
      status: 'applied',
      restartRequired: ['/model'],
    });
    expect(ask({ ...empty, schema }, merge({ threshold: 0.6, model: 'large' })).result.status).toBe('applied');
  });
});

describe('what rules find', () => {
  const rule: Rule = {
    id: 'environment/quiet',
    level: 'environment',
    severity: 'warning',
    check: ({ threshold }) => (Number(threshold) > 0.8 ? [{ pointer: '/threshold', message: 'is loud' }] : []),
  };
  const found = { pointer: '/threshold', message: 'is loud', severity: 'warning', rule: 'environment/quiet' };
  const rules = createRuleSet([rule]);

  it('goes with the answer, with its place in the file', () => {
    expect(ask(loaded, merge({ threshold: 0.9 }), { rules }).result).toMatchObject({
      status: 'applied',
      warnings: [found],
    });
    expect(load(loaded, { layers: [layer('api: {url: here}\nthreshold: 0.9\n')] }, { rules }).result).toMatchObject({
      status: 'applied',
      warnings: [{ ...found, file: 'vad.yaml', line: 2 }],
    });
  });

  it('refuses the change where it is an error, or the service is strict', () => {
    const strict = { ...defaultPolicy, strict: true };
    const refused = { status: 'rejected', problem: { code: 'document_invalid', errors: [found] } };
    expect(ask(loaded, merge({ threshold: 0.9 }), { rules, policy: strict }).result).toMatchObject(refused);
    const errors = createRuleSet([{ ...rule, severity: 'error' }]);
    expect(ask(loaded, merge({ threshold: 0.9 }), { rules: errors }).result.status).toBe('rejected');
  });
});

describe('a schema that has other names', () => {
  const renaming = compileSchema({
    type: 'object',
    properties: { level: { type: 'number' }, model: { default: 'small' }, api: { type: 'object' } },
    'x-renames': [{ from: '/threshold', to: '/level' }],
  });
  const layers = [layer('threshold: 0.6\napi: {url: here}\n')];

  it('counts for what the file and the operators said before, and warns of old names', () => {
    const set = ask(loaded, merge({ threshold: 0.9 })).state;
    const { result, state } = load(set, { layers, schema: renaming });
    expect(result).toMatchObject({
      status: 'applied',
      changed: ['/threshold', '/level'],
      warnings: [{ pointer: '/threshold', message: 'has another name now: write /level', file: 'vad.yaml', line: 1 }],
    });
    expect(state.latest?.snapshot.values).toEqual({ level: 0.9, model: 'small', api: { url: 'here' } });
    expect(valuesOf(ask(state, merge({ level: null })))).toMatchObject({ level: 0.6 });
  });

  it('is refused where a running instance needs the old one, and the instance is named', () => {
    const contract = compileSchema({ required: ['threshold'], properties: { threshold: { type: 'number' } } });
    const running = { ...loaded, contracts: [{ instance: 'vad-1', schema: contract }] };
    const { result, state } = load(running, { layers, schema: renaming });
    expect(result).toMatchObject({
      status: 'rejected',
      problem: { code: 'file_invalid', errors: [{ pointer: '/threshold', message: 'is required', instance: 'vad-1' }] },
    });
    expect(state).toMatchObject({ latest: loaded.latest, schema: loaded.schema });
  });

  it('whose function fails leaves the last good document, and repeats nothing of it', () => {
    const failing = compileSchema(
      {},
      {
        migrate: ({ threshold }) => {
          throw new Error(`secret ${threshold}`);
        },
      },
    );
    const { result, state } = load(loaded, { layers, schema: failing });
    expect(result).toMatchObject({ status: 'rejected', problem: { code: 'file_invalid' } });
    expect(JSON.stringify(result)).not.toContain('0.6');
    expect(state).toMatchObject({ latest: loaded.latest, sourceProblem: { code: 'file_invalid' } });
  });
});
