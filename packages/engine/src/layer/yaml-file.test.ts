import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { type ParsedFile, parseYamlFile } from './yaml-file.ts';

const read = (text: string, file = 'api.yaml'): ParsedFile => parseYamlFile(text, file);

function documentOf(text: string): JsonObject {
  const parsed = read(text);
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  return parsed.layer.document;
}

function faultsOf(text: string, file?: string): string[] {
  const parsed = read(text, file);
  return parsed.kind === 'layer' ? [] : parsed.faults.map(({ line, message }) => `${line}: ${message}`);
}

const noWord = 'holds a value that JSON has no word for (.nan, .inf, a number too large, a tagged value)';
const rounded = 'holds a whole number past 2^53, which would be rounded; write it as text, in quotes';

describe('parseYamlFile', () => {
  it.each([
    ['an empty file', '', {}],
    ['a file of nothing but comments', '# a\n\n# b\n', {}],
    ['a file that says null', '~\n', {}],
    ['JSON', '{"a": [1, true, null]}', { a: [1, true, null] }],
    ['a byte order mark', '\ufeffa: 1\n', { a: 1 }],
    ['line ends of Windows', 'a: 1\r\nb:\r\n  c: 2\r\n', { a: 1, b: { c: 2 } }],
    ['dates as text', 'a: 2026-06-01\nb: 2026-06-01T00:00:00Z\n', { a: '2026-06-01', b: '2026-06-01T00:00:00Z' }],
    [
      'YAML 1.2: no octal by a leading zero, no yes and no, no base 60',
      'a: 0777\nb: 0o17\nc: 0x1F\nd: 1_000\ne: yes\nf: 12:30:45\n',
      { a: 777, b: 15, c: 31, d: '1_000', e: 'yes', f: '12:30:45' },
    ],
    [
      'names as they are written',
      '0049: a\n1.0: b\ntrue: c\n~: d\n"": e\n',
      {
        '0049': 'a',
        '1.0': 'b',
        true: 'c',
        '~': 'd',
        '': 'e',
      },
    ],
    ['anchors and aliases', 'a: &x {b: 1}\nc: *x\n', { a: { b: 1 }, c: { b: 1 } }],
    [
      'merge keys, what is written wins',
      'a: &x {b: 1, c: 1}\nd:\n  <<: *x\n  c: 2\n',
      { a: { b: 1, c: 1 }, d: { b: 1, c: 2 } },
    ],
    [
      'a merge of several',
      'a: &x {b: 1}\nc: &y {d: 2}\ne: {<<: [*x, *y]}\n',
      { a: { b: 1 }, c: { d: 2 }, e: { b: 1, d: 2 } },
    ],
    ['the plain tags of YAML', 'a: !!str 12\nb: !!int "12"\n', { a: '12', b: 12 }],
    [
      'the largest safe whole numbers',
      'a: 9007199254740991\nb: -9007199254740991\n',
      {
        a: 9007199254740991,
        b: -9007199254740991,
      },
    ],
    [
      'larger numbers that a double holds',
      'a: 9007199254740992\nb: 1e300\nc: 123456789012345678901.5\n',
      {
        a: 9007199254740992,
        b: 1e300,
        c: 123456789012345680000,
      },
    ],
    ['names that objects have', 'constructor: 1\ntoString: {length: 2}\n', { constructor: 1, toString: { length: 2 } }],
  ])('reads %s', (_, text, document) => {
    expect(documentOf(text)).toEqual(document);
  });

  it.each([
    ['several documents', 'a: 1\n---\nb: 2\n', ['2: is not valid YAML: multiple docs']],
    ['a list at the top', '# x\n\n- 1\n', ['3: must be a mapping of settings at the top']],
    ['a scalar at the top', 'hello\n', ['1: must be a mapping of settings at the top']],
    ['a tab as indentation', 'a:\n\tb: 1\n', ['2: is not valid YAML: tab as indent']],
    [
      'a name twice',
      'a: 1\nb:\n  c: 1\n  c: 2\na: 3\n',
      ['5: is not valid YAML: duplicate key', '4: is not valid YAML: duplicate key'],
    ],
    ['a name twice, once in quotes', '1: a\n"1": b\n', ['2: is not valid YAML: duplicate key']],
    ['a list as a name', 'a: 1\n? [b]\n: c\n', ['2: is not valid YAML: non string key']],
    ['an alias as a name', 'a: &k b\n*k : c\n', ['2: is not valid YAML: non string key']],
    ['a member named __proto__', 'a:\n  __proto__:\n    b: 1\n', ['2: has a member named "__proto__"']],
    ['what is no number', 'a: 1\nb:\n  - .nan\n  - -.inf\n', [`3: ${noWord}`, `4: ${noWord}`]],
    ['a number too large', 'a: 1e400\n', [`1: ${noWord}`]],
    [
      'whole numbers that would be rounded',
      'a: 9007199254740993\nb: 0x20000000000001\nc: -9007199254740993\n',
      [`1: ${rounded}`, `2: ${rounded}`, `3: ${rounded}`],
    ],
    ['a tag that nobody knows', 'a: 1\nb: !vault abc\n', ['2: is not valid YAML: tag resolve failed']],
    ['bytes', 'a: !!binary aGVsbG8=\n', [`1: ${noWord}`]],
    ['a set', 'a: !!set {x, y}\n', ['1: holds a tagged value that JSON has no word for']],
    ['an ordered map', 'a: 1\nb: !!omap [c: 1]\n', ['1: holds a tagged value that JSON has no word for']],
    [
      'an alias that leads nowhere',
      'a: *secret\n',
      ["1: can't be read: an alias or a merge (<<) leads to no mapping that stands before it"],
    ],
    [
      'a merge of what is no mapping',
      'a:\n  <<: 5\n',
      ["1: can't be read: an alias or a merge (<<) leads to no mapping that stands before it"],
    ],
    ['a value that holds itself', 'a: &x [*x]\n', ['1: has aliases that unfold into too many values']],
    ['a nest of 65 levels', `${nest(65)} 1\n`, ['1: nests deeper than 64 levels']],
    ['a directive that nobody knows', '%FOO bar\n---\na: 1\n', ['1: is not valid YAML: bad directive']],
    ['a broken line after ends of Windows', 'a: 1\r\nb: 2\r\nc: [1\r\nd: 3\r\n', ['4: is not valid YAML: bad indent']],
  ])('refuses %s, with the line', (_, text, faults) => {
    expect(faultsOf(text)).toEqual(faults);
  });

  it('names the file and repeats nothing of the text', () => {
    const secret = 'hunter2';
    const texts = [`a: *${secret}`, `a: !${secret} b`, `${secret}: 1\n${secret}: 2`, `a: "${secret}`, `a: [${secret}`];
    for (const text of texts) {
      const parsed = read(text);
      expect(parsed).toMatchObject({
        kind: 'faults',
        faults: [{ pointer: '', file: 'api.yaml', line: expect.any(Number) }],
      });
      expect(JSON.stringify(parsed)).not.toContain(secret);
    }
  });

  it('lets a schema limit a number to what other languages hold', () => {
    expect(faultsOf('{"maximum": 18446744073709551615}', 'api.schema.json')).toEqual([]);
    expect(faultsOf('{"maximum": 18446744073709551615}', 'api.json')).toEqual([`1: ${rounded}`]);
  });

  it('reads 64 levels', () => {
    expect(faultsOf(`${nest(64)} 1\n`)).toEqual([]);
  });

  it.each([
    ['aliases', ([name, before]: string[]) => `${name}: &${name} [${Array(9).fill(`*${before}`).join(',')}]`],
    ['merges', ([name, before]: string[]) => `${name}: &${name} {l: {<<: *${before}}, r: {<<: *${before}}}`],
  ])('refuses %s that multiply, before it unfolds them', (_, line) => {
    const names = Array.from({ length: 24 }, (_unused, i) => `n${i}`);
    const lines = names.slice(1).map((name, i) => line([name, names[i] as string]));
    expect(faultsOf(['n0: &n0 {x: 1}', ...lines].join('\n'))).toEqual([
      '1: has aliases that unfold into too many values',
    ]);
  });

  it('lets one anchor be used many times', () => {
    const { list } = documentOf(`a: &x {b: 1}\nlist:\n${'  - *x\n'.repeat(500)}`);
    expect(list).toHaveLength(500);
  });

  it.each([['['.repeat(100_000)], [`a: ${'['.repeat(30_000)}${']'.repeat(30_000)}`]])(
    'refuses what nests without end',
    (text) => {
      expect(read(text).kind).toBe('faults');
    },
  );

  it('reads a megabyte in a moment', () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `setting_number_${i}: "the value ${i}"`);
    expect(Object.keys(documentOf(lines.join('\n')))).toHaveLength(30_000);
  });
});

function nest(levels: number): string {
  return Array.from({ length: levels }, (_, i) => `${' '.repeat(i)}a:`).join('\n');
}

describe('a layer of a file', () => {
  const text = 'a: 1\nb:\n  c:\n    - d: 1\n      e: 2\n    - *x\n"f/g": &x {h: 1}\ni:\n  <<: *x\n'.replace(
    '    - *x\n',
    '',
  );

  it('is authored by its file', () => {
    expect(read('a: 1')).toMatchObject({ layer: { author: 'file:api.yaml' } });
  });

  it.each([
    ['the whole document', '', 1],
    ['a member', '/a', 1],
    ['a section', '/b', 2],
    ['a list', '/b/c', 3],
    ['an item', '/b/c/0', 4],
    ['a member of an item', '/b/c/0/e', 5],
    ['what is missing, where it should stand', '/b/x/y', 2],
    ['an item that is missing, at its list', '/b/c/7', 3],
    ['something inside a scalar, at the scalar', '/a/x', 1],
    ['a name that is escaped', '/f~1g', 6],
    ['a member of an anchor', '/f~1g/h', 6],
    ['a member that came by a merge, at what merges it', '/i/h', 7],
  ])('knows the line of %s', (_, pointer, line) => {
    const parsed = read(text);
    expect(parsed.kind === 'layer' && parsed.layer.locate(pointer)).toEqual({ file: 'api.yaml', line });
  });

  it('says line 1 for an empty file', () => {
    const parsed = read('');
    expect(parsed.kind === 'layer' && parsed.layer.locate('/a')).toEqual({ file: 'api.yaml', line: 1 });
  });

  it('counts lines that end as in Windows', () => {
    const parsed = read('a: 1\r\n\r\nb: 2\r\n');
    expect(parsed.kind === 'layer' && parsed.layer.locate('/b')).toEqual({ file: 'api.yaml', line: 3 });
  });
});
