import type { Keepalive } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createBeaconWatch } from './lost-snapshot.ts';

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

it('a beacon of an authority that was started again, and that committed meanwhile, makes the client ask again', () => {
  const watch = createBeaconWatch('vad', () => 0);
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
  ])('with %s asks again as it should', (_, named, observed, expected) => {
    const watch = createBeaconWatch('vad', () => 0);
    expect(watch.hear(say({ recent: { vad: named }, commit: 1 }), observed)).toBe(expected);
  });
});

describe('a beacon that does not name the service', () => {
  const hearTwo = (first: Said, second: Said, apartMs: number): boolean => {
    let now = 0;
    const watch = createBeaconWatch('vad', () => now);
    expect(watch.hear(say(first), stamp(2))).toBe(false);
    now = apartMs;
    return watch.hear(say(second), stamp(2));
  };

  it.each<[string, Said, Said, number, boolean]>([
    ['nothing was committed, however long ago the last one was', { commit: 5 }, { commit: 5 }, 3_600_000, false],
    ['something was, and all of it would be named', { commit: 5 }, { commit: 6 }, 59_999, false],
    ['something was, and it may have been named in between', { commit: 5 }, { commit: 6 }, 60_000, true],
    ['more was than is named', { commit: 5 }, { commit: 300, recent: many }, 5000, true],
    ['the count fell: another store', { commit: 5 }, { commit: 1 }, 60_000, false],
    ['the one before told no count', {}, { commit: 6 }, 60_000, false],
    ['it tells no count', { commit: 5 }, {}, 60_000, false],
  ])('where %s', (_, first, second, apartMs, expected) => {
    expect(hearTwo(first, second, apartMs)).toBe(expected);
  });

  it('asks once for each rise', () => {
    let now = 0;
    const watch = createBeaconWatch('vad', () => now);
    watch.hear(say({ commit: 5 }), stamp(2));
    now = 60_000;
    expect(watch.hear(say({ commit: 6 }), stamp(2))).toBe(true);
    now = 120_000;
    expect(watch.hear(say({ commit: 6 }), stamp(2))).toBe(false);
  });

  it('asks for nothing after a new connection: the retained snapshot has just come', () => {
    let now = 0;
    const watch = createBeaconWatch('vad', () => now);
    watch.hear(say({ commit: 5 }), stamp(2));
    now = 600_000;
    watch.reset();
    expect(watch.hear(say({ commit: 9 }), stamp(2))).toBe(false);
  });

  it('takes a service of an inherited name for one that is not named', () => {
    const watch = createBeaconWatch('constructor', () => 0);
    expect(watch.hear(say({ recent: {}, commit: 1 }), stamp(2))).toBe(false);
  });
});
