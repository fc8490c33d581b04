// Runs the random schedules in memory: 10,000 of them, or CHAOS_RUNS, beginning at seed 1, or CHAOS_FROM. With CHAOS_SEED
// only that one, and everything it did is printed. Ends with 1 when a promise was broken.
import { runInMemory } from './memory-run.ts';
import { seedsOf } from './seeds.ts';

const { seeds, isReplay } = seedsOf(process.env, 10_000);
const failed: number[] = [];
let slowestMs = 0;
const beginMs = performance.now();

for (const [index, seed] of seeds.entries()) {
  const { faults, convergedMs, report } = await runInMemory(seed);
  slowestMs = Math.max(slowestMs, convergedMs);
  if (faults.length > 0) failed.push(seed);
  if (faults.length > 0 || isReplay) process.stdout.write(`seed ${seed}: ${faults.join('\n  ') || 'as promised'}\n`);
  if (isReplay) process.stdout.write(`${report}\n`);
  if ((index + 1) % 500 === 0)
    process.stdout.write(`chaos: ${index + 1} of ${seeds.length}, ${failed.length} failed\n`);
}

const took = ((performance.now() - beginMs) / 1000).toFixed(0);
process.stdout.write(`chaos: ${seeds.length} schedules in ${took} s, the slowest converged in ${slowestMs} ms\n`);
if (failed.length > 0) {
  process.stdout.write(`chaos: ${failed.length} failed; replay with CHAOS_SEED=<seed>: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
