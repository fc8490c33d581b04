import { expect, it } from 'vitest';
import { transitions } from './client-state.ts';

const events = [
  'snapshot_applied',
  'snapshot_rejected',
  'cache_applied',
  'defaults_applied',
  'nothing_found',
  'stop',
] as const;

it.each([
  ['starting', ['live', 'starting', 'cache', 'defaults', 'waiting', 'stopped']],
  ['waiting', ['live', 'waiting', 'cache', 'defaults', 'waiting', 'stopped']],
  ['live', ['live', 'live', 'live', 'live', 'live', 'stopped']],
  ['cache', ['live', 'cache', 'cache', 'cache', 'cache', 'stopped']],
  ['defaults', ['live', 'defaults', 'cache', 'defaults', 'defaults', 'stopped']],
  ['stopped', ['stopped', 'stopped', 'stopped', 'stopped', 'stopped', 'stopped']],
] as const)('every event leads from %s to exactly one state', (state, expected) => {
  expect(events.map((event) => transitions[state][event])).toEqual(expected);
});

it('the transition table has no other state and no other event', () => {
  expect(Object.keys(transitions)).toEqual(['starting', 'waiting', 'live', 'cache', 'defaults', 'stopped']);
  for (const row of Object.values(transitions)) expect(Object.keys(row)).toEqual(events);
});
