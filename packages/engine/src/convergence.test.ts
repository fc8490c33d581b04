import type { Health, Snapshot } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createConvergenceTracker } from './convergence.ts';

const snapshot = (version: number, rest: Partial<Snapshot> = {}): Snapshot => ({
  service: 'api',
  epoch: 1,
  version,
  digest: `sha256:${version}`,
  previous: null,
  values: {},
  restartRequired: [],
  secrets: [],
  author: 'ann',
  reason: '',
  committedAt: '2026-06-01T00:00:00.000Z',
  ...rest,
});

type Config = NonNullable<Health['config']>;

const running = (version: number, rest: Partial<Config> = {}): Config => ({
  source: 'live',
  epoch: 1,
  version,
  digest: `sha256:${version}`,
  pendingRestart: [],
  masked: [],
  ...rest,
});

const health = (instance: string, config?: Config, rest: Partial<Health> = {}): Health => ({
  instance,
  service: 'api',
  session: 's-1',
  ok: true,
  state: 'ready',
  event: 'ready',
  startedAt: '2026-06-01T00:00:00.000Z',
  ...(config && { config }),
  ...rest,
});

const lost = (instance: string, session = 's-1'): Health =>
  health(instance, undefined, { session, ok: false, state: 'offline', event: 'lost' });

const refusal = (version: number, epoch = 1): Partial<Config> => ({
  lastAttempt: { epoch, version, digest: `sha256:${version}`, outcome: 'rejected', message: 'must be at most 1' },
});

const [noon, later, latest] = ['2026-06-01T12:00:00.000Z', '2026-06-01T12:00:05.000Z', '2026-06-01T12:00:09.000Z'];

function trackerAt(version: number, ...reports: Health[]) {
  const tracker = createConvergenceTracker();
  tracker.target(snapshot(version));
  for (const report of reports) tracker.report(report, noon);
  return tracker;
}

const counts = { applied: 0, pending: 0, rejected: 0, restartPending: 0, offline: 0 };

describe('where an instance stands', () => {
  it.each<[keyof typeof counts, string, Health]>([
    ['applied', 'runs the version', health('i', running(8))],
    ['restartPending', 'runs it and waits for a restart', health('i', running(8, { pendingRestart: ['/a'] }))],
    ['pending', 'runs an older one', health('i', running(7))],
    ['pending', 'runs the same version of another epoch', health('i', running(8, { epoch: 2 }))],
    ['pending', 'runs another content under the same version', health('i', running(8, { digest: 'sha256:x' }))],
    ['pending', 'has nothing', health('i')],
    ['pending', 'refused an older version', health('i', running(6, refusal(7)))],
    ['rejected', 'refused this version', health('i', running(7, refusal(8)))],
    ['rejected', 'refused a version of a newer epoch', health('i', running(7, refusal(1, 2)))],
    ['offline', 'has stopped', health('i', running(8), { state: 'offline', event: 'shutdown' })],
    ['offline', 'is lost', lost('i')],
  ])('%s: %s', (standing, _, report) => {
    expect(trackerAt(8, report).summary('api', 0)?.instances).toEqual({ ...counts, [standing]: 1 });
  });

  it('is offline while it is silent, and comes back', () => {
    const tracker = trackerAt(8, health('i', running(8)));
    tracker.setSilent('i', true, noon);
    expect(tracker.summary('api', 0)?.instances.offline).toBe(1);
    tracker.setSilent('i', false, noon);
    expect(tracker.summary('api', 0)?.instances.applied).toBe(1);
    tracker.setSilent('i', true, noon);
    tracker.report(health('i', running(8)), noon);
    expect(tracker.summary('api', 0)?.instances.applied).toBe(1);
    tracker.setSilent('nobody', true, noon);
    expect(tracker.summary('api', 0)?.instances.offline).toBe(0);
  });
});

describe('a report', () => {
  it('of the death of an earlier session is ignored', () => {
    const tracker = trackerAt(8, health('i', running(8), { session: 's-2' }));
    expect(tracker.report(lost('i', 's-1'), noon)).toBeUndefined();
    expect(tracker.summary('api', 0)?.instances.applied).toBe(1);
    expect(tracker.report(lost('i', 's-2'), noon)).toBeDefined();
    expect(tracker.summary('api', 0)?.instances.offline).toBe(1);
  });

  it('of a death is taken where the instance is unknown or gone already', () => {
    const tracker = trackerAt(8, health('i', running(8), { state: 'offline', event: 'shutdown' }));
    expect(tracker.report(lost('i', 's-0'), noon)).toBeDefined();
    expect(tracker.report(lost('new', 's-0'), noon)).toBeDefined();
    expect(tracker.summary('api', 0)?.instances.offline).toBe(2);
  });

  it('of a death keeps what was last known of the configuration', () => {
    const tracker = trackerAt(8, health('i', running(7)), lost('i'));
    expect(tracker.summary('api', 0)?.stragglers).toEqual([{ instance: 'i', standing: 'offline', version: 7 }]);
  });

  it('of a death says nothing of the configuration: its will was written at connect', () => {
    const will = { ...lost('i'), config: running(3) };
    const tracker = trackerAt(8, health('i', running(7)));
    expect(tracker.report(will, noon)?.config?.version).toBe(7);
    expect(tracker.summary('api', 0)?.stragglers).toEqual([{ instance: 'i', standing: 'offline', version: 7 }]);

    expect(trackerAt(8).report(will, noon)?.config).toBeUndefined();
    expect(trackerAt(8, will).summary('api', 0)?.stragglers).toEqual([{ instance: 'i', standing: 'offline' }]);
  });

  it('moves an instance that now runs another service', () => {
    const tracker = trackerAt(8, health('i', running(8)), health('i', running(1), { service: 'web' }));
    expect(tracker.summary('api', 0)?.instances).toEqual(counts);
    expect(tracker.serviceOf('i')).toBe('web');
  });
});

describe('the summary', () => {
  it('is undefined where there is no version', () => {
    expect(createConvergenceTracker().summary('api', 0)).toBeUndefined();
  });

  it('is gone with a service that was deleted', () => {
    const tracker = trackerAt(8, health('i', running(8)));
    tracker.release('api');
    expect(tracker.summary('api', 0)).toBeUndefined();
    tracker.target(snapshot(10));
    expect(tracker.summary('api', 0)).toMatchObject({ version: 10, instances: { ...counts, pending: 1 } });
  });

  it('says since when, and when all had it', () => {
    const tracker = trackerAt(8, health('i', running(7)));
    const [start, later] = [Date.parse('2026-06-01T00:00:01Z'), Date.parse('2026-06-01T00:00:09Z')];
    expect(tracker.summary('api', start)).toEqual({
      service: 'api',
      epoch: 1,
      version: 8,
      digest: 'sha256:8',
      instances: { ...counts, pending: 1 },
      stragglers: [{ instance: 'i', standing: 'pending', version: 7 }],
      since: '2026-06-01T00:00:00.000Z',
      convergedAt: null,
    });
    tracker.report(health('i', running(8)), noon);
    expect(tracker.summary('api', start)).toMatchObject({ convergedAt: '2026-06-01T00:00:01.000Z', stragglers: [] });
    expect(tracker.summary('api', later)?.convergedAt).toBe('2026-06-01T00:00:01.000Z');
  });

  it('has converged again only after all have the next version', () => {
    const tracker = trackerAt(8, health('i', running(8)));
    expect(tracker.summary('api', 0)?.convergedAt).not.toBeNull();
    tracker.target(snapshot(9));
    expect(tracker.summary('api', 0)?.convergedAt).toBeNull();
    tracker.report(health('i', running(9)), noon);
    expect(tracker.summary('api', 1000)?.convergedAt).toBe('1970-01-01T00:00:01.000Z');
  });

  it('loses what it had when an instance falls back', () => {
    const tracker = trackerAt(8, health('i', running(8)));
    tracker.summary('api', 0);
    tracker.report(health('i', running(7)), noon);
    expect(tracker.summary('api', 5)?.convergedAt).toBeNull();
  });

  it('has not converged where nobody runs it, and does not wait for those that are away', () => {
    expect(trackerAt(8).summary('api', 0)?.convergedAt).toBeNull();
    expect(trackerAt(8, lost('j')).summary('api', 0)?.convergedAt).toBeNull();
    expect(trackerAt(8, health('i', running(8)), lost('j')).summary('api', 0)?.convergedAt).not.toBeNull();
  });

  it('says why a version was refused', () => {
    expect(trackerAt(8, health('i', running(7, refusal(8)))).summary('api', 0)?.stragglers).toEqual([
      { instance: 'i', standing: 'rejected', version: 7, message: 'must be at most 1' },
    ]);
  });

  it('leaves out the version of one that has none', () => {
    expect(trackerAt(8, health('i')).summary('api', 0)?.stragglers).toEqual([{ instance: 'i', standing: 'pending' }]);
  });

  it('names at most fifty, and counts all', () => {
    const tracker = trackerAt(8, ...Array.from({ length: 60 }, (_, i) => health(`i-${i}`, running(7))));
    const summary = tracker.summary('api', 0);
    expect([summary?.stragglers.length, summary?.instances.pending]).toEqual([50, 60]);
  });

  it('forgets an instance that is gone for good', () => {
    const tracker = trackerAt(8, lost('i'));
    tracker.forget('i');
    tracker.forget('i');
    expect(tracker.summary('api', 0)?.instances).toEqual(counts);
    expect(tracker.serviceOf('i')).toBeUndefined();
  });
});

describe('the live contracts', () => {
  it('are those of the instances that are there', () => {
    const tracker = trackerAt(
      8,
      health('a', running(8), { contract: 'sha256:c1' }),
      health('b', running(8)),
      health('c', running(8), { contract: 'sha256:c2', state: 'offline', event: 'shutdown' }),
      health('d', running(8), { contract: 'sha256:c3' }),
      health('e', running(8), { contract: 'sha256:c4', service: 'web' }),
    );
    tracker.setSilent('d', true, noon);
    expect([...tracker.liveContracts('api')]).toEqual([['a', 'sha256:c1']]);
    expect([...tracker.liveContracts('none')]).toEqual([]);
  });
});

describe('the instances', () => {
  it('are told with where they stand, until they are forgotten', () => {
    const tracker = trackerAt(2, health('a-1', running(2)), health('a-2', running(1)));
    tracker.report(health('b-1', running(1), { service: 'other' }), noon);
    tracker.setSilent('a-2', true, noon);
    expect(tracker.instances().map(({ health: { instance }, ...rest }) => [instance, rest])).toEqual([
      ['a-1', { standing: 'applied', silent: false, since: noon }],
      ['a-2', { standing: 'offline', silent: true, since: noon }],
      // Nobody says what it should run.
      ['b-1', { standing: null, silent: false, since: noon }],
    ]);
    tracker.forget('a-1');
    expect(tracker.instances()).toHaveLength(2);
  });

  it('are told with the moment from which on they stand so', () => {
    const tracker = trackerAt(8, health('i', running(7)));
    const since = (): (string | null)[] => tracker.instances().map((instance) => instance.since);
    tracker.report(health('i', running(7), { event: 'reconnected' }), later);
    expect(since()).toEqual([noon]);
    tracker.report(health('i', running(8)), later);
    expect(since()).toEqual([later]);
    tracker.setSilent('i', true, latest);
    tracker.setSilent('i', true, noon);
    expect(since()).toEqual([latest]);
    tracker.report(lost('i'), '2026-06-01T12:01:00.000Z');
    tracker.report(lost('i', 's-3'), '2026-06-01T12:02:00.000Z');
    expect(since()).toEqual(['2026-06-01T12:01:00.000Z']);
  });

  it('are told without it where nobody knows it', () => {
    const tracker = trackerAt(8);
    tracker.report(lost('i'), undefined);
    expect(tracker.instances()).toMatchObject([{ since: null }]);
    tracker.report(health('i', running(8)), later);
    expect(tracker.instances()).toMatchObject([{ since: later }]);
  });
});
