import { describe, expect, it } from 'vitest';
import { type PolicyOptions, resolvePolicy } from './policy.ts';

function faultsOf(options: PolicyOptions): string[] {
  const faults: string[] = [];
  resolvePolicy(options, (option, message) => void faults.push(`${option} ${message}`));
  return faults;
}

describe('what a service says about other documents than the newest', () => {
  it('is nothing, unless it says something', () => {
    expect(resolvePolicy({}, () => {})).toEqual({
      overrides: new Map(),
      bootDefaults: new Map(),
      kept: [],
      refusing: [],
      staleness: undefined,
    });
  });

  it('is sorted by what it is for', () => {
    const options: PolicyOptions = {
      boot: { '/api/key': 'refuse', '/model': 'keep_last_good', '/mode': { default: null }, '/n': { default: 0 } },
      staleness: { softMs: 1, hardMs: 1 },
      overrides: { allow: ['/log', '/unused'], values: { '/log/level': 'debug', '/log': {} } },
    };
    expect(faultsOf(options)).toEqual([]);
    expect(resolvePolicy(options, () => {})).toEqual({
      overrides: new Map<string, unknown>([
        ['/log/level', 'debug'],
        ['/log', {}],
      ]),
      bootDefaults: new Map<string, unknown>([
        ['/mode', null],
        ['/n', 0],
      ]),
      kept: ['/model'],
      refusing: ['/api/key'],
      staleness: { softMs: 1, hardMs: 1 },
    });
  });

  const wrong = <T>(value: unknown): T => value as T;
  it.each<[string, PolicyOptions, RegExp]>([
    ['a place that is none', { boot: { api: 'refuse' } }, /^boot "api" is not a JSON Pointer/],
    ['the whole document', { boot: { '': 'refuse' } }, /^boot names the whole document; name a setting/],
    [
      'a policy that there is not',
      { boot: { '/a': wrong('ignore') } },
      /^boot \/a must be "refuse", "keep_last_good" or \{ default: value \}/,
    ],
    ['a policy that is nothing', { boot: { '/a': wrong(null) } }, /^boot \/a must be "refuse"/],
    [
      'a default that is no JSON',
      { boot: { '/a': { default: Infinity } } },
      /^boot \/a has a number that is too large/,
    ],
    [
      'an override that was not declared',
      { overrides: { allow: ['/log'], values: { '/logs': 1 } } },
      /^overrides \/logs may not be overridden on this machine; add it to overrides.allow, or change it at the authority/,
    ],
    [
      'an override without a value',
      { overrides: { allow: ['/a'], values: { '/a': wrong(undefined) } } },
      /^overrides \/a has no value/,
    ],
    ['an override of the document', { overrides: { allow: [], values: { '': {} } } }, /^overrides names the whole/],
    ['a declaration that is no place', { overrides: { allow: ['log'], values: {} } }, /^overrides "log" is not/],
    ['silence that begins before it does', { staleness: { softMs: 0, hardMs: 1 } }, /^staleness softMs must be 1/],
    ['hard before soft', { staleness: { softMs: 2, hardMs: 1 } }, /^staleness softMs must be 1 or more, and hardMs/],
    ['a time of no number', { staleness: { softMs: Number.NaN, hardMs: 1 } }, /^staleness/],
    ['a time that no timer keeps', { staleness: { softMs: 1, hardMs: 2_147_483_648 } }, /^staleness/],
  ])('can not be %s', (_, options, expected) => {
    expect(faultsOf(options)).toEqual([expect.stringMatching(expected)]);
  });
});
