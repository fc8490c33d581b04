import { describe, expect, it } from 'vitest';
import { convergenceSchema } from './convergence.ts';

const straggler = { instance: 'vad-2', standing: 'rejected', version: 1, message: 'must be at most 1' };
const convergence = {
  service: 'vad',
  epoch: 1,
  version: 2,
  digest: `sha256:${'a'.repeat(64)}`,
  instances: { applied: 3, pending: 0, rejected: 1, restartPending: 0, offline: 0 },
  stragglers: [straggler],
  since: '2026-06-01T00:00:00Z',
  convergedAt: null,
};
const isConvergence = (more: object): boolean => convergenceSchema.safeParse({ ...convergence, ...more }).success;

describe('a convergence message', () => {
  it('counts the instances and names those that do not run the version', () => {
    expect(isConvergence({})).toBe(true);
    expect(isConvergence({ convergedAt: '2026-06-01T00:00:01Z', stragglers: [] })).toBe(true);
    expect(isConvergence({ stragglers: [{ instance: 'vad-2', standing: 'offline' }] })).toBe(true);
  });

  it('names at most 50 instances', () => {
    expect(isConvergence({ stragglers: Array(50).fill(straggler) })).toBe(true);
    expect(isConvergence({ stragglers: Array(51).fill(straggler) })).toBe(false);
  });

  it.each([
    ['a missing count', { instances: { applied: 3 } }],
    ['a negative count', { instances: { ...convergence.instances, applied: -1 } }],
    ['an unknown standing', { stragglers: [{ instance: 'vad-2', standing: 'lost' }] }],
    ['no member `convergedAt`', { convergedAt: undefined }],
  ])('cannot have %s', (_what, more) => {
    expect(isConvergence(more)).toBe(false);
  });
});
