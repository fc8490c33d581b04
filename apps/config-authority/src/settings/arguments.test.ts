import { describe, expect, it } from 'vitest';
import { helpText, parseArguments } from './arguments.ts';

describe('the command line', () => {
  it('sets settings of services, and takes the last value of a setting that is given twice', () => {
    const parsed = parseArguments([
      '--set',
      'vad/gap=1',
      '--set=asr/a/b=x',
      '--set',
      'vad/gap=2',
      '--set',
      'vad/on=false',
    ]);
    expect(parsed).toMatchObject({ kind: 'arguments' });
    const settings = parsed.kind === 'arguments' ? [...parsed.settings] : [];
    expect(settings.map(([service, texts]) => [service, texts.map(({ path, text }) => [path, text])])).toEqual([
      [
        'vad',
        [
          [['gap'], '2'],
          [['on'], 'false'],
        ],
      ],
      ['asr', [[['a', 'b'], 'x']]],
    ]);
  });

  it('may be empty or ask for help', () => {
    expect(parseArguments([])).toEqual({ kind: 'arguments', settings: new Map() });
    for (const word of ['--help', '-h']) expect(parseArguments([word])).toEqual({ kind: 'help' });
    expect(helpText).toContain('--set <service>/<pointer>=<value>');
  });

  it('is refused with every fault at once, without repeating any value', () => {
    const parsed = parseArguments(['--sett', '--set', 'vad=hunter2', 'hunter2', '--set']);
    expect(parsed).toEqual({
      kind: 'faults',
      faults: [
        'there is an argument that belongs to no option',
        '--sett is no option here',
        '--set vad: it names no setting; write --set <service>/<pointer>=<value>',
        '--set : there is no "="; write --set <service>/<pointer>=<value>',
      ],
    });
  });
});
