import type { VersionRecord } from '@setpoint/engine';
import { createProblem, type Health } from '@setpoint/protocol';
import { snapshotOf } from '@setpoint/test-support/samples';
import { installVirtualClock, type VirtualClock } from '@setpoint/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createStaleRepair } from './stale-repair.ts';

const record = (deleted = false): VersionRecord => ({ snapshot: snapshotOf(5), changed: [''], deleted });

function open(stored: VersionRecord | undefined = record()) {
  const asserted: number[] = [];
  const repair = createStaleRepair({
    latest: (service) => (service === 'vad' ? stored : undefined),
    reassert: ({ snapshot }) => asserted.push(snapshot.version),
  });
  return { asserted, repair };
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

let clock: VirtualClock;
beforeEach(() => {
  clock = installVirtualClock({ seed: 1 });
});
afterEach(() => clock.uninstall());

describe('a snapshot is published again', () => {
  it.each([
    ['has seen an older one', health(4)],
    ['could not read what it got', health(undefined, { error: createProblem('snapshot_refused', 'of a stranger') })],
  ])('when an instance %s', (_, said) => {
    const { asserted, repair } = open();
    repair.hear(said);
    expect(asserted).toEqual([5]);
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

  it('not for a service that was deleted', () => {
    const { asserted, repair } = open(record(true));
    repair.hear(health(4));
    expect(asserted).toEqual([]);
  });

  it('not while the present one may still be on its way, but right then, unless the instance has it by then', async () => {
    const { asserted, repair } = open();
    repair.changed('vad');
    repair.hear(health(4));
    repair.hear(health(4, { instance: 'vad-2' }));
    await clock.advance(2999);
    repair.hear(health(5, { instance: 'vad-2' }));
    expect(asserted).toEqual([]);
    await clock.advance(1);
    expect(asserted).toEqual([5]);

    repair.changed('vad');
    repair.hear(health(4));
    repair.hear(health(5));
    await clock.advance(60_000);
    expect(asserted).toEqual([5]);
  });

  it('ever more rarely, up to once a minute, however many instances go on saying so', async () => {
    const { asserted, repair } = open();
    const at: number[] = [];
    for (let second = 0; second <= 200; second++) {
      const before = asserted.length;
      for (let i = 0; i < 100; i++) repair.hear(health(4, { instance: `vad-${i}` }));
      if (asserted.length > before) at.push(second);
      await clock.advance(500);
      repair.stop();
      await clock.advance(500);
    }
    expect(at).toEqual([0, 3, 9, 21, 45, 93, 153]);
  });

  it('at once again after a new version was made', async () => {
    const { asserted, repair } = open();
    for (let second = 0; second <= 10; second++) {
      repair.hear(health(4));
      await clock.advance(1000);
    }
    expect(asserted).toEqual([5, 5, 5]);
    repair.changed('vad');
    repair.hear(health(4));
    await clock.advance(3000);
    expect(asserted).toEqual([5, 5, 5, 5]);
  });

  it('never after the stop', async () => {
    const { asserted, repair } = open();
    repair.changed('vad');
    repair.hear(health(4));
    repair.stop();
    await clock.advance(60_000);
    expect(asserted).toEqual([]);
  });
});
