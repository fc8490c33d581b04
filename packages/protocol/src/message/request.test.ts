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
    [{ op: 'delete', expectedVersion: 0, reason: 'why', expiresAt: '2026-06-01T00:00:00+02:00' }],
  ])('can be %j', (operation) => {
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
    [{ op: 'delete', service: 'Vad' }],
    [{ op: 'delete', author: undefined }],
    [{ op: 'delete', author: 'Ada Lovelace' }],
    [{ op: 'delete', expectedVersion: -1 }],
    [{ op: 'delete', expectedVersion: 1.5 }],
    [{ op: 'delete', expectedVersion: 2 ** 53 }],
    [{ op: 'delete', reason: 'x'.repeat(1001) }],
    [{ op: 'delete', expiresAt: '2026-06-01' }],
    [{ op: 'delete', expiresAt: '2026-02-30T00:00:00Z' }],
  ])('can not be %j', (operation) => {
    expect(isRequest(operation)).toBe(false);
  });
});
