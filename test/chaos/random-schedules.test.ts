import { availableSocketBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runInMemory } from './memory-run.ts';
import type { Outcome } from './outcome.ts';
import { seedsOf } from './seeds.ts';
import { runOnSocket } from './socket-run.ts';

const socketRuns = 10;
const memoryRuns = 300;
/** Runs go on beginning until then. Milliseconds. */
const memoryBudgetMs = 15_000;

/** New ones every day, the same all day: what fails in the morning fails again after lunch. */
const today = Math.floor(Date.now() / 86_400_000) * 1000;

const explain = ({ seed, faults, report }: Outcome): string =>
  `${faults.join('\n')}\nreplay with CHAOS_SEED=${seed}\n${report}`;

describe('on memory', () => {
  it('Client-01-Random-Schedules: keeps every promise through random schedules of faults', async () => {
    const { seeds, isReplay } = seedsOf({ CHAOS_FROM: String(today), ...process.env }, memoryRuns);
    const endMs = performance.now() + memoryBudgetMs;
    let runs = 0;
    for (const seed of seeds) {
      if (!isReplay && performance.now() > endMs) break;
      const outcome = await runInMemory(seed);
      expect(outcome.faults, explain(outcome)).toEqual([]);
      runs += 1;
    }
    // A machine ten times slower than any that we know.
    expect(runs).toBeGreaterThanOrEqual(Math.min(20, seeds.length));
  }, 120_000);

  it('Client-01-Random-Schedules: a seed replays, step by step and fault by fault', async () => {
    const seed = 4711;
    const { faults, ...first } = await runInMemory(seed);
    expect(faults).toEqual([]);
    expect(await runInMemory(seed)).toEqual({ faults, ...first });
  }, 30_000);
});

describe.each(await availableSocketBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Client-01-Random-Schedules: keeps every promise through random schedules of faults', async () => {
    const runs =
      process.env.CHAOS_RUNS === undefined ? socketRuns : Math.min(socketRuns, Number(process.env.CHAOS_RUNS));
    const { seeds } = seedsOf({ CHAOS_FROM: String(today), ...process.env, CHAOS_RUNS: String(runs) }, socketRuns);
    for (const seed of seeds) {
      const outcome = await runOnSocket(seed, broker);
      expect(outcome.faults, explain(outcome)).toEqual([]);
    }
  }, 600_000);
});
