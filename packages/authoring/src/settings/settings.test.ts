import { readFileSync } from 'node:fs';
import { compileSchema } from '@setpoint/engine';
import type { Explanation, JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeDocs } from './docs.ts';
import { writeExample } from './example.ts';
import { describeSettings } from './settings.ts';

const schema: JsonObject = {
  type: 'object',
  required: ['vad'],
  properties: {
    vad: {
      type: 'object',
      description: 'Finds speech.',
      default: {},
      properties: {
        threshold: {
          type: 'number',
          minimum: 0,
          maximum: 1,
          default: 0.5,
          description: 'How sure | it must be.\nOr not.',
        },
        model: { enum: ['tiny', 'base'], default: 'base', 'x-restart-required': true },
        language: { anyOf: [{ type: 'string', pattern: '^[a-z]{2}$' }, { type: 'null' }], default: null },
      },
    },
    api: {
      type: 'object',
      'x-restart-required': true,
      required: ['key'],
      properties: {
        key: { type: 'string', 'x-secret': true, default: 'hunter2', examples: ['hunter2'] },
        serial: { type: 'string', pattern: '^[A-Z]{3}-[0-9]{7}$' },
      },
    },
    words: { type: 'array', maxItems: 8, items: { type: 'string', minLength: 1 }, examples: [['Zigbee']] },
    users: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
    limits: { type: 'object', additionalProperties: { type: 'integer', minimum: 0 } },
    retries: { type: 'integer', minimum: 1, maximum: 9007199254740991, deprecated: true },
  },
};

describe('describeSettings', () => {
  it('says of every place what may stand there', () => {
    const rows = describeSettings(compileSchema(schema));
    const brief = rows.map(({ pointer, type, bounds, hot }) =>
      [pointer, type, bounds, hot ? 'live' : 'restart'].join(' | '),
    );
    expect(brief).toEqual([
      '/vad | section |  | live',
      '/vad/threshold | number | 0 to 1 | live',
      '/vad/model | string | one of "tiny", "base" | restart',
      '/vad/language | string or null | matches ^[a-z]{2}$ | live',
      '/api | section |  | restart',
      '/api/key | string |  | restart',
      '/api/serial | string | matches ^[A-Z]{3}-[0-9]{7}$ | restart',
      '/words | list of string | at most 8 items; each at least 1 characters | live',
      '/users | list of section |  | live',
      '/users/* | section |  | live',
      '/users/*/name | string |  | live',
      '/limits | section |  | live',
      '/limits/* | integer | at least 0 | live',
      '/retries | integer | at least 1 | live',
    ]);
    expect(rows.find(({ pointer }) => pointer === '/vad/threshold')).toMatchObject({
      default: 0.5,
      example: 0.5,
      secret: false,
    });
    expect(rows.find(({ pointer }) => pointer === '/api/key')).toMatchObject({
      secret: true,
      default: '*** REDACTED ***',
    });
  });

  it('goes once around a schema that leads back to itself', () => {
    const tree = { type: 'object', properties: { name: { type: 'string' }, child: { $ref: '#' } } };
    expect(describeSettings(compileSchema(tree)).map(({ pointer }) => pointer)).toEqual([
      '/name',
      '/child',
      '/child/name',
    ]);
  });
});

describe('writeDocs', () => {
  const origin: Explanation = {
    pointer: '/vad/threshold',
    layer: 'yaml_file',
    file: 'stt.yaml',
    line: 3,
    value: 0.6,
    hot: true,
    secret: false,
    beneath: [],
  };

  it('is a table for each section', () => {
    const docs = writeDocs('stt-worker', describeSettings(compileSchema(schema)), [origin]);
    expect(docs.slice(0, docs.indexOf('## api'))).toBe(`# Settings of stt-worker

A setting that is *live* is taken over by a running process at once; others with its next start. \`*\` in a place stands for any item of a list, or any name.

## General

| Setting | Type | Default | Bounds | Takes effect | Description | Example | Origin |
| --- | --- | --- | --- | --- | --- | --- | --- |
| \`/words\` | list of string |  | at most 8 items; each at least 1 characters | live |  | \`["Zigbee"]\` |  |
| \`/users\` | list of section |  |  | live |  | \`[]\` |  |
| \`/retries\` | integer |  | at least 1 | live | *deprecated* | \`1\` |  |

## vad

Finds speech.

| Setting | Type | Default | Bounds | Takes effect | Description | Example | Origin |
| --- | --- | --- | --- | --- | --- | --- | --- |
| \`/vad/threshold\` | number | \`0.5\` | 0 to 1 | live | How sure \\| it must be. Or not. | \`0.5\` | yaml\\_file stt.yaml:3 |
| \`/vad/model\` | string | \`"base"\` | one of "tiny", "base" | restart |  | \`"base"\` |  |
| \`/vad/language\` | string or null | \`null\` | matches ^\\[a-z\\]{2}$ | live |  | \`null\` |  |

`);
  });
});

it('the Markdown shows no secret', () => {
  const docs = writeDocs('stt-worker', describeSettings(compileSchema(schema)));
  expect(docs).toContain('| `/api/key` | string | `"*** REDACTED ***"` |  | restart | *required* *secret* |  |');
  expect(docs).not.toContain('hunter2');
});

describe('writeExample', () => {
  it('says beside every setting what may stand there', () => {
    expect(
      writeExample('stt-worker', compileSchema(schema)),
    ).toBe(`# An example of stt-worker: every setting with its default or a value that may stand there.
# Keep what you change, and delete the rest: what is left out has its default.

# Finds speech.
# required
vad:
  # How sure | it must be. Or not.
  # number; 0 to 1
  threshold: 0.5

  # string; one of "tiny", "base"; takes a restart
  model: base

  # string or null; matches ^[a-z]{2}$
  language: null

# takes a restart
api:
  # string; required; secret; takes a restart
  key: replace-me

  # string; matches ^[A-Z]{3}-[0-9]{7}$; takes a restart
  # serial:

# list of string; at most 8 items; each at least 1 characters
words:
  - Zigbee

# list of section
users: []

limits: {}

# integer; at least 1; deprecated
retries: 1
`);
  });

  it('names what nobody could guess', () => {
    const guess = { type: 'object', required: ['id'], properties: { id: { type: 'string', pattern: '^[A-Z]{9}$' } } };
    expect(writeExample('api', compileSchema(guess))).toContain(
      "# Still to be filled in:\n#   must have required property 'id'\n\n# string; matches ^[A-Z]{9}$; required\n# id:\n",
    );
  });

  it.each(['stt-worker', 'tts-worker', 'llm-worker'])('of %s is valid and leaves nothing out', (service) => {
    const path = new URL(`../../../../config/${service}.schema.json`, import.meta.url);
    const compiled = compileSchema(JSON.parse(readFileSync(path, 'utf8')));
    const example = parse(writeExample(service, compiled));
    expect(compiled.evaluate(example)?.errors).toEqual([]);
    expect(Object.keys(example)).toEqual(Object.keys(compiled.fillDefaults({})));
  });
});
