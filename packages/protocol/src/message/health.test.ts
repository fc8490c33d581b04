import { describe, expect, it } from 'vitest';
import { healthSchema } from './health.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const health = {
  instance: 'vad-1',
  service: 'vad',
  session: '0190b5a2-0000-7000-8000-000000000001',
  ok: true,
  state: 'ready',
  event: 'config_applied',
  startedAt: '2026-06-01T00:00:00Z',
};
const config = { source: 'live', epoch: 1, version: 2, digest, pendingRestart: [], masked: ['/port'] };
const isHealth = (more: object): boolean => healthSchema.safeParse({ ...health, ...more }).success;

describe('a health message', () => {
  it.each([['starting'], ['ready'], ['degraded'], ['stopping'], ['offline']])('can have the state %s', (state) => {
    expect(isHealth({ state })).toBe(true);
  });

  it.each([
    ['starting'],
    ['ready'],
    ['reconnected'],
    ['config_applied'],
    ['config_rejected'],
    ['restart_required'],
    ['degraded'],
    ['shutdown'],
    ['lost'],
  ])('can have the event %s', (event) => {
    expect(isHealth({ event })).toBe(true);
  });

  it('names the running version and the result of the last attempt', () => {
    const lastAttempt = {
      epoch: 1,
      version: 3,
      digest,
      outcome: 'rejected',
      code: 'handler_failed',
      message: 'port 80 is taken',
      pointer: '/port',
    };
    const observed = { epoch: 1, version: 3 };
    const full = { ...config, appliedAt: '2026-06-01T00:00:00Z', observed, lastAttempt };
    expect(healthSchema.safeParse({ ...health, contract: digest, config: full }).data?.config).toEqual(full);
  });

  it('is valid while no version runs yet', () => {
    expect(isHealth({ state: 'starting', ok: false, config: { source: 'none', pendingRestart: [], masked: [] } })).toBe(
      true,
    );
  });

  it.each([
    ['an unknown state', { state: 'up' }],
    ['an unknown event', { event: 'born' }],
    ['an empty session', { session: '' }],
    ['a session of more than 64 characters', { session: 'x'.repeat(65) }],
    ['an invalid instance name', { instance: 'vad.1' }],
    ['an unknown source', { config: { ...config, source: 'disk' } }],
    ['no list of masked settings', { config: { ...config, masked: undefined } }],
    ['0 as the running version', { config: { ...config, version: 0 } }],
    ['an attempt without an outcome', { config: { ...config, lastAttempt: { epoch: 1, version: 1, digest } } }],
    ['an error that is only a string', { error: 'broken' }],
  ])('cannot have %s', (_what, more) => {
    expect(isHealth(more)).toBe(false);
  });
});
