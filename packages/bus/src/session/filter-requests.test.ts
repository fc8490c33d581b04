import { describe, expect, it } from 'vitest';
import { FilterRequests } from './filter-requests.ts';
import type { FilterState } from './subscriptions.ts';

const [good, bad, late] = ['good', 'bad', 'late'].map(
  (filter): FilterState => ({ filter, levels: [filter], listeners: [], refused: undefined }),
) as [FilterState, FilterState, FilterState];
const all = [good, bad, late];

/** A broker that hangs up when it is asked for `bad`; returns what was asked before that, in order. */
function connection(requests: FilterRequests, nowMs: number): { asked: string; refused: FilterState[] } {
  const asked: string[] = [];
  const atOnce = requests.opened(all, nowMs);
  for (const state of atOnce) requests.asked(state);
  asked.push(...atOnce.map(({ filter }) => filter));
  if (atOnce.includes(bad)) return { asked: asked.join(' '), refused: requests.closed(nowMs, true) };
  for (const state of atOnce) requests.answered(state);
  for (let suspect = requests.nextSuspect(); suspect; suspect = requests.nextSuspect()) {
    requests.asked(suspect);
    asked.push(suspect.filter);
    if (suspect === bad) return { asked: asked.join(' '), refused: requests.closed(nowMs, true) };
    requests.answered(suspect);
  }
  return { asked: asked.join(' '), refused: [] };
}

describe('asking for filters', () => {
  it('the subscriber asks for all filters at once, and again after a close', () => {
    const requests = new FilterRequests();
    expect(requests.opened(all, 0)).toEqual(all);
    expect(requests.opened(all, 0)).toEqual(all);
  });

  it('finds the filter that makes the broker hang up, and gets the others back without it', () => {
    const requests = new FilterRequests();
    expect(connection(requests, 0)).toEqual({ asked: 'good bad late', refused: [] });
    expect(connection(requests, 0)).toEqual({ asked: 'good bad late', refused: [] });
    expect(connection(requests, 0)).toEqual({ asked: 'good bad', refused: [bad] });
    expect(connection(requests, 0)).toEqual({ asked: 'good late', refused: [] });
  });

  it('a filter that was left out is asked for again after a second', () => {
    const requests = new FilterRequests();
    for (let times = 0; times < 3; times += 1) connection(requests, 1000);
    connection(requests, 1000);
    expect(requests.nextRestEndMs).toBe(2000);
    requests.rested(1999);
    expect(requests.nextSuspect()).toBeUndefined();
    requests.rested(2000);
    expect(requests.nextSuspect()).toBe(bad);
    requests.asked(bad);
    requests.answered(bad);
    expect(requests.nextRestEndMs).toBeUndefined();
    expect(requests.opened(all, 2000)).toEqual(all);
  });

  it('a filter that makes the broker hang up each time is asked for ever more rarely', () => {
    const requests = new FilterRequests();
    for (let times = 0; times < 3; times += 1) connection(requests, 0);
    const askedAtMs: number[] = [];
    for (let nowMs = 0; nowMs < 200_000; ) {
      nowMs = requests.nextRestEndMs as number;
      requests.rested(nowMs);
      expect(connection(requests, nowMs).refused).toEqual([bad]);
      askedAtMs.push(nowMs);
    }
    expect(askedAtMs).toEqual([1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000, 183_000, 243_000]);
  });

  it('a close that had another cause counts against no filter', () => {
    const requests = new FilterRequests();
    for (let times = 0; times < 5; times += 1) {
      expect(requests.opened(all, 0)).toEqual(all);
      for (const state of all) requests.asked(state);
      expect(requests.closed(0, false)).toEqual([]);
    }
  });

  it('a filter without subscriptions is forgotten', () => {
    const requests = new FilterRequests();
    for (let times = 0; times < 3; times += 1) connection(requests, 0);
    requests.forget(bad);
    expect(requests.nextRestEndMs).toBeUndefined();
  });
});
