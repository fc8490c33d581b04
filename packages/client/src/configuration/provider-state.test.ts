import { expect, it } from 'vitest';
import { providerStates } from './provider-state.ts';

const columns = (['fresh', 'soft', 'hard', 'fatal'] as const).flatMap((freshness) =>
  (['good', 'bad'] as const).map((outcome) => [freshness, outcome] as const),
);

it.each([
  ['starting', 'NOT_READY NOT_READY NOT_READY NOT_READY ERROR ERROR FATAL FATAL'],
  ['waiting', 'NOT_READY ERROR NOT_READY ERROR ERROR ERROR FATAL FATAL'],
  ['live', 'READY STALE STALE STALE ERROR ERROR FATAL FATAL'],
  ['cache', 'STALE STALE STALE STALE ERROR ERROR FATAL FATAL'],
  ['defaults', 'STALE ERROR STALE ERROR ERROR ERROR FATAL FATAL'],
  ['stopped', 'NOT_READY NOT_READY NOT_READY NOT_READY NOT_READY NOT_READY NOT_READY NOT_READY'],
] as const)('a client in the state %s has a provider state for every freshness and outcome', (state, expected) => {
  expect(columns.map(([freshness, outcome]) => providerStates[state][freshness][outcome])).toEqual(expected.split(' '));
});

it('the provider is READY only when the newest document is live and fresh', () => {
  const ready = Object.entries(providerStates).flatMap(([state, row]) =>
    columns.filter(([freshness, outcome]) => row[freshness][outcome] === 'READY').map((column) => [state, ...column]),
  );
  expect(ready).toEqual([['live', 'fresh', 'good']]);
});
