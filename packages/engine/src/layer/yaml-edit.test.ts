import { isJsonObject, type JsonObject, type JsonValue, type Pointer } from '@setpoint/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { readSetting, type Setting, writeSettings } from './overrides.ts';
import { editYaml } from './yaml-edit.ts';

const set = (pointer: Pointer, value?: JsonValue): Setting => ({ pointer, ...(value !== undefined && { value }) });

const text = `# The voice detector.
vad:   # it listens
    threshold: 0.5   # between 0 and 1
    model: "small"

    # how long
    gaps: [1, 2]
    deep:
        a: 1   # one

# The end.
list:
  - x
  - y
`;

describe('editYaml', () => {
  it.each<[string, Setting[], string]>([
    ['a number, with the comment after it', [set('/vad/threshold', 0.7)], text.replace('0.5', '0.7')],
    ['a text', [set('/vad/model', 'large')], text.replace('"small"', 'large')],
    ['a text that needs quotes', [set('/vad/model', 'true')], text.replace('"small"', '"true"')],
    ['nothing that is so already', [set('/vad/threshold', 0.5), set('/none')], text],
    [
      'a new setting, behind its section',
      [set('/vad/deep/b', 2)],
      text.replace('a: 1   # one\n', 'a: 1   # one\n        b: 2\n'),
    ],
    ['a new section', [set('/new/a', { b: [1] })], `${text}new:\n  a:\n    b:\n      - 1\n`],
    ['what is taken away, with its line', [set('/vad/model')], text.replace('    model: "small"\n', '')],
  ])('writes %s', (_, settings, edited) => {
    expect(editYaml(text, settings)).toBe(edited);
  });

  it.each<[string, string, Setting[], string]>([
    ['an empty file', '', [set('/a/b', 1)], 'a:\n  b: 1\n'],
    ['a file of comments', '# only\n', [set('/a', 1)], '# only\n\na: 1\n'],
    ['a file without a line end', 'a: 1', [set('/b', 2)], 'a: 1\nb: 2\n'],
    ['line ends of Windows', 'a: 1\r\nb: 2\r\n', [set('/a', 3), set('/c', 4)], 'a: 3\r\nb: 2\r\nc: 4\r\n'],
    ['the last member of a section', 'a:\n  b: 1 # c\nd: 2\n', [set('/a/b')], 'a: {}\nd: 2\n'],
    ['JSON', '{"a": 1, "b": [1]}', [set('/a', 2)], '{ "a": 2, "b": [ 1 ] }\n'],
  ])('edits %s', (_, before, settings, after) => {
    expect(editYaml(before, settings)).toBe(after);
  });

  it('refuses what is not YAML, and what an alias gives', () => {
    expect(() => editYaml('a: [1', [set('/a', 1)])).toThrow(expect.objectContaining({ code: 'document_invalid' }));
    expect(() => editYaml('- 1', [set('/a', 1)])).toThrow('mend it first');
    expect(() => editYaml('a: &x {b: 1, d: 1}\nc: *x\n', [set('/c/b', 2)])).toThrow('/c/b');
  });

  const name = fc.constantFrom('a', 'b', 'c', 'x y', '1', 'true', '#', 'a/b', '');
  const scalar = fc.oneof(
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.string(),
    fc.constantFrom('a\nb', '  ', 'true', '# no', "it's", '"', 'a: b', '- a', '${X}', 'x\n'),
  );
  const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
    ),
  }));
  const document = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true }) as fc.Arbitrary<JsonObject>;
  const pointer = fc
    .array(name, { minLength: 1, maxLength: 3 })
    .map((names) => names.map((each) => `/${each.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''));
  const settings = fc.array(fc.record({ pointer, value: fc.option(value, { nil: undefined }) }), { maxLength: 4 });

  it('reads back as what was set, whatever the document', () => {
    fc.assert(
      fc.property(document, settings, (before, edits) => {
        const edited = editYaml(stringify(before, { version: '1.2' }), edits);
        expect(parse(edited, { version: '1.2' }) ?? {}).toEqual(writeSettings(before, edits));
      }),
      { numRuns: 300 },
    );
  });

  it('Layer-09-Comments-Survive: leaves every other line as it is where a scalar is set', () => {
    const numbers = fc.dictionary(name, fc.oneof(fc.integer(), value), { maxKeys: 4, noNullPrototype: true });
    const commented = (numbers as fc.Arbitrary<JsonObject>).map((before) => ({
      before,
      text: Object.entries(before)
        .map(
          ([key, member], i) => `# note ${i}\n${stringify({ [key]: member }, { version: '1.2' })}   # after ${i}\n\n`,
        )
        .join(''),
    }));
    let edits = 0;
    fc.assert(
      fc.property(commented, name, fc.integer(), ({ before, text: original }, key, number) => {
        const at = `/${key.replaceAll('/', '~1')}`;
        const now = readSetting(before, at);
        if (now === undefined || now === number || isJsonObject(now) || typeof now !== 'number') return;
        edits += 1;
        const [from, to] = [original.split('\n'), editYaml(original, [{ pointer: at, value: number }]).split('\n')];
        expect(to.length).toBe(from.length);
        expect(from.filter((line, i) => line !== to[i])).toHaveLength(1);
      }),
      { numRuns: 1000 },
    );
    expect(edits).toBeGreaterThan(50);
  });
});
