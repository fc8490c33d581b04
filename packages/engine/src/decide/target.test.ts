import type { JsonObject, PatchOperation } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { type Override, writeSettings } from '../layer/overrides.ts';
import type { VersionRecord } from '../store/store.ts';
import { type RewriteRequest, type Target, type TargetOptions, targetOf } from './target.ts';

const by = { author: 'bob', reason: '', version: 1, at: '2026-06-01T00:00:00.000Z' };
const file: JsonObject = { a: 1, s: { b: 1, c: 1 } };
const overrides: Override[] = [
  { pointer: '/s/b', value: 2, ...by },
  { pointer: '/t/x', value: 3, ...by },
];

function target(request: object, rest: Partial<TargetOptions> = {}): Target {
  const resolve = (layer: readonly Override[]): JsonObject => writeSettings(file, layer);
  const none = { version: undefined, draft: undefined, secrets: [], isSecret: () => false };
  const options = { service: 'api', overrides, resolve, ...none, maxDocumentBytes: 1000, ...rest };
  return targetOf({ service: 'api', author: 'ann', ...request } as unknown as RewriteRequest, options);
}

const merge = (patch: JsonObject): Target => target({ op: 'merge', patch });
const patched = (...patch: PatchOperation[]): Target => target({ op: 'patch', patch });

describe('the target of a merge', () => {
  it('is the present document with what is set, pinned', () => {
    expect(merge({ a: 5, s: { n: [1] } })).toEqual({
      target: { a: 5, s: { b: 2, c: 1, n: [1] }, t: { x: 3 } },
      pinned: ['/s/b', '/t/x', '/a', '/s/n'],
    });
  });

  it('is the same for a validate', () => {
    expect(target({ op: 'validate', patch: { a: 5 } })).toEqual(merge({ a: 5 }));
  });

  it('uncovers the file where null takes a setting away', () => {
    expect(merge({ s: { b: null } })).toEqual({ target: { a: 1, s: { b: 1, c: 1 }, t: { x: 3 } }, pinned: ['/t/x'] });
  });

  it('takes the section away with the last setting that held it', () => {
    expect(merge({ t: { x: null } })).toEqual({ target: { a: 1, s: { b: 2, c: 1 } }, pinned: ['/s/b'] });
  });

  it('takes every setting in a section away', () => {
    expect(merge({ s: null, t: null })).toEqual({ target: file, pinned: [] });
  });

  it('changes nothing where null meets a value of the file, or nothing', () => {
    expect(merge({ a: null, none: { deep: null } })).toEqual(merge({}));
  });

  it('makes an empty section only where there is none', () => {
    expect(merge({ s: {}, t: {} })).toEqual(merge({}));
    expect(merge({ a: {}, n: {} })).toEqual({
      target: { a: {}, s: { b: 2, c: 1 }, t: { x: 3 }, n: {} },
      pinned: ['/s/b', '/t/x', '/a', '/n'],
    });
  });
});

describe('the target of a patch', () => {
  it('is the patched document, with all that operators set before', () => {
    expect(patched({ op: 'remove', path: '/a' }, { op: 'add', path: '/s/n', value: null })).toEqual({
      target: { s: { b: 2, c: 1, n: null }, t: { x: 3 } },
      pinned: ['/s/b', '/t/x'],
    });
  });

  it.each<[string, PatchOperation[], object]>([
    [
      'an operation fails',
      [{ op: 'remove', path: '/none' }],
      {
        detail: 'read the document again and make a patch that fits it',
        errors: [{ pointer: '/none', message: "operation 0 (remove) can't be done: there is no such place" }],
      },
    ],
    ['nothing is left', [{ op: 'remove', path: '' }], { detail: 'the patch leaves no object' }],
    ['a list is left', [{ op: 'add', path: '', value: [] }], { detail: 'the patch leaves no object' }],
    [
      'it nests too deep',
      Array.from({ length: 4 }, (): PatchOperation => ({ op: 'add', path: '/n'.repeat(1), value: deep(64) })),
      { detail: 'the patched document nests deeper than 64 levels' },
    ],
  ])('is refused where %s', (_, patch, problem) => {
    expect(patched(...patch)).toMatchObject({ problem: { code: 'patch_failed', ...problem } });
  });
});

const deep = (levels: number): JsonObject => (levels === 0 ? {} : { n: deep(levels - 1) });

describe('the target of a replacement', () => {
  it('is what is given, and nothing is pinned', () => {
    expect(target({ op: 'replace', values: { z: 1 } })).toEqual({ target: { z: 1 }, pinned: [] });
  });
});

describe('the target of a rollback', () => {
  const version = { snapshot: { values: { old: 1 } }, deleted: false } as unknown as VersionRecord;

  it('is the content of the version', () => {
    expect(target({ op: 'rollback', toVersion: 3 }, { version })).toEqual({ target: { old: 1 }, pinned: [] });
  });

  it.each([
    ['there is none', undefined],
    ['it is a deletion', { ...version, deleted: true }],
  ])('is refused where %s', (_, found) => {
    expect(target({ op: 'rollback', toVersion: 3 }, { version: found })).toMatchObject({
      problem: { code: 'version_unknown', detail: 'api has no version 3 to go back to' },
    });
  });
});
