import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDeduplication } from './deduplication.ts';

const of = (id: string, rest: { source?: string; type?: string; sequence?: string } = {}) => ({
  id,
  source: '/instance/a',
  type: 'a.type',
  ...rest,
});

function open(ttlMs = 1000, maxEntries = 2) {
  const clock = { nowMs: 0 };
  return { clock, deduplication: createDeduplication({ ttlMs, maxEntries, now: () => clock.nowMs }) };
}

describe('a message is known', () => {
  it('deduplication knows a message by its id and source', () => {
    const { deduplication } = open();
    deduplication.add(of('1'));
    expect(deduplication.has(of('1'))).toBe(true);
    expect(deduplication.has(of('2'))).toBe(false);
    expect(deduplication.has(of('1', { source: '/instance/b' }))).toBe(false);
  });

  it('deduplication knows a message by type, source and sequence, if it has one', () => {
    const { deduplication } = open();
    deduplication.add(of('1', { sequence: '7' }));
    expect(deduplication.has(of('2', { sequence: '7' }))).toBe(true);
    expect(deduplication.has(of('3', { sequence: '8' }))).toBe(false);
    expect(deduplication.has(of('4', { sequence: '7', type: 'b.type' }))).toBe(false);
    expect(deduplication.has(of('5', { sequence: '7', source: '/instance/b' }))).toBe(false);
    expect(deduplication.has(of('6'))).toBe(false);
  });

  it('deduplication knows a message for ttlMs and no longer', () => {
    const { clock, deduplication } = open();
    deduplication.add(of('1'));
    clock.nowMs = 999;
    expect(deduplication.has(of('1'))).toBe(true);
    clock.nowMs = 1000;
    expect(deduplication.has(of('1'))).toBe(false);
  });

  it('deduplication forgets the oldest message when more than maxEntries have come', () => {
    const { deduplication } = open();
    for (const id of ['1', '2', '3']) deduplication.add(of(id));
    expect(['1', '2', '3'].map((id) => deduplication.has(of(id)))).toEqual([false, true, true]);
  });

  it('deduplication knows no message when it is turned off', () => {
    const { deduplication } = open(0);
    deduplication.add(of('1', { sequence: '1' }));
    expect(deduplication.has(of('1', { sequence: '1' }))).toBe(false);
  });
});

it('deduplication knows exactly what a list of all messages would, whatever comes and however time passes', () => {
  const ids = fc.constantFrom('1', '2', '3', '4', '5', '6');
  const sequences = fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined });
  const step = fc.record({ id: ids, sequence: sequences, afterMs: fc.nat(400), isAdded: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, maxEntries) => {
      const { clock, deduplication } = open(1000, maxEntries);
      const added = { id: [] as [string, number][], sequence: [] as [string, number][] };
      const remember = (list: [string, number][], key: string) => {
        if (!knows(list, key)) list.push([key, clock.nowMs]);
      };
      const knows = (list: [string, number][], key: string) =>
        list.slice(-maxEntries).some(([other, at]) => other === key && clock.nowMs - at < 1000);
      for (const { id, sequence, afterMs, isAdded } of steps) {
        clock.nowMs += afterMs;
        const message = of(id, sequence === undefined ? {} : { sequence });
        expect(deduplication.has(message)).toBe(
          knows(added.id, id) || (sequence !== undefined && knows(added.sequence, sequence)),
        );
        if (!isAdded) continue;
        deduplication.add(message);
        remember(added.id, id);
        if (sequence !== undefined) remember(added.sequence, sequence);
      }
    }),
  );
});
