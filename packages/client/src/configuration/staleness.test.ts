import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchStaleness } from './staleness.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the staleness of a silent authority', () => {
  it('staleness is soft, then hard, and fresh again when the authority is heard', () => {
    const levels: string[] = [];
    const watch = watchStaleness({ softMs: 100, hardMs: 250 }, (level) => void levels.push(level));
    vi.advanceTimersByTime(99);
    expect([watch.level, levels]).toEqual(['fresh', []]);
    vi.advanceTimersByTime(1);
    expect(watch.level).toBe('soft');
    vi.advanceTimersByTime(149);
    expect(watch.level).toBe('soft');
    vi.advanceTimersByTime(1);
    expect(watch.level).toBe('hard');
    watch.heard();
    expect(levels).toEqual(['soft', 'hard', 'fresh']);
    watch.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('staleness stays fresh while the authority is heard in time, also after it was soft', () => {
    const levels: string[] = [];
    const watch = watchStaleness({ softMs: 100, hardMs: 150 }, (level) => void levels.push(level));
    for (let i = 0; i < 5; i++) {
      vi.advanceTimersByTime(99);
      watch.heard();
    }
    expect(levels).toEqual([]);
    vi.advanceTimersByTime(120);
    watch.heard();
    vi.advanceTimersByTime(99);
    expect(levels).toEqual(['soft', 'fresh']);
  });

  it('staleness does not depend on the clock', () => {
    const watch = watchStaleness({ softMs: 100, hardMs: 150 }, () => {});
    vi.setSystemTime(Date.now() + 1_000_000);
    expect(watch.level).toBe('fresh');
  });

  it('staleness stays fresh when no limit is set', () => {
    const watch = watchStaleness(undefined, () => {});
    watch.heard();
    expect(vi.getTimerCount()).toBe(0);
    expect(watch.level).toBe('fresh');
    watch.stop();
  });
});
