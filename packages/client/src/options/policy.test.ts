import { describe, expect, it } from 'vitest';
import { type PolicyOptions, resolvePolicy } from './policy.ts';

function faultsOf(options: PolicyOptions): string[] {
  const faults: string[] = [];
  resolvePolicy(options, (option, message) => void faults.push(`${option} ${message}`));
  return faults;
}

describe('resolvePolicy', () => {
  it('resolvePolicy returns an empty policy when no policy option is given', () => {
    expect(resolvePolicy({}, () => {})).toEqual({
      overrides: new Map(),
      bootDefaults: new Map(),
      kept: [],
      refusing: [],
      staleness: undefined,
    });
  });

  it('resolvePolicy sorts overrides, boot defaults and boot policies', () => {
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
    ['a setting that is not a JSON Pointer', { boot: { api: 'refuse' } }, /^boot "api" is not a JSON Pointer/],
    ['the whole document', { boot: { '': 'refuse' } }, /^boot names the whole document; name a setting/],
    [
      'an unknown policy',
      { boot: { '/a': wrong('ignore') } },
      /^boot \/a must be "refuse", "keep_last_good" or \{ default: value \}/,
    ],
    ['a policy of null', { boot: { '/a': wrong(null) } }, /^boot \/a must be "refuse"/],
    [
      'a default that is not JSON',
      { boot: { '/a': { default: Infinity } } },
      /^boot \/a has a number that is too large/,
    ],
    [
      'an override that is not allowed',
      { overrides: { allow: ['/log'], values: { '/logs': 1 } } },
      /^overrides \/logs may not be overridden on this machine; add it to overrides.allow, or change it at the authority/,
    ],
    [
      'an override without a value',
      { overrides: { allow: ['/a'], values: { '/a': wrong(undefined) } } },
      /^overrides \/a has no value/,
    ],
    [
      'an override of the whole document',
      { overrides: { allow: [], values: { '': {} } } },
      /^overrides names the whole/,
    ],
    [
      'an allowed place that is not a JSON Pointer',
      { overrides: { allow: ['log'], values: {} } },
      /^overrides "log" is not/,
    ],
    ['a softMs below 1', { staleness: { softMs: 0, hardMs: 1 } }, /^staleness softMs must be 1/],
    [
      'a hardMs below softMs',
      { staleness: { softMs: 2, hardMs: 1 } },
      /^staleness softMs must be 1 or more, and hardMs/,
    ],
    ['a softMs that is not a number', { staleness: { softMs: Number.NaN, hardMs: 1 } }, /^staleness/],
    ['a hardMs that no timer can wait', { staleness: { softMs: 1, hardMs: 2_147_483_648 } }, /^staleness/],
  ])('resolvePolicy refuses %s', (_, options, expected) => {
    expect(faultsOf(options)).toEqual([expect.stringMatching(expected)]);
  });
});
