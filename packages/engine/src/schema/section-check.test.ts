import type { JsonObject, JsonValue } from '@setpoint/protocol';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileSchema } from './schema.ts';
import { createSectionCheck } from './section-check.ts';

const ajv = new Ajv2020({ strict: false, ownProperties: true });

const entry: JsonObject = {
  type: 'object',
  required: ['n'],
  properties: { n: { type: 'number' }, of: { $ref: '#/$defs/word' } },
};
const schema: JsonObject = {
  type: 'object',
  required: ['entries'],
  $defs: { word: { type: 'string', maxLength: 5 } },
  properties: {
    mode: { enum: ['on', 'off'] },
    entries: {
      type: 'object',
      minProperties: 1,
      propertyNames: { pattern: '^e' },
      properties: { 'e/0': { type: 'number' } },
      additionalProperties: entry,
    },
    list: { type: 'array', maxItems: 200, items: entry },
    no: false,
    any: true,
    whole: { type: 'array', uniqueItems: true },
  },
  additionalProperties: { type: 'boolean' },
};

const entries = (more: JsonObject = {}): JsonObject => ({
  ...Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`e${i}`, { n: i, of: 'a' }])),
  ...more,
});

/** Whether it can say that the document is valid, with a valid one before it. */
function knows(document: JsonObject, of: JsonObject = schema): boolean {
  const check = createSectionCheck(ajv, of);
  check?.remember({ entries: entries() });
  return check?.isValid(document) ?? false;
}

describe('sections that are looked at one by one', () => {
  it('are looked at by their own schema, after another one had something in the same place', () => {
    const naming = (word: JsonObject): JsonObject => ({
      ...schema,
      properties: {
        entries: { type: 'object', additionalProperties: { ...entry, properties: { n: word } } },
        mode: word,
      },
    });
    const changed = (value: JsonValue): JsonObject => ({ entries: entries({ more: { n: value } }), mode: value });
    expect(knows(changed(5), naming({ type: 'number' }))).toBe(true);
    expect(knows(changed(5), naming({ type: 'string' }))).toBe(false);
    expect(knows(changed('five'), naming({ enum: ['five', ...Array.from({ length: 120 }, (_, i) => i)] }))).toBe(true);
  });

  it('are valid where the whole is, and not where it is not', () => {
    const validate = ajv.compile(schema);
    const odd = fc.oneof(
      fc.constant({ n: 1 }),
      fc.constant({ n: 1, of: 'toolong' }),
      fc.constant({}),
      fc.jsonValue({ maxDepth: 1 }),
    );
    const document = fc.record(
      {
        mode: fc.constantFrom<JsonValue>('on', 'none'),
        entries: fc.oneof(
          fc.constant(null),
          fc.dictionary(fc.constantFrom('e1', 'e/0', 'e~', 'x'), odd).map((more) => entries(more as JsonObject)),
        ),
        list: fc.oneof(fc.constant(5), fc.array(odd), fc.constant(Array.from({ length: 201 }, () => ({ n: 1 })))),
        no: odd,
        any: odd,
        whole: fc.array(fc.integer({ min: 0, max: 3 })),
        other: fc.constantFrom(true, 5),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(document, (given) => {
        const isLarge = Object.values(given).some((value) => Object.keys(Object(value)).length >= 100);
        expect(knows(given as JsonObject)).toBe(isLarge && validate(given));
      }),
      {
        numRuns: 500,
        examples: [[{ entries: entries() } as never], [{ entries: entries(), list: [{ n: 1 }], other: true } as never]],
      },
    );
  });

  it('Schema-02-Large-Documents: are looked at again only when they change: of 120 entries the one that was edited', () => {
    const check = createSectionCheck(ajv, schema);
    const before = entries();
    check?.remember({ entries: before });
    const edited = { ...before, e5: { n: 5, of: 'b' } };
    // What is changed in place is not found out: these were valid when they were remembered, and are not looked at.
    const unedited = Object.entries(before).filter(([name]) => name !== 'e5');
    for (const [, member] of unedited) (member as { n: unknown }).n = 'odd';
    expect(check?.isValid({ entries: edited })).toBe(true);
    expect(check?.isValid({ entries: { ...edited, e6: { n: 'odd' } } })).toBe(false);
  });

  it('can be anything before a document was found valid, and in small documents', () => {
    expect(createSectionCheck(ajv, schema)?.isValid({ entries: entries() })).toBe(false);
    expect(knows({ entries: { e1: { n: 1 } } })).toBe(false);
  });

  it.each<[string, JsonObject]>([
    ['a choice', { anyOf: [{}] }],
    ['a reference', { $ref: '#/$defs/a', $defs: { a: {} } }],
    ['patterns', { patternProperties: { a: {} } }],
    ['what nobody evaluated', { unevaluatedProperties: false }],
  ])('are none where the schema has %s', (_, of) => {
    expect(createSectionCheck(ajv, of)).toBeUndefined();
  });
});

describe('a large document', () => {
  it('gets the faults that it would get without what is remembered', () => {
    const compiled = compileSchema(schema);
    const document = { entries: entries() };
    expect(compiled.check(document)).toEqual([]);
    expect(compiled.check({ ...document })).toEqual([]);
    const wrong = { ...document, mode: 'none', entries: { ...document.entries, e7: { n: 'x' } } };
    expect(compiled.check(wrong).map(({ instancePath }) => instancePath)).toEqual(['/mode', '/entries/e7/n']);
  });
});
