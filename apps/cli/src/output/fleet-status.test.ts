import type { Convergence, Health } from '@setpoint/protocol';
import { expect, it } from 'vitest';
import { keptInstances, toStandings } from './fleet-status.ts';

const report = (instance: string, more: Partial<Health> = {}) => ({
  time: '2026-06-01T13:00:00.000Z',
  data: {
    instance,
    service: 'stt-worker',
    session: 's',
    ok: true,
    state: 'ready',
    event: 'ready',
    startedAt: '2026-06-01T12:00:00.000Z',
    config: { source: 'live', epoch: 1, version: 3, pendingRestart: [], masked: [] },
    ...more,
  } satisfies Health,
});

const convergence = {
  stragglers: [
    { instance: 'stt-2', standing: 'offline', version: 3 },
    { instance: 'stt-4', standing: 'offline', version: 7 },
    { instance: 'stt-1', standing: 'pending', version: 3 },
  ],
} as unknown as Convergence;

const lost = { ok: false, state: 'offline', event: 'lost' } as const;

it('puts the authority first, and says of those that are gone only what the broker can know', () => {
  const { data, time } = report('config-authority', { service: 'config-authority' });
  const { config: _, ...authority } = data;
  const healths = [
    report('stt-4', lost),
    report('stt-3', lost),
    report('stt-2'),
    report('stt-1'),
    report('stt-5', { ok: false, state: 'offline', event: 'shutdown' }),
    { data: authority, time },
  ];
  const standings = toStandings([], keptInstances(healths, [convergence]), 'config-authority');
  expect(standings.map(({ id, state, ok, version, since, note }) => [id, state, ok, version, since, note])).toEqual([
    ['config-authority', 'ready', true, null, '2026-06-01T13:00:00.000Z', null],
    ['stt-1', 'ready', true, 3, '2026-06-01T13:00:00.000Z', null],
    ['stt-2', 'stale', false, 3, null, 'no sign of life'],
    // What its Last Will says was so at connect.
    ['stt-3', 'offline', false, null, null, 'lost'],
    ['stt-4', 'offline', false, 7, null, 'lost'],
    ['stt-5', 'offline', false, 3, '2026-06-01T13:00:00.000Z', 'stopped'],
  ]);
});

it('believes the authority rather than what the broker has kept, and shows whom it has forgotten', () => {
  const kept = keptInstances([report('stt-1', lost), report('stt-2', lost)], []);
  const known = {
    instance: 'stt-1',
    service: 'stt-worker',
    ok: false,
    state: 'offline',
    event: 'lost',
    startedAt: '2026-06-01T12:00:00.000Z',
    silent: false,
    standing: 'offline',
    since: '2026-06-01T14:00:00.000Z',
    source: 'live',
    version: 17,
  } as const;
  expect(toStandings([known], kept, 'config-authority')).toMatchObject([
    { id: 'stt-1', state: 'offline', version: 17, since: '2026-06-01T14:00:00.000Z', note: 'lost' },
    { id: 'stt-2', state: 'offline', version: null, since: null, note: 'lost' },
  ]);
});
