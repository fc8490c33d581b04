import type { Convergence, Snapshot } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { convergenceEvent, createNewsFilter, createSnapshotFollower, type WatchEvent } from './watch-events.ts';
import { eventLines } from './watch-text.ts';

const snapshot = (version: number, values: Snapshot['values'], more: Partial<Snapshot> = {}): Snapshot => ({
  service: 'stt-worker',
  epoch: 1,
  version,
  digest: `sha256:${String(version).repeat(64)}`,
  previous: null,
  values,
  restartRequired: [],
  secrets: ['/token'],
  author: 'ada',
  reason: 'noisy room',
  committedAt: '2026-06-01T12:00:00.000Z',
  ...more,
});
const lines = (event: WatchEvent | undefined): string[] => (event ? eventLines(event, (_, text) => text) : []);

describe('a watch', () => {
  it('says where a service stands, then what each version changes, with secrets masked', () => {
    const follower = createSnapshotFollower();
    expect(lines(follower.take(snapshot(1, { vad: { threshold: 0.5 }, token: 'old' }), true))).toEqual([
      'stt-worker is at version 1, by ada: noisy room',
    ]);
    expect(lines(follower.take(snapshot(2, { vad: { threshold: 0.6 }, token: 'new' }), false))).toEqual([
      'stt-worker version 2, by ada: noisy room',
      '  /vad/threshold  0.5 → 0.6',
      '  /token          *** REDACTED *** → *** REDACTED ***',
    ]);
  });

  it('says nothing of a snapshot that it has seen, or an older one', () => {
    const follower = createSnapshotFollower();
    follower.take(snapshot(2, { a: 1 }), true);
    expect(follower.take(snapshot(2, { a: 1 }), true)).toBeUndefined();
    expect(follower.take(snapshot(1, { a: 0 }), false)).toBeUndefined();
  });

  it('says which versions it did not see', () => {
    const follower = createSnapshotFollower();
    follower.take(snapshot(2, { a: 1 }), true);
    expect(lines(follower.take(snapshot(5, { a: 2 }, { reason: '' }), true))).toEqual([
      'stt-worker version 5 (2 was seen before), by ada',
      '  /a  1 → 2',
    ]);
  });

  it('counts the settings of a service that is new, and tells of one that is gone', () => {
    const follower = createSnapshotFollower();
    expect(lines(follower.take(snapshot(1, { a: 1, b: { c: 2 }, token: 'x' }), false))).toEqual([
      'stt-worker version 1, by ada: noisy room',
      '  new, with 3 settings',
    ]);
    expect(lines(follower.remove('stt-worker'))).toEqual(['stt-worker was deleted']);
  });

  it('masks what lies in a section that is secret as a whole', () => {
    const follower = createSnapshotFollower();
    follower.take(snapshot(1, { vault: { key: 'a' } }, { secrets: ['/vault'] }), true);
    expect(follower.take(snapshot(2, { vault: { key: 'b' } }, { secrets: [] }), false)).toMatchObject({
      changes: [{ pointer: '/vault/key', before: '*** REDACTED ***', after: '*** REDACTED ***' }],
    });
  });
});

describe('convergence', () => {
  const convergence = (applied: number, more: Partial<Convergence['instances']> = {}): Convergence => ({
    service: 'stt-worker',
    epoch: 1,
    version: 7,
    digest: `sha256:${'a'.repeat(64)}`,
    instances: { applied, pending: 0, rejected: 0, restartPending: 0, offline: 0, ...more },
    stragglers: (more.rejected ?? 0) > 0 ? [{ instance: 'stt-1', standing: 'rejected', message: 'no such model' }] : [],
    since: '2026-06-01T12:00:00.000Z',
    convergedAt: null,
  });

  it('says how many run the version, and why the others do not', () => {
    expect(lines(convergenceEvent(convergence(3, { pending: 1 })))).toEqual([
      'stt-worker: 3 of 4 instances run version 7 (1 pending)',
    ]);
    expect(lines(convergenceEvent(convergence(1, { rejected: 1, offline: 2 })))).toEqual([
      'stt-worker: 1 of 2 instances run version 7 (1 rejected it, 2 offline)',
      '  stt-1  no such model',
    ]);
  });

  it('is told when it changes, and from the first instance on', () => {
    const isNews = createNewsFilter();
    const told = [convergence(0), convergence(1), convergence(1), convergence(0)].map((data) =>
      isNews(convergenceEvent(data)),
    );
    expect(told).toEqual([false, true, false, true]);
  });
});
