import { describe, expect, it } from 'vitest';
import { resultSchema } from './result.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const applied = {
  status: 'applied',
  service: 'vad',
  epoch: 1,
  version: 2,
  changed: ['/a'],
  restartRequired: [],
  warnings: [],
};
const entry = { version: 2, digest, committedAt: '2026-06-01T00:00:00Z', author: 'ada', reason: '', changed: [] };
const problem = { type: 'urn:setpoint:problem:overwritten', title: 'T', detail: 'd', code: 'overwritten' };
const isResult = (more: object): boolean => resultSchema.safeParse({ ...applied, ...more }).success;

/** What a status needs besides what every result has. */
const needs: Readonly<Record<string, object>> = {
  rejected: { problem },
  denied: { problem },
  conflict: { problem },
  duplicate: { original: applied },
};

describe('a result', () => {
  it.each([['applied'], ['unchanged'], ['valid'], ['found'], ['rejected'], ['conflict'], ['denied'], ['duplicate']])(
    'can have the status %s',
    (status) => {
      expect(isResult({ status, ...needs[status] })).toBe(true);
    },
  );

  it.each([
    ['the answer to a first request of a service that is not there', { status: 'rejected', version: 0, problem }],
    ['a duplicate with the original', { status: 'duplicate', original: { ...applied, digest } }],
    ['a page of history', { status: 'found', log: [entry, { ...entry, deleted: true }] }],
    [
      'a difference in which one side is missing',
      {
        status: 'found',
        diff: [
          { pointer: '/a', after: null },
          { pointer: '/b', before: 1 },
        ],
      },
    ],
    [
      'a conflict notice',
      { status: 'conflict', problem, overwrittenBy: 'bob', diff: [{ pointer: '/a', before: 1, after: 2 }] },
    ],
    [
      'a refusal with a fault',
      { status: 'rejected', problem: { ...problem, errors: [{ pointer: '', message: 'm', line: 3 }] } },
    ],
  ])('can be %s', (_what, more) => {
    expect(isResult(more)).toBe(true);
  });

  it.each([
    ['an unknown status', { status: 'ok' }],
    ['a refusal without a problem', { status: 'rejected' }],
    ['a duplicate without the first result', { status: 'duplicate' }],
    ['an explanation without a layer', { status: 'found', found: { explanation: [{ pointer: '/a', value: 1 }] } }],
    ['a fix that is not a patch', { status: 'rejected', problem, fix: { patch: [{}], complete: true, remaining: [] } }],
    ['epoch 0', { epoch: 0 }],
    ['a version that is not an integer', { version: 1.5 }],
    ['a pointer without its slash', { changed: ['a'] }],
    ['a pointer with half an escape', { changed: ['/a~'] }],
    ['a digest of another kind', { digest: 'md5:0' }],
    ['a problem with an unknown code', { status: 'rejected', problem: { ...problem, code: 'other' } }],
    ['an original that is not a result', { status: 'duplicate', original: { status: 'applied' } }],
    ['a fault without a message', { warnings: [{ pointer: '' }] }],
    ['an entry without a digest', { status: 'found', log: [{ ...entry, digest: undefined }] }],
  ])('cannot have %s', (_what, more) => {
    expect(isResult(more)).toBe(false);
  });

  it('keeps every member of what a read found, also one that a newer authority adds', () => {
    const layer = { layer: 'yaml_file', value: 1, file: 'vad.yaml', line: 3 };
    const found = {
      explanation: [{ ...layer, pointer: '/a', hot: true, secret: false, beneath: [layer], new: 1 }],
      instances: [
        {
          instance: 'vad-1',
          service: 'vad',
          ok: true,
          state: 'ready',
          event: 'config_applied',
          startedAt: '2026-06-01T00:00:00Z',
          source: 'live',
          epoch: 1,
          version: 2,
          silent: false,
          standing: null,
          since: null,
        },
      ],
      preview: { before: {}, after: {}, changed: [], faults: [], brokenInstances: [], warnings: [] },
      new: true,
    };
    const result = { ...applied, status: 'found', found };
    expect(resultSchema.parse(result)).toEqual(result);
  });

  it('cannot leave out `changed`', () => {
    const { changed: _, ...rest } = applied;
    expect(resultSchema.safeParse(rest).success).toBe(false);
  });
});
