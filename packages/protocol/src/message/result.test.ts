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

describe('a result', () => {
  it.each([['applied'], ['unchanged'], ['valid'], ['found'], ['rejected'], ['conflict'], ['denied'], ['duplicate']])(
    'can have the status %s',
    (status) => {
      expect(isResult({ status })).toBe(true);
    },
  );

  it.each([
    ['the answer to a first request of a service that is not there', { status: 'rejected', version: 0 }],
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
    ['epoch 0', { epoch: 0 }],
    ['a version that is not an integer', { version: 1.5 }],
    ['a pointer without its slash', { changed: ['a'] }],
    ['a pointer with half an escape', { changed: ['/a~'] }],
    ['a digest of another kind', { digest: 'md5:0' }],
    ['a problem with an unknown code', { problem: { ...problem, code: 'other' } }],
    ['an original that is not a result', { original: { status: 'applied' } }],
    ['a fault without a message', { warnings: [{ pointer: '' }] }],
    ['an entry without a digest', { log: [{ ...entry, digest: undefined }] }],
  ])('cannot have %s', (_what, more) => {
    expect(isResult(more)).toBe(false);
  });

  it('cannot leave out `changed`', () => {
    const { changed: _, ...rest } = applied;
    expect(resultSchema.safeParse(rest).success).toBe(false);
  });
});
