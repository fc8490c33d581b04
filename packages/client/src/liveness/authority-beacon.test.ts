import type { Keepalive } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createAheadOfAuthorityWatch, createLostSnapshotWatch, createSkewWatch } from './authority-beacon.ts';

type Said = Pick<Keepalive, 'recent' | 'commit'> & { session?: string };
const say = (said: Said): Keepalive => ({
  instance: 'config-authority',
  session: 's',
  sequence: 0,
  intervalMs: 5000,
  ...said,
});
const stamp = (version: number, epoch = 7) => ({ epoch, version });
const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`other-${index}`, stamp(1)]));

it('the beacon of a restarted authority that committed meanwhile makes the client fetch the snapshot again', () => {
  const watch = createLostSnapshotWatch('vad', () => 0);
  expect(watch.hear(say({ recent: {}, commit: 5 }), stamp(2))).toBe(false);
  expect(watch.hear(say({ recent: {}, commit: 5, session: 't' }), stamp(2))).toBe(false);
  expect(watch.hear(say({ recent: {}, commit: 6, session: 'u' }), stamp(2))).toBe(true);
  expect(watch.hear(say({ recent: {}, commit: 6, session: 'u' }), stamp(2))).toBe(false);
});

describe('a beacon that names the service', () => {
  it.each([
    ['a newer version', stamp(3), stamp(2), true],
    ['the observed version', stamp(2), stamp(2), false],
    ['an older version', stamp(1), stamp(2), false],
    ['a newer epoch', stamp(1, 8), stamp(2), true],
    ['an older epoch', stamp(9, 6), stamp(2), false],
    ['a version while none was observed', stamp(1), undefined, true],
  ])('a beacon that names %s makes the client fetch the snapshot only when it must', (_, named, observed, expected) => {
    const watch = createLostSnapshotWatch('vad', () => 0);
    expect(watch.hear(say({ recent: { vad: named }, commit: 1 }), observed)).toBe(expected);
  });
});

describe('a beacon that does not name the service', () => {
  const hearTwo = (first: Said, second: Said, apartMs: number): boolean => {
    let now = 0;
    const watch = createLostSnapshotWatch('vad', () => now);
    expect(watch.hear(say(first), stamp(2))).toBe(false);
    now = apartMs;
    return watch.hear(say(second), stamp(2));
  };

  it.each<[string, Said, Said, number, boolean]>([
    ['nothing was committed since the last beacon, however long ago', { commit: 5 }, { commit: 5 }, 3_600_000, false],
    ['something was committed, and would still be named', { commit: 5 }, { commit: 6 }, 59_999, false],
    ['something was committed, and may have been named in a lost beacon', { commit: 5 }, { commit: 6 }, 60_000, true],
    ['more was committed than a beacon names', { commit: 5 }, { commit: 300, recent: many }, 5000, true],
    ['the count fell, because it is another store', { commit: 5 }, { commit: 1 }, 60_000, false],
    ['the beacon before has no count', {}, { commit: 6 }, 60_000, false],
    ['the beacon has no count', { commit: 5 }, {}, 60_000, false],
  ])(
    'a beacon without the service makes the client fetch the snapshot only if it may have missed one: %s',
    (_, first, second, apartMs, expected) => {
      expect(hearTwo(first, second, apartMs)).toBe(expected);
    },
  );

  it('a rising commit count makes the client fetch the snapshot once', () => {
    let now = 0;
    const watch = createLostSnapshotWatch('vad', () => now);
    watch.hear(say({ commit: 5 }), stamp(2));
    now = 60_000;
    expect(watch.hear(say({ commit: 6 }), stamp(2))).toBe(true);
    now = 120_000;
    expect(watch.hear(say({ commit: 6 }), stamp(2))).toBe(false);
  });

  it('no snapshot is fetched right after a new connection, because the retained one has just arrived', () => {
    let now = 0;
    const watch = createLostSnapshotWatch('vad', () => now);
    watch.hear(say({ commit: 5 }), stamp(2));
    now = 600_000;
    watch.reset();
    expect(watch.hear(say({ commit: 9 }), stamp(2))).toBe(false);
  });

  it('a service named like a member of every object does not count as named', () => {
    const watch = createLostSnapshotWatch('constructor', () => 0);
    expect(watch.hear(say({ recent: {}, commit: 1 }), stamp(2))).toBe(false);
  });
});

const beat = (version?: number) => ({
  instance: 'config-authority',
  session: 's',
  sequence: 0,
  intervalMs: 5000,
  recent: version === undefined ? { asr: { epoch: 1, version: 1 } } : { vad: { epoch: 7, version } },
});
const applied = { epoch: 7, version: 3 };

describe("a document newer than the authority's", () => {
  it('a document ahead of the authority is reported once, after two beacons in a row that name an older version', () => {
    const watch = createAheadOfAuthorityWatch('vad');
    expect([watch.hear(beat(2), applied), watch.hear(beat(2), applied), watch.hear(beat(2), applied)]).toEqual([
      undefined,
      { epoch: 7, version: 2 },
      undefined,
    ]);
  });

  it('a document is not ahead when one beacon was merely overtaken, nor without a named service or a document', () => {
    const watch = createAheadOfAuthorityWatch('vad');
    for (const version of [2, 3, 2, 4]) expect(watch.hear(beat(version), applied)).toBeUndefined();
    for (const running of [applied, undefined]) expect(watch.hear(beat(), running)).toBeUndefined();
    for (let round = 0; round < 3; round++) expect(watch.hear(beat(2), undefined)).toBeUndefined();
  });

  it('a document ahead of the authority is reported again after it was caught up', () => {
    const watch = createAheadOfAuthorityWatch('vad');
    const heard = [2, 2, 3, 1, 1].map((version) => watch.hear(beat(version), applied)?.version);
    expect(heard).toEqual([undefined, 2, undefined, undefined, 1]);
  });
});

/** What is told of this clock's distances, in seconds, beacon by beacon. */
function told(...skews: readonly number[]): number[] {
  const said: number[] = [];
  const compare = createSkewWatch((skewMs) => said.push(skewMs / 1000));
  for (const skew of skews) compare(1_000_000, 1_000_000 + skew * 1000);
  return said;
}

it('a clock skew is reported once per episode, in both directions', () => {
  expect(told(0, 11, 12, 13, 14)).toEqual([12]);
  expect(told(-11, -12, -13)).toEqual([-12]);
  expect(told(20, 21, 0, 22, 23)).toEqual([21, 23]);
});

it('a clock skew is not reported up to ten seconds, nor for one delayed beacon', () => {
  expect(told(10, 10, -10, -10)).toEqual([]);
  expect(told(30, 0, 30, 0)).toEqual([]);
});

it('a beacon whose time cannot be parsed reports no clock skew', () => {
  expect(told(Number.NaN, Number.NaN, Number.NaN)).toEqual([]);
});
