import { describe, expect, it } from 'vitest';
import { createEventLog } from './event-log.ts';

describe('the event log', () => {
  it('remembers the last ones, each under an id of this run', () => {
    const log = createEventLog(3);
    expect([log.last, log.oldest, log.get(1)]).toEqual([0, 1, undefined]);
    for (const n of [1, 2, 3, 4, 5]) log.append('change', `service-${n}`, { n });
    expect([log.last, log.oldest]).toEqual([5, 3]);
    expect(log.get(2)).toBeUndefined();
    expect(log.get(3)).toEqual({ number: 3, kind: 'change', service: 'service-3', data: '{"n":3}' });
    expect(log.get(5)?.service).toBe('service-5');
    expect(log.get(6)).toBeUndefined();
    expect(log.numberOf(log.idOf(4))).toBe(4);
  });

  it('does not know ids of another run, future ids or malformed ids', () => {
    const log = createEventLog();
    log.append('health', 'lamp', {});
    const [run] = log.idOf(1).split('-');
    for (const id of [
      createEventLog().idOf(1),
      log.idOf(2),
      '1',
      '',
      `${run}-`,
      `${run}--1`,
      `${run}-1e3`,
      `x${run}-1`,
    ]) {
      expect(log.numberOf(id), id).toBeUndefined();
    }
  });

  it('calls its listeners until they unsubscribe', () => {
    const log = createEventLog();
    const heard: number[] = [];
    const end = log.onAppend(() => heard.push(log.last));
    log.append('change', 'lamp', {});
    end();
    log.append('change', 'lamp', {});
    expect(heard).toEqual([1]);
  });
});
