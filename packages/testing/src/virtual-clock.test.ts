import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { installVirtualClock } from './virtual-clock.ts';

describe('the virtual clock', () => {
  it('fires timers in the order of their times, each at its own time', async () => {
    using clock = installVirtualClock({ startMs: 1000 });
    const seen: string[] = [];
    setTimeout(() => seen.push(`late ${Date.now()}`), 300);
    setTimeout((word: string) => seen.push(`${word} ${Date.now()}`), 100, 'soon');
    const every = setInterval(() => seen.push(`every ${performance.now()}`), 120);
    await clock.advance(299);
    expect(seen).toEqual(['soon 1100', 'every 120', 'every 240']);
    clearInterval(every);
    await clock.advance(1);
    expect(seen.at(-1)).toBe('late 1300');
    expect(clock.nowMs).toBe(1300);
  });

  it('runs everything that a timer starts to its end, including a file read, before more time passes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'clock-'));
    const file = join(folder, 'a');
    await writeFile(file, 'x');
    using clock = installVirtualClock({ startMs: 0 });
    const readAt: number[] = [];
    setTimeout(async () => {
      for (let count = 0; count < 20; count += 1) await readFile(file);
      await new Promise((resolve) => setImmediate(resolve));
      await writeFile(file, 'y');
      readAt.push(Date.now());
    }, 10);
    await clock.advance(60_000);
    expect(readAt).toEqual([10]);
    await rm(folder, { recursive: true });
  });

  it('forgets a cleared, closed or disposed timer, and refreshes one', async () => {
    using clock = installVirtualClock();
    let gone = 0;
    const count = (): void => {
      gone += 1;
    };
    clearTimeout(setTimeout(count, 10));
    setTimeout(count, 10).close();
    setTimeout(count, 10)[Symbol.dispose]();
    clearImmediate(setImmediate(count));
    const again = setTimeout(count, 10).unref().ref();
    expect(again.hasRef()).toBe(true);
    expect(Number(again)).toBeGreaterThan(0);
    await clock.advance(9);
    again.refresh();
    await clock.advance(9);
    expect(gone).toBe(0);
    await clock.advance(1);
    expect(gone).toBe(1);
  });

  it('stops when a condition holds, and reports when it never did', async () => {
    using clock = installVirtualClock({ startMs: 0 });
    let isDone = false;
    setTimeout(() => {
      isDone = true;
    }, 50);
    expect(await clock.advanceUntil(() => isDone, 1000)).toBe(true);
    expect(clock.nowMs).toBe(50);
    expect(await clock.advanceUntil(() => false, 100)).toBe(false);
    expect(clock.nowMs).toBe(150);
  });

  it('gives the same random numbers for a seed, and puts everything back', async () => {
    const before = [setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, Date.now, Math.random];
    const drawn = [1, 1, 2].map((seed) => {
      using _clock = installVirtualClock({ seed });
      return Math.random();
    });
    expect(drawn[0]).toBe(drawn[1]);
    expect(drawn[0]).not.toBe(drawn[2]);
    expect([setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, Date.now, Math.random]).toEqual(before);
  });

  it('clears a timer that was set before the clock was installed', async () => {
    let gone = 0;
    const early = setTimeout(() => {
      gone += 1;
    }, 5);
    {
      using _clock = installVirtualClock();
      clearTimeout(early);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(gone).toBe(0);
  });
});
