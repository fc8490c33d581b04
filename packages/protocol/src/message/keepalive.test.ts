import { describe, expect, it } from 'vitest';
import { keepaliveSchema } from './keepalive.ts';

const keepalive = { instance: 'vad-1', session: 's1', sequence: 0, intervalMs: 5000 };
const isKeepalive = (more: object): boolean => keepaliveSchema.safeParse({ ...keepalive, ...more }).success;

describe('a keepalive', () => {
  it('is valid with and without the members `recent` and `commit` of a beacon', () => {
    expect(isKeepalive({})).toBe(true);
    expect(isKeepalive({ recent: { vad: { epoch: 1, version: 7 }, '42': { epoch: 1, version: 1 } }, commit: 9 })).toBe(
      true,
    );
    expect(isKeepalive({ recent: {}, commit: 0 })).toBe(true);
  });

  it.each([
    ['a negative sequence', { sequence: -1 }],
    ['an interval of zero', { intervalMs: 0 }],
    ['a service with an invalid name', { recent: { 'a/b': { epoch: 1, version: 1 } } }],
    ['a version without its epoch', { recent: { vad: { version: 1 } } }],
    ['half a commit', { commit: 0.5 }],
  ])('cannot have %s', (_what, more) => {
    expect(isKeepalive(more)).toBe(false);
  });
});
