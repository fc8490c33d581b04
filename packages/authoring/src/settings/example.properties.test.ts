import { compileSchema, parseYamlFile } from '@setpoint/engine';
import type { JsonObject, JsonValue } from '@setpoint/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeDocs } from './docs.ts';
import { writeExample } from './example.ts';
import { describeSettings } from './settings.ts';

const range = fc.tuple(fc.integer({ min: -50, max: 50 }), fc.nat(40)).map(([low, size]) => [low, low + size] as const);
const text = fc.string({ unit: 'binary', maxLength: 10 });
const describe_ = fc.record(
  { description: text, deprecated: fc.boolean(), 'x-restart-required': fc.boolean() },
  { requiredKeys: [] },
);

const number = fc
  .record({
    type: fc.constantFrom('integer', 'number'),
    range,
    isOpen: fc.boolean(),
    multipleOf: fc.constantFrom(0, 1, 5),
  })
  .map(
    ({ type, range: [low, high], isOpen, multipleOf }): JsonObject => ({
      type,
      ...(isOpen ? { exclusiveMinimum: low - 1, exclusiveMaximum: high + 11 } : { minimum: low, maximum: high + 5 }),
      ...(multipleOf > 0 && { multipleOf }),
    }),
  );
const string = fc.oneof(
  fc.record(
    { type: fc.constant('string'), minLength: fc.nat(6), maxLength: fc.integer({ min: 6, max: 20 }) },
    { requiredKeys: ['type'] },
  ),
  fc.record({
    type: fc.constant('string'),
    format: fc.constantFrom('uri', 'email', 'ipv4', 'date-time', 'uuid', 'hostname', 'duration'),
  }),
  fc.record({
    type: fc.constant('string'),
    pattern: fc.constantFrom('^[a-z]{2}$', '^\\d+$', '^mqtts?://', '^.+$', '^[^x]+$'),
  }),
  fc.record({ type: fc.constant('string'), 'x-secret': fc.constant(true), default: fc.constant('hunter2') }),
);
const choice = fc.oneof(
  fc.uniqueArray(text, { minLength: 1, maxLength: 3 }).map((values) => ({ enum: values })),
  fc.constant({
    anyOf: [
      { type: 'number', const: 8000 },
      { type: 'number', const: 16000 },
    ],
  }),
  fc.constant({ anyOf: [{ type: 'string', pattern: '^[a-z]{2}$' }, { type: 'null' }] }),
  fc.constant({ type: ['null', 'boolean'] }),
  fc.record({ default: text.map((found): JsonValue => found), type: fc.constant('string') }),
);
// A pattern that nothing fits is a setting that can't be guessed; one that may be left out is.
const unguessable = fc.constant({ type: 'string', pattern: '^[A-Z]{3}-[0-9]{7}$' });
const { section } = fc.letrec<{ schema: JsonObject; section: JsonObject }>((tie) => ({
  schema: fc
    .tuple(
      fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        number,
        string,
        choice,
        fc.constant({ type: 'boolean' }),
        tie('section'),
        list(tie('schema')),
        map(tie('schema')),
      ),
      describe_,
    )
    .map(([one, more]) => ({ ...one, ...more })),
  section: fc
    .record({
      properties: fc.dictionary(
        fc.oneof(fc.constantFrom('a', 'b', 'c', 'minSpeechMs', '', '/', '~', 'a b'), text),
        tie('schema'),
        {
          maxKeys: 4,
          noNullPrototype: true,
        },
      ),
      guess: fc.option(unguessable, { nil: {} }),
      required: fc.boolean(),
      closed: fc.boolean(),
    })
    .map(({ properties, guess, required, closed }) => ({
      type: 'object',
      properties: { ...without(properties, '__proto__'), guess },
      ...(required && { required: Object.keys(without(properties, '__proto__')) }),
      ...(closed && { additionalProperties: false }),
    })),
}));

const without = (members: Record<string, JsonObject>, name: string): Record<string, JsonObject> =>
  Object.fromEntries(Object.entries(members).filter(([key]) => key !== name));

function list(items: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> {
  return fc.record({ type: fc.constant('array'), items, minItems: fc.nat(2), maxItems: fc.constant(4) });
}

function map(additionalProperties: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> {
  return fc.record({ type: fc.constant('object'), additionalProperties });
}

describe('for any schema', () => {
  it('Author-03-Example-Valid: the example is valid, and shows no secret', () => {
    fc.assert(
      fc.property(section, (given) => {
        const compiled = compileSchema(given);
        const example = writeExample('api', compiled);
        const parsed = parseYamlFile(example, 'api.yaml');
        if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
        expect(
          compiled.evaluate(parsed.layer.document)?.errors.map(({ instancePath, message }) => [instancePath, message]),
        ).toEqual([]);
        expect(example).not.toContain('hunter2');
      }),
      { numRuns: 400 },
    );
  }, 120_000);

  it('the Markdown has a row of equal width for every setting, and shows no secret', () => {
    fc.assert(
      fc.property(section, (given) => {
        const rows = describeSettings(compileSchema(given));
        const docs = writeDocs('api', rows);
        const lines = docs
          .split('\n')
          .filter((line) => line.startsWith('| ') && !line.startsWith('| ---') && !line.startsWith('| Setting'));
        expect(lines.length).toBe(rows.filter(({ isSection }) => !isSection).length);
        for (const line of lines) expect(line.replaceAll('\\|', '').split('|').length).toBe(9);
        expect(docs).not.toContain('hunter2');
      }),
      { numRuns: 200 },
    );
  }, 120_000);
});
