import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vscodeSettings } from './vscode-settings.ts';

const add = (text: string): string => vscodeSettings(text, './.vscode/stt.schema.json', ['**/stt.yaml']);

describe('the settings of the editor', () => {
  it('are made where there are none', () => {
    const made = `{
  "yaml.schemas": {
    "./.vscode/stt.schema.json": [
      "**/stt.yaml"
    ]
  }
}
`;
    expect(add('')).toBe(made);
    expect(add('{}\n')).toBe(made);
  });

  it('keep what is there, comments and a last comma too', () => {
    expect(
      add(`// mine
{
  "editor.tabSize": 2, // two
  "files.exclude": { "**/*.js": true }, /* last */
}
`),
    ).toBe(`// mine
{
  "editor.tabSize": 2, // two
  "files.exclude": {
    "**/*.js": true
  },
  "yaml.schemas": {
    "./.vscode/stt.schema.json": [
      "**/stt.yaml"
    ]
  }, /* last */
}
`);
  });

  it('keep other schemas, and other files of the same one', () => {
    const text = `{
  "yaml.schemas": {
    "https://example.org/a.json": "a.yaml",
    "./.vscode/stt.schema.json": "mine.yaml"
  }
}
`;
    expect(JSON.parse(add(text))).toEqual({
      'yaml.schemas': {
        'https://example.org/a.json': 'a.yaml',
        './.vscode/stt.schema.json': ['mine.yaml', '**/stt.yaml'],
      },
    });
    expect(JSON.parse(vscodeSettings(text, './other.json', ['o.yaml']))['yaml.schemas']).toEqual({
      'https://example.org/a.json': 'a.yaml',
      './.vscode/stt.schema.json': 'mine.yaml',
      './other.json': ['o.yaml'],
    });
  });

  it('are what they were, and the schema', () => {
    const settings = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });
    fc.assert(
      fc.property(settings, fc.constantFrom(undefined, 0, 2, '\t'), (before, indent) => {
        const { 'yaml.schemas': _, ['__proto__']: __, ...others } = JSON.parse(JSON.stringify(before));
        const after = JSON.parse(add(JSON.stringify(others, null, indent)));
        expect(after).toEqual({ ...others, 'yaml.schemas': { './.vscode/stt.schema.json': ['**/stt.yaml'] } });
      }),
    );
  });

  it('are the same after the second time', () => {
    for (const text of ['', '{"a": "}//"}', '{"yaml.schemas": {}}']) expect(add(add(text))).toBe(add(text));
  });

  it.each(['{', '[]', '{"a": 1 "b": 2}', '{"yaml.schemas": "x"}', '{} {}', '{,}'])(
    'that are %s are refused',
    (text) => {
      expect(() => add(text)).toThrow(/can't be read as settings/);
    },
  );
});
