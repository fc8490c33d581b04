import { describe, expect, it } from 'vitest';
import { compileSchema } from '../schema/schema.ts';
import { parseEnvFile } from './env-file.ts';
import { environmentVariables, readVariables } from './environment.ts';
import type { Layer } from './layer.ts';
import { layTexts, type NamedText } from './named-texts.ts';

const schema = compileSchema({
  properties: {
    vad: { properties: { threshold: { type: 'number' }, isOn: { type: 'boolean' }, 'min-gap': { type: 'integer' } } },
    langs: { type: 'array', items: { type: 'string' } },
    key: { type: 'string', 'x-secret': true },
  },
});

function lay(environment: Record<string, string>, schemas = [schema], beneath = {}): Layer | undefined {
  const { byService } = readVariables(environmentVariables(environment), ['stt-worker']);
  const texts: readonly NamedText[] = byService.get('stt-worker') ?? [];
  return layTexts(texts, { name: 'environment', author: 'environment', schemas, beneath });
}

describe('the environment', () => {
  it('Layer-04-Environment-Typed: is read by the types and names of the schema', () => {
    const layer = lay({
      SETPOINT_CFG__STT_WORKER__VAD__THRESHOLD: '0.6',
      'setpoint_cfg__stt-worker__vad__ison': 'false',
      SETPOINT_CFG__STT_WORKER__VAD__MIN_GAP: '15',
      SETPOINT_CFG__STT_WORKER__LANGS: 'de, en',
      SETPOINT_CFG__STT_WORKER__KEY: '0123',
      SETPOINT_CFG__STT_WORKER__OTHER: '1',
      PATH: '/bin',
    });
    expect(layer).toMatchObject({
      name: 'environment',
      document: { vad: { threshold: 0.6, isOn: false, 'min-gap': 15 }, langs: ['de', 'en'], key: '0123', other: 1 },
    });
    expect(layer?.locate('/langs/1')).toEqual({ name: 'SETPOINT_CFG__STT_WORKER__LANGS' });
    expect(layer?.locate('/vad')).toBeUndefined();
    expect(layer?.faults).toBeUndefined();
  });

  it('knows the names of the file where there is no schema, and keeps small letters', () => {
    const variables = { SETPOINT_CFG__STT_WORKER__MAX_LEN: '5', SETPOINT_CFG__STT_WORKER__newName: 'x' };
    expect(lay(variables, [], { maxLen: 1 })?.document).toEqual({ maxLen: 5, newName: 'x' });
  });

  it('keeps a text that is no value for validation to tell', () => {
    expect(lay({ SETPOINT_CFG__STT_WORKER__VAD__THRESHOLD: 'many' })?.document).toEqual({ vad: { threshold: 'many' } });
  });

  it('is nothing where no variable is for the service', () => {
    expect(lay({ SETPOINT_CFG__OTHER__X: '1' })).toBeUndefined();
  });

  it('lays what is deeper over what is around it', () => {
    const variables = {
      SETPOINT_CFG__STT_WORKER__VAD__THRESHOLD: '1',
      SETPOINT_CFG__STT_WORKER__VAD: '{"threshold": 2, "x": 3}',
    };
    expect(lay(variables, [])?.document).toEqual({ vad: { threshold: 1, x: 3 } });
  });

  it.each<[string, Record<string, string>, string]>([
    ['no setting', { SETPOINT_CFG__STT_WORKER__: '1' }, 'names no setting (said by SETPOINT_CFG__STT_WORKER__)'],
    [
      'a name that objects can not have',
      { SETPOINT_CFG__STT_WORKER____proto__: '1' },
      'names no setting (said by SETPOINT_CFG__STT_WORKER____proto__)',
    ],
    [
      'one setting twice',
      { SETPOINT_CFG__STT_WORKER__KEY: 'hunter2', setpoint_cfg__stt_worker__key: 'hunter3' },
      'is also given by SETPOINT_CFG__STT_WORKER__KEY; keep one of them (said by setpoint_cfg__stt_worker__key)',
    ],
  ])('is at fault where it names %s', (_, variables, message) => {
    const faults = lay(variables)?.faults;
    expect(faults).toEqual([{ pointer: '', message }]);
    expect(JSON.stringify(faults)).not.toContain('hunter');
  });

  it('is at fault where a name may mean several', () => {
    const both = compileSchema({ properties: { 'a-b': {}, a_b: {} } });
    expect(lay({ SETPOINT_CFG__STT_WORKER__A_B: '1' }, [both])?.faults).toEqual([
      { pointer: '', message: 'may mean any of "a-b", "a_b" (said by SETPOINT_CFG__STT_WORKER__A_B)' },
    ]);
  });

  it('tells variables that lead to no service, and finds the longest name', () => {
    const variables = environmentVariables({
      SETPOINT_CFG__NONE__X: '1',
      SETPOINT_CFG__A__B: '2',
      SETPOINT_CFG__A: '3',
    });
    const { byService, strangers } = readVariables(variables, ['a', 'a__b']);
    expect(strangers).toEqual(['SETPOINT_CFG__NONE__X', 'SETPOINT_CFG__A']);
    expect([...byService.keys()]).toEqual(['a']);
    const [nested] = readVariables(environmentVariables({ SETPOINT_CFG__A__B__C: '2' }), ['a', 'a__b']).byService;
    expect(nested?.[0]).toBe('a__b');
  });
});

describe('an env file', () => {
  it('is read with its lines', () => {
    const text = '# SETPOINT_CFG__X=0\nA=1\n\nexport B="two words" # note\nC=\'x\'\nA=3\n';
    expect(parseEnvFile(text, '.env')).toEqual([
      { name: 'A', text: '3', place: { file: '.env', line: 6, name: 'A' } },
      { name: 'B', text: 'two words', place: { file: '.env', line: 4, name: 'B' } },
      { name: 'C', text: 'x', place: { file: '.env', line: 5, name: 'C' } },
    ]);
  });
});
