import { describe, expect, it } from 'vitest';
import { snapshotSchema } from './snapshot.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const snapshot = {
  service: 'vad',
  epoch: 1_770_000_000,
  version: 2,
  digest,
  previous: { version: 1, digest },
  values: {},
  restartRequired: ['/model/path'],
  secrets: [''],
  author: 'ada',
  reason: '',
  committedAt: '2026-06-01T00:00:00.000Z',
};

describe('a snapshot', () => {
  it('must have all of its members', () => {
    expect(snapshotSchema.safeParse(snapshot).data).toEqual(snapshot);
    for (const member of Object.keys(snapshot)) {
      expect(snapshotSchema.safeParse({ ...snapshot, [member]: undefined }).success).toBe(false);
    }
  });

  it('has no predecessor when it is the first one', () => {
    expect(snapshotSchema.safeParse({ ...snapshot, previous: null }).success).toBe(true);
  });

  it.each([
    ['service', 'VAD'],
    ['epoch', 0],
    ['version', 0],
    ['version', '2'],
    ['digest', `sha256:${'A'.repeat(64)}`],
    ['previous', { version: 1 }],
    ['values', []],
    ['restartRequired', ['model']],
    ['secrets', null],
    ['reason', 'x'.repeat(1001)],
    ['committedAt', 'yesterday'],
  ])('cannot have %s = %j', (member, value) => {
    expect(snapshotSchema.safeParse({ ...snapshot, [member]: value }).success).toBe(false);
  });
});
