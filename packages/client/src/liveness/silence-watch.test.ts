import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createSilenceWatch } from './silence-watch.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function watch() {
  const said: number[] = [];
  return { said, ...createSilenceWatch(() => said.push(Math.round(performance.now()))) };
}

it('a silence watch does not report what was never heard', () => {
  const { said } = watch();
  vi.advanceTimersByTime(1_000_000);
  expect(said).toEqual([]);
});

it('a silence watch reports once that what was heard has fallen silent', () => {
  const { said, heard } = watch();
  const beganMs = performance.now();
  heard(300);
  vi.advanceTimersByTime(200);
  heard(300);
  vi.advanceTimersByTime(10_000);
  expect(said).toEqual([Math.round(beganMs + 500)]);
});

it('a silence watch expects nothing while it is paused', () => {
  const { said, heard, rest } = watch();
  heard(300);
  rest();
  vi.advanceTimersByTime(10_000);
  expect(said).toEqual([]);
  heard(300);
  vi.advanceTimersByTime(301);
  expect(said).toHaveLength(1);
});

it('a silence watch gives a process that was suspended time to read what arrived meanwhile', () => {
  const { said, heard } = watch();
  heard(300);
  // The timers of a process that is held up for a minute run late, and before anything is read.
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000);
  vi.advanceTimersByTime(300);
  vi.mocked(performance.now).mockRestore();
  expect(said).toEqual([]);
});

it('a silence watch is not misled by a clock that stands still while timers run', () => {
  const nowMs = performance.now();
  vi.spyOn(performance, 'now').mockReturnValue(nowMs);
  const { said, heard } = watch();
  heard(300);
  vi.advanceTimersByTime(900);
  expect(said).toEqual([]);
  vi.mocked(performance.now).mockRestore();
});
