import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readPlainYaml } from './plain-yaml.ts';
import { documentOf, type PlacedSection } from './source-positions.ts';
import { parsePlaced } from './yaml-file.ts';

/** What the library reads; undefined for a text that it finds anything wrong with. */
function readByLibrary(text: string): unknown {
  const parsed = parsePlaced(text, 'a.yaml');
  return parsed.kind === 'file' ? parsed.root : undefined;
}

const read = (text: string): PlacedSection | undefined => readPlainYaml(text, 'a.yaml');

function documentIn(text: string): unknown {
  const root = read(text);
  return root && documentOf(root);
}

describe('the plainest YAML', () => {
  it.each<[string, unknown]>([
    ['a: 1\nb: two words\n', { a: 1, b: 'two words' }],
    ['# a\na:\n\n  # b\n  b: true # c\n  c: null\nd:\n', { a: { b: true, c: null }, d: null }],
    ['a:\n- x\n- y: 1\n  z: 2\n-\n  y: 3\nb: []\nc: {}\n', { a: ['x', { y: 1, z: 2 }, { y: 3 }], b: [], c: {} }],
    ["a:\n  - x\n  - \"y # \\n\"\n  - 'it''s'\n", { a: ['x', 'y # \n', "it's"] }],
    ['a: words that\n  go on\n  here\nb: -1.5\n', { a: 'words that go on here', b: -1.5 }],
    ['a: "b\n  c\n  "\nd: \'e\n  f\'\ng: "h" # i\n', { a: 'b c ', d: 'e f', g: 'h' }],
    ['a: yes\non: off\ntrue: n\n', { a: 'yes', on: 'off', true: 'n' }],
    ['a:\n  - b\n    - c\n', { a: ['b - c'] }],
    ['a: 0 what the household\n', { a: '0 what the household' }],
  ])('is read as it is written: %j', (text, document) => {
    expect(documentIn(text)).toEqual(document);
    expect(readByLibrary(text)).toEqual(read(text));
  });

  it.each([
    '',
    'a: &x 1',
    'a: *x',
    '<<: {}',
    'a: [1]',
    'a: {b: 1}',
    'a: |\n  b',
    'a: >\n  b',
    'a: !x 1',
    '? a',
    '- a',
    '--- \na: 1',
    'a: 1\n...',
    'a: 1\na: 2',
    '__proto__: 1',
    'a: True',
    'a: NULL',
    'a: 0x1F',
    'a: 1e3',
    'a: 007',
    'a: .5',
    'a: 1234567890123456',
    'a: ~',
    'a\tb: 1',
    'a: 1\r\n',
    'a: "b',
    'a: "\\x41"',
    "a: 'b' c",
    'a: b: c',
    'a: b #c\n  d',
    'a: b\n\n  c',
    'a: b\n  # c\n  d',
    ' a: 1',
    'a:\n  b: 1\n c: 2',
    'a:\n  b',
    'a: - b',
    'a: 1\n  2',
    '1: a',
    '"a": 1',
    'a:b',
    'a: b:',
    '%YAML 1.2\n---\na: 1',
    'a:\n - - b',
    '\ufeffa: 1',
  ])('is not: %j', (text) => {
    expect(read(text)).toBeUndefined();
  });

  it('is never read otherwise than by the library, whatever the text', () => {
    const piece = fc.constantFrom(
      ...[
        'a: ',
        'b:',
        'c: ',
        '- ',
        '-',
        '  ',
        '    ',
        ' ',
        '\n',
        '\n',
        '\n  ',
        '\n    ',
        '\n  - ',
        '#',
        ' # x',
        'word',
        'two words',
        '1',
        '-2.5',
        '0',
      ],
      ...[
        'true',
        'null',
        '~',
        '"q"',
        "'s'",
        '"',
        "'",
        ':',
        ': ',
        '|',
        '>',
        '&x',
        '*x',
        '[',
        ']',
        '{}',
        '[]',
        ',',
        '!t',
        '%',
        '?',
        '? ',
        '---',
        '...',
        'é',
        '\\',
        '/x',
      ],
    );
    const text = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''));
    let count = 0;
    fc.assert(
      fc.property(text, (given) => {
        const root = read(given);
        if (root === undefined) return;
        count += 1;
        expect(readByLibrary(given)).toEqual(root);
      }),
      { numRuns: 20_000 },
    );
    // About 330 are plain; that only says that the property is not empty.
    expect(count).toBeGreaterThan(150);
  });

  it('is how the library writes ordinary documents, which are read back', () => {
    const word = fc.stringMatching(/^[a-z]{1,6}( [a-z0-9]{1,9}){0,20}$/);
    const leaf = fc.oneof(word, fc.integer(), fc.boolean(), fc.constant(null), fc.string());
    const { document } = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('document')),
      document: fc.dictionary(fc.stringMatching(/^[a-z][a-zA-Z0-9-]{2,8}$/), tie('value'), { maxKeys: 5 }),
    }));
    let count = 0;
    fc.assert(
      fc.property(document, fc.boolean(), (given, indentSeq) => {
        const text = stringify(given, { indentSeq });
        const document = documentIn(text);
        if (document === undefined) return;
        count += 1;
        expect(document).toEqual(given);
      }),
      { numRuns: 2000 },
    );
    expect(count).toBeGreaterThan(500);
  });
});

it('makes a large file quick to read, and the same as the library reads it', () => {
  const entry = (i: number) => ({
    name: `entry ${i} of many`,
    weight: i / 10,
    tags: ['a', 'b'],
    note: 'words '.repeat(40),
  });
  const document = { entries: Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`entry-${i}`, entry(i)])) };
  const text = stringify(document);
  expect(text.length).toBeGreaterThan(65_536);
  const parsed = parsePlaced(text, 'a.yaml');
  expect(parsed).toEqual({ kind: 'file', root: read(text), document });
  // An alias is for the library.
  expect(parsePlaced(`${text}a: &x 1\nb: *x\n`, 'a.yaml')).toMatchObject({ document: { ...document, a: 1, b: 1 } });
  expect(parsePlaced(`${text}entries: 1\n`, 'a.yaml').kind).toBe('faults');
});
