// Runs the random schedules: 10,000 of them in memory, or CHAOS_RUNS, beginning at seed 1, or CHAOS_FROM. With
// CHAOS_BROKER=aedes or mosquitto they run in real time on that broker, with real processes, 100 of them. With CHAOS_SEED
// only that one, and everything it did is printed. Ends with 1 when a promise was broken.
import { openAedes } from '@setpoint/test-support/brokers/aedes';
import { openMosquitto } from '@setpoint/test-support/brokers/mosquitto';
import { runInMemory } from './memory-run.ts';
import type { Outcome } from './outcome.ts';
import { seedsOf } from './seeds.ts';
import { runOnSocket } from './socket-run.ts';

interface Place {
  readonly runs: number;
  readonly run: (seed: number) => Promise<Outcome>;
  readonly close?: () => Promise<void>;
}

const places: Readonly<Record<string, () => Promise<Place>>> = {
  memory: async () => ({ runs: 10_000, run: runInMemory }),
  aedes: () => onSocket(openAedes),
  mosquitto: () => onSocket(openMosquitto),
};

async function onSocket(open: typeof openAedes | typeof openMosquitto): Promise<Place> {
  const broker = await open();
  return { runs: 100, run: (seed) => runOnSocket(seed, broker), close: () => broker.close() };
}

const { CHAOS_BROKER: name = 'memory' } = process.env;
const openPlace = places[name];
if (!openPlace) throw new Error(`CHAOS_BROKER is ${JSON.stringify(name)}; give ${Object.keys(places).join(', ')}`);
const place = await openPlace();
const { seeds, isReplay } = seedsOf(process.env, place.runs);
const failed: number[] = [];
let slowestMs = 0;
const beginMs = performance.now();
/** So often it is said how far it has come. */
const tellEvery = Math.ceil(place.runs / 20);

for (const [index, seed] of seeds.entries()) {
  const { faults, convergedMs, report } = await place.run(seed);
  slowestMs = Math.max(slowestMs, convergedMs);
  if (faults.length > 0) failed.push(seed);
  if (faults.length > 0 || isReplay) process.stdout.write(`seed ${seed}: ${faults.join('\n  ') || 'as promised'}\n`);
  if (isReplay) process.stdout.write(`${report}\n`);
  if ((index + 1) % tellEvery === 0)
    process.stdout.write(`chaos: ${index + 1} of ${seeds.length}, ${failed.length} failed\n`);
}
await place.close?.();

const took = ((performance.now() - beginMs) / 1000).toFixed(0);
const slowest = slowestMs.toFixed(0);
process.stdout.write(
  `chaos on ${name}: ${seeds.length} schedules in ${took} s, the slowest converged in ${slowest} ms\n`,
);
if (failed.length > 0) {
  process.stdout.write(`chaos: ${failed.length} failed; replay with CHAOS_SEED=<seed>: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
