import { describe, expect, it } from 'vitest';
import { parseYamlFile } from './layer/yaml-file.ts';
import { compileSchema } from './schema/schema.ts';
import {
  answer,
  baseLayers,
  emptyState,
  isDeleted,
  type ServiceState,
  secretTest,
  versionOf,
} from './service-state.ts';
import type { VersionRecord } from './store/store.ts';

const by = { author: 'ann', reason: '', version: 1, at: '2026-06-01T00:00:00.000Z' };
const record = (values: object, rest: object = {}): VersionRecord =>
  ({
    snapshot: { epoch: 7, version: 3, digest: 'sha256:3', values, secrets: [], ...rest },
    changed: [],
    deleted: false,
  }) as unknown as VersionRecord;

const empty = emptyState('vad');
const at = (values: object, rest: Partial<ServiceState> = {}): ServiceState => ({
  ...empty,
  latest: record(values),
  ...rest,
});

describe('a service', () => {
  it('that never existed is at version 0 and counts as deleted', () => {
    expect([versionOf(empty), isDeleted(empty)]).toEqual([0, true]);
  });

  it('that exists is at its version', () => {
    expect([versionOf(at({})), isDeleted(at({}))]).toEqual([3, false]);
    expect(isDeleted({ ...empty, latest: { ...record({}), deleted: true } })).toBe(true);
  });
});

describe('the layers of the present document', () => {
  it('are those of the sources', () => {
    const parsed = parseYamlFile('a: 1', 'vad.yaml');
    const layers = parsed.kind === 'layer' ? [parsed.layer] : [];
    expect(baseLayers(at({ b: 1 }, { layers }))).toBe(layers);
  });

  it('are none where operators and defaults made all of the document', () => {
    const schema = compileSchema({ properties: { d: { default: 1 } } });
    const overrides = [{ pointer: '/a', value: 1, ...by }];
    expect(baseLayers(at({ a: 1, d: 1 }, { overrides, schema }))).toEqual([]);
  });

  it('are what the document holds besides the runtime layer where no source was read', () => {
    const overrides = [
      { pointer: '/a/b', value: 1, ...by },
      { pointer: '/hidden', ...by },
    ];
    const [standIn, ...others] = baseLayers(at({ a: { b: 1, c: 2 }, d: 3 }, { overrides }));
    expect(standIn).toMatchObject({ name: 'yaml_file', document: { a: { c: 2 }, d: 3 }, author: '' });
    expect([standIn?.locate('/a'), others]).toEqual([undefined, []]);
  });

  it('are none where the service does not exist', () => {
    expect(baseLayers(empty)).toEqual([]);
    expect(baseLayers({ ...empty, latest: { ...record({ a: 1 }), deleted: true } })).toEqual([]);
  });
});

describe('a secret', () => {
  it('is what a schema marks now, or the present version was made with', () => {
    const own = compileSchema({ properties: { own: { 'x-secret': true } } });
    const contract = compileSchema({ properties: { theirs: { 'x-secret': true } } });
    const state = {
      ...empty,
      latest: record({}, { secrets: ['/old'] }),
      schema: own,
      contracts: [{ instance: 'i', schema: contract }],
    };
    const isSecret = secretTest(state);
    expect(['/own', '/theirs/part', '/old', '', '/other'].map(isSecret)).toEqual([true, true, true, true, false]);
    expect(secretTest(empty)('/own')).toBe(false);
  });
});

describe('an answer', () => {
  it('says where the service stands', () => {
    expect(answer(at({}), 9, 'unchanged')).toEqual({
      status: 'unchanged',
      service: 'vad',
      epoch: 7,
      version: 3,
      digest: 'sha256:3',
      changed: [],
      restartRequired: [],
      warnings: [],
    });
  });

  it('has no digest where there is no service', () => {
    expect(answer(empty, 9, 'valid', { changed: ['/a'] })).toEqual({
      status: 'valid',
      service: 'vad',
      epoch: 9,
      version: 0,
      changed: ['/a'],
      restartRequired: [],
      warnings: [],
    });
  });
});
