import type { VersionRecord } from '@setpoint/engine';
import { createProblem, type Health } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { midnight, snapshotOf } from '../../../test/support/samples.ts';
import { createStaleRepair } from './stale-repair.ts';

const record = (deleted = false): VersionRecord => ({ snapshot: snapshotOf(5), changed: [''], deleted });

function open(stored: VersionRecord | undefined = record()) {
  const clock = { now: midnight + 10_000 };
  const asserted: number[] = [];
  const repair = createStaleRepair({
    latest: (service) => (service === 'vad' ? stored : undefined),
    reassert: ({ snapshot }) => asserted.push(snapshot.version),
    now: () => clock.now,
  });
  return { clock, asserted, repair };
}

const health = (version: number | undefined, rest: Partial<Health> = {}): Health => ({
  instance: 'vad-1',
  service: 'vad',
  session: 's',
  ok: true,
  state: 'ready',
  event: 'ready',
  startedAt: '2026-06-01T00:00:00.000Z',
  config: {
    source: 'live',
    ...(version !== undefined && { observed: { epoch: 7, version } }),
    pendingRestart: [],
    masked: [],
  },
  ...rest,
});

describe('a snapshot is published again', () => {
  it('when an instance has seen an older one, or could not read what it got', () => {
    const { clock, asserted, repair } = open();
    repair.hear(health(4));
    clock.now += 60_000;
    repair.hear(health(undefined, { error: createProblem('snapshot_refused', 'signed by a stranger') }));
    expect(asserted).toEqual([5, 5]);
  });

  it.each<[string, Health]>([
    ['it has seen the present one', health(5)],
    ['it has seen a newer one', health(6)],
    ['it has seen none', health(undefined)],
    ['it is gone', health(4, { state: 'offline' })],
    ['it refuses for another reason', health(5, { error: createProblem('handler_failed', 'no') })],
    ['its service is not ours', health(4, { service: 'other' })],
  ])('not when %s', (_, said) => {
    const { asserted, repair } = open();
    repair.hear(said);
    expect(asserted).toEqual([]);
  });

  it('not while the present one may still be on its way, nor for a service that was deleted', () => {
    const young = open();
    young.clock.now = midnight + 9999;
    young.repair.hear(health(4));
    const gone = open(record(true));
    gone.repair.hear(health(4));
    expect([...young.asserted, ...gone.asserted]).toEqual([]);
  });

  it('once a minute, however many instances say so', () => {
    const { clock, asserted, repair } = open();
    for (let i = 0; i < 100; i++) repair.hear(health(4, { instance: `vad-${i}` }));
    clock.now += 59_999;
    repair.hear(health(4));
    expect(asserted).toEqual([5]);
    clock.now += 1;
    repair.hear(health(4));
    expect(asserted).toEqual([5, 5]);
  });
});
