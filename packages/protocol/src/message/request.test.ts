import { describe, expect, it } from 'vitest';
import { requestSchema } from './request.ts';

const isRequest = (operation: object): boolean =>
  requestSchema.safeParse({ service: 'vad', author: 'ada', ...operation }).success;

describe('a request', () => {
  it.each([
    [{ op: 'merge', patch: { a: null } }],
    [{ op: 'merge', patch: {} }],
    [{ op: 'patch', patch: [] }],
    [{ op: 'patch', patch: [{ op: 'add', path: '/a/-', value: null }] }],
    [{ op: 'patch', patch: [{ op: 'test', path: '', value: false }] }],
    [{ op: 'patch', patch: [{ op: 'remove', path: '/a' }] }],
    [{ op: 'patch', patch: [{ op: 'move', from: '/a', path: '/b' }] }],
    [{ op: 'replace', values: { a: 1 } }],
    [{ op: 'rollback', toVersion: 3 }],
    [{ op: 'delete' }],
    [{ op: 'validate', patch: { a: 1 } }],
    [{ op: 'log' }],
    [{ op: 'log', limit: 500, before: 7 }],
    [{ op: 'diff', from: 1, to: 2 }],
    [{ op: 'import', text: 'a: 1', format: 'yaml' }],
    [{ op: 'rollback', toTag: 'release-1.2' }],
    [{ op: 'rollback', toVersion: 3, pointers: ['/a', '/b/c'] }],
    [{ op: 'validate', values: { a: 1 }, fix: 'clamp' }],
    [{ op: 'draft_save', draft: 'night', patch: {} }],
    [{ op: 'draft_publish', draft: 'night', acceptRestart: true }],
    [{ op: 'tag', tag: 'release-12', toVersion: 2 }],
    [{ op: 'log', by: 'file:vad.yaml', since: '2026-06-01T00:00:00Z', pointer: '/a' }],
    [{ op: 'diff', from: { layer: 'environment' }, to: { service: 'tts' } }],
    [{ op: 'diff', from: { tag: 'a' }, to: { draft: 'b' } }],
    [{ op: 'diff', from: 'present', to: { values: {} } }],
    [{ op: 'show', at: '2026-06-01T00:00:00Z' }],
    [{ op: 'explain', pointer: '/a', tag: 'release-12' }],
    [{ op: 'blame' }],
    [{ op: 'export', format: 'kubernetes' }],
    [{ op: 'preview_schema', schema: { type: 'object' } }],
    [{ op: 'profile_activate', profile: 'night' }],
    [{ op: 'history', of: 'vad', limit: 500 }],
    [{ op: 'search', text: 'threshold' }],
    [{ op: 'delete', expectedVersion: 0, reason: 'why', expiresAt: '2026-06-01T00:00:00+02:00' }],
  ])('accepts the operation %j', (operation) => {
    expect(isRequest(operation)).toBe(true);
  });

  it.each([
    [{}],
    [{ op: 'rename' }],
    [{ op: 'merge' }],
    [{ op: 'merge', patch: [] }],
    [{ op: 'merge', patch: null }],
    [{ op: 'merge', values: {} }],
    [{ op: 'patch', patch: {} }],
    [{ op: 'patch', patch: [{ op: 'add', path: '/a' }] }],
    [{ op: 'patch', patch: [{ op: 'add', path: 'a', value: 1 }] }],
    [{ op: 'patch', patch: [{ op: 'move', path: '/a' }] }],
    [{ op: 'patch', patch: [{ op: 'set', path: '/a', value: 1 }] }],
    [{ op: 'patch', patch: Array(1001).fill({ op: 'remove', path: '/a' }) }],
    [{ op: 'replace', values: 1 }],
    [{ op: 'rollback' }],
    [{ op: 'rollback', toVersion: 0 }],
    [{ op: 'log', limit: 0 }],
    [{ op: 'log', limit: 501 }],
    [{ op: 'diff', from: 1 }],
    [{ op: 'rollback', toVersion: 3, toTag: 'a' }],
    [{ op: 'rollback', toVersion: 3, pointers: [] }],
    [{ op: 'validate' }],
    [{ op: 'validate', patch: {}, values: {} }],
    [{ op: 'show', version: 1, tag: 'a' }],
    [{ op: 'explain', version: 1, at: '2026-06-01T00:00:00Z' }],
    [{ op: 'tag', tag: 'Release 12' }],
    [{ op: 'diff', from: 1, to: {} }],
    [{ op: 'diff', from: 1, to: { layer: 'file' } }],
    [{ op: 'diff', from: 1, to: { tag: 'a', draft: 'b' } }],
    [{ op: 'export', format: 'toml' }],
    [{ op: 'import', text: 'a: 1', format: 'dotenv' }],
    [{ op: 'search', text: '' }],
    [{ op: 'log', since: 'yesterday' }],
    [{ op: 'delete', service: 'Vad' }],
    [{ op: 'delete', author: undefined }],
    [{ op: 'delete', author: 'Ada Lovelace' }],
    [{ op: 'delete', expectedVersion: -1 }],
    [{ op: 'delete', expectedVersion: 1.5 }],
    [{ op: 'delete', expectedVersion: 2 ** 53 }],
    [{ op: 'delete', reason: 'x'.repeat(1001) }],
    [{ op: 'delete', expiresAt: '2026-06-01' }],
    [{ op: 'delete', expiresAt: '2026-02-30T00:00:00Z' }],
  ])('refuses the operation %j', (operation) => {
    expect(isRequest(operation)).toBe(false);
  });
});

it('a refused request names the members that exclude one another', () => {
  const told = requestSchema.safeParse({ service: 'vad', author: 'ada', op: 'rollback' }).error?.issues;
  expect(told?.map(({ message }) => message)).toEqual(['must have exactly one of toVersion, toTag']);
});
