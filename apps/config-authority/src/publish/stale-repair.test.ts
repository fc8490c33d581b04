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

describe('stale repair', () => {
  it.each([
    ['has seen an older version', health(4)],
    [
      'could not read the snapshot it received',
      health(undefined, { error: createProblem('snapshot_refused', 'of a stranger') }),
    ],
  ])('publishes the snapshot again when an instance %s', (_, said) => {
    const { asserted, repair } = open();
    repair.hear(said);
    expect(asserted).toEqual([5]);
  });

  it.each<[string, Health]>([
    ['the instance has seen the present version', health(5)],
    ['the instance has seen a newer version', health(6)],
    ['the instance has seen no version yet', health(undefined)],
    ['the instance is offline', health(4, { state: 'offline' })],
    [
      'the instance reports an error that a repeated snapshot cannot mend',
      health(5, { error: createProblem('handler_failed', 'no') }),
    ],
    ['the instance belongs to a service that this authority does not have', health(4, { service: 'other' })],
  ])('publishes nothing when %s', (_, said) => {
    const { asserted, repair } = open();
    repair.hear(said);
    expect(asserted).toEqual([]);
  });

  it('publishes nothing for a deleted service', () => {
    const { asserted, repair } = open(record(true));
    repair.hear(health(4));
    expect(asserted).toEqual([]);
  });

  it('waits until the present version has had time to arrive, then publishes it unless the instance has it by then', async () => {
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

  it('repeats itself ever more rarely, at most once a minute, however many instances stay behind', async () => {
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

  it('waits no longer than at first after a new version', async () => {
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

  it('publishes nothing after it was stopped', async () => {
    const { asserted, repair } = open();
    repair.changed('vad');
    repair.hear(health(4));
    repair.stop();
    await clock.advance(60_000);
    expect(asserted).toEqual([]);
  });
});
