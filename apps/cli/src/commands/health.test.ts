import type { Convergence, Health } from '@setpoint/protocol';
import { expect, it } from 'vitest';
import { toStandings } from './health.ts';

const report = (instance: string, more: Partial<Health> = {}): Health => ({
  instance,
  service: 'stt-worker',
  session: 's',
  ok: true,
  state: 'ready',
  event: 'ready',
  startedAt: '2026-06-01T12:00:00.000Z',
  config: { source: 'live', epoch: 1, version: 3, pendingRestart: [], masked: [] },
  ...more,
});

it('puts the authority first, and marks who is stale or offline', () => {
  const convergence = {
    stragglers: [{ instance: 'stt-2', standing: 'offline' }],
  } as unknown as Convergence;
  const { config: _, ...authority } = report('config-authority', { service: 'config-authority' });
  const healths = [
    report('stt-3', { ok: false, state: 'offline', event: 'lost' }),
    report('stt-2'),
    report('stt-1'),
    authority,
  ];
  const standings = toStandings(healths, [convergence], 'config-authority');
  expect(standings.map(({ id, state, ok, version, note }) => [id, state, ok, version, note])).toEqual([
    ['config-authority', 'ready', true, null, null],
    ['stt-1', 'ready', true, 3, null],
    ['stt-2', 'stale', false, 3, 'no sign of life'],
    ['stt-3', 'offline', false, 3, 'lost'],
  ]);
});
