import { describe, expect, it } from 'vitest';
import { parseAssignment } from './arguments.ts';

describe('an argument', () => {
  it.each<[string, string, string[], string]>([
    ['vad/threshold=0.6', 'vad', ['threshold'], '0.6'],
    ['stt-worker/a~1b/c=x=y/z', 'stt-worker', ['a/b', 'c'], 'x=y/z'],
    ['vad/a=', 'vad', ['a'], ''],
  ])('sets a setting: %s', (text, service, path, value) => {
    expect(parseAssignment(text)).toEqual({
      kind: 'assignment',
      service,
      setting: { path, isLoose: false, text: value, place: { name: `--set ${text.split('=')[0]}` } },
    });
  });

  it.each([
    ['vad/threshold', 'there is no "="'],
    ['vad=hunter2', 'it names no setting'],
    ['Vad/a=hunter2', 'it names no service'],
    ['=hunter2', 'it names no service'],
    ['vad/a~2=hunter2', 'it names no setting'],
  ])('is refused without its value: %s', (text, why) => {
    const parsed = parseAssignment(text);
    expect(parsed).toEqual({
      kind: 'fault',
      message: `--set ${text.split('=')[0]}: ${why}; write --set <service>/<pointer>=<value>`,
    });
  });
});
