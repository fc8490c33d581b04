import { describe, expect, it } from 'vitest';
import { checkPointer, parseAssignment, toMergePatch, toSettings } from './assignment.ts';

describe('an assignment', () => {
  it.each([
    ['/vad/threshold=0.6', '/vad/threshold', 0.6],
    ['/whisper/model=large-v3', '/whisper/model', 'large-v3'],
    ['/enabled=true', '/enabled', true],
    ['/language=null', '/language', null],
    ['/hotwords=["a","b"]', '/hotwords', ['a', 'b']],
    ['/code=007', '/code', '007'],
    ['/code="7"', '/code', '7'],
    ['/query=a=b', '/query', 'a=b'],
    ['/empty=', '/empty', ''],
    ['/a~1b/c~0d=1', '/a~1b/c~0d', 1],
  ])('%s sets %s to %j', (text, pointer, value) => {
    expect(parseAssignment(text)).toEqual({ pointer, value });
  });

  it.each([
    ['/vad/threshold', 'is not <pointer>=<value>'],
    ['vad.threshold=1', 'did you mean /vad/threshold?'],
    ['/a~2=1', 'is not a JSON Pointer'],
    ['/a=1e999', 'a number that is too large'],
    ['/__proto__/a=1', 'a member named "__proto__"'],
    ['/a={"__proto__":1}', 'a member named "__proto__"'],
  ])('%s is refused as a matter of usage: %s', (text, why) => {
    expect(() => parseAssignment(text)).toThrow(expect.objectContaining({ exitCode: 64 }));
    expect(() => parseAssignment(text)).toThrow(why);
  });

  it('opens a section into its settings', () => {
    expect(toSettings([{ pointer: '/vad', value: { threshold: 0.6, on: { a: null } } }])).toEqual([
      { pointer: '/vad/threshold', value: 0.6 },
      { pointer: '/vad/on/a', value: null },
    ]);
  });

  it('is refused where another lies in it, except to append twice', () => {
    const at = (pointer: string) => ({ pointer, value: 1 });
    expect(() => toSettings([at('/a'), at('/a/b')])).toThrow('/a and /a/b overlap');
    expect(() => toSettings([at('/a'), at('/a')])).toThrow('overlap');
    expect(toSettings([at('/a/-'), at('/a/-')])).toHaveLength(2);
    expect(toSettings([at('/a'), at('/ab')])).toHaveLength(2);
  });

  it('of the whole document has to be a section', () => {
    expect(() => toSettings([{ pointer: '', value: 1 }])).toThrow('JSON object');
  });
});

it('makes one merge patch of many settings', () => {
  expect(
    toMergePatch([
      { pointer: '/a/b', value: 1 },
      { pointer: '/a/c', value: [1] },
      { pointer: '/d', value: null },
      { pointer: '/constructor/x', value: 2 },
    ]),
  ).toEqual({ a: { b: 1, c: [1] }, d: null, constructor: { x: 2 } });
});

it('takes the whole document as a pointer', () => {
  expect(checkPointer('')).toBe('');
});
