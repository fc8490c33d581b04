import { expect, it } from 'vitest';
import { lampOf } from './lamp.ts';
import { createSchedule } from './schedule.ts';
import { seedsOf } from './seeds.ts';
import { createWitness, type Sight } from './witness.ts';

const sight = (version: number, number = version, rest = {}): Sight => ({
  epoch: 1,
  version,
  document: { ...lampOf(number), ...rest } as Sight['document'],
});

it('the witness complains about a version that goes back within an epoch', () => {
  const witness = createWitness();
  witness.saw('a', sight(2));
  witness.saw('b', sight(1));
  witness.saw('a', { ...sight(1), epoch: 2 });
  expect(witness.faults).toEqual([]);
  witness.saw('b', sight(3));
  witness.saw('b', sight(2));
  expect(witness.faults).toEqual(['b at version 2 of epoch 1: went back from version 3']);
});

it('the witness lets a new process go back only behind a version that was never applied', () => {
  const witness = createWitness();
  witness.saw('a', sight(5));
  witness.restarted('a', { epoch: 1, version: 4 });
  witness.saw('a', sight(4));
  witness.restarted('a', undefined);
  witness.saw('a', sight(1));
  expect(witness.faults).toEqual([]);
  witness.restarted('a', { epoch: 1, version: 4 });
  witness.saw('a', sight(3));
  expect(witness.faults).toEqual(['a at version 3 of epoch 1: went back from version 4']);
});

it('the witness complains about half a change, a refused or forged document, and two documents of one version', () => {
  const witness = createWitness();
  witness.saw('a', sight(1, 1, { twin: 2 }));
  witness.saw('a', sight(2, 2, { poison: true }));
  witness.saw('a', sight(2, 3));
  witness.saw('b', sight(1, -1));
  expect(witness.faults).toEqual([
    'a at version 1 of epoch 1: half a change is visible: {"number":1,"twin":2,"deep":{"number":1,"twin":1},"poison":false}',
    'a at version 2 of epoch 1: a document that its schema refuses is visible',
    'a at version 2 of epoch 1: one version, two documents',
    'b at version 1 of epoch 1: what a stranger wrote is visible',
  ]);
});

it('makes the same schedule of the same seed, and every kind of step in a hundred of them', () => {
  expect(createSchedule(5)).toEqual(createSchedule(5));
  const kinds = new Set(
    Array.from({ length: 100 }, (_, seed) => createSchedule(seed).steps.map(({ kind }) => kind)).flat(),
  );
  expect([...kinds].sort()).toEqual([
    'broker_down',
    'broker_up',
    'change',
    'clock',
    'disconnect',
    'forge',
    'heal',
    'kill_authority',
    'kill_instance',
    'network',
    'partition',
    'start_authority',
    'start_instance',
  ]);
});

it('runs the seeds that the environment names', () => {
  expect(seedsOf({}, 3)).toEqual({ seeds: [1, 2, 3], isReplay: false });
  expect(seedsOf({ CHAOS_RUNS: '2', CHAOS_FROM: '8' }, 3)).toEqual({ seeds: [8, 9], isReplay: false });
  expect(seedsOf({ CHAOS_SEED: '7,9' }, 3)).toEqual({ seeds: [7, 9], isReplay: true });
  expect(() => seedsOf({ CHAOS_SEED: 'x' }, 3)).toThrow('CHAOS_SEED is "x"; give a whole number');
});
