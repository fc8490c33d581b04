import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '@setpoint/protocol';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CountingEvaluator } from './counting-evaluator.ts';
import { compileLinearPattern } from './linear-pattern.ts';
import { compileContract } from './schema.ts';
import { findSchemaFaults } from './schema-keywords.ts';
import { refuseForeignReferences } from './schema-walk.ts';
import { validate } from './validate.ts';

const ajv = new Ajv2020({ allErrors: true, strict: false, logger: false, ownProperties: true });
addFormats.default(ajv);

/** Without `unevaluated…`, for which the compiled validator has faults; the test suite of JSON Schema has them. */
const { schema: schemas } = fc.letrec<{ schema: JsonValue; value: JsonValue }>((tie) => {
  const many = { maxLength: 3, minLength: 1 };
  const names = fc.constantFrom('a', 'b', 'c');
  return {
    value: fc.constant(null),
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.boolean(),
      fc.record(
        {
          type: fc.constantFrom('object', 'array', 'string', 'integer', 'number', 'null', ['string', 'null']),
          enum: fc.array(fc.constantFrom<JsonValue>(1, 'a', null, [1], { a: 1 }), many),
          minimum: fc.integer({ min: -2, max: 3 }),
          exclusiveMaximum: fc.integer({ min: -2, max: 3 }),
          multipleOf: fc.constantFrom(1, 2),
          minLength: fc.nat(2),
          maxLength: fc.nat(2),
          pattern: fc.constantFrom('^a', 'b$', '[ab]+'),
          required: fc.uniqueArray(names, { maxLength: 2 }),
          maxProperties: fc.nat(3),
          minItems: fc.nat(2),
          uniqueItems: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
      fc.record(
        {
          properties: fc.dictionary(names, tie('schema'), { maxKeys: 2, noNullPrototype: true }),
          patternProperties: fc.dictionary(fc.constantFrom('^a', 'c'), tie('schema'), {
            maxKeys: 1,
            noNullPrototype: true,
          }),
          additionalProperties: tie('schema'),
          propertyNames: fc.constantFrom<JsonValue>({ maxLength: 1 }, { pattern: '^[ab]' }),
          dependentRequired: fc.constantFrom<JsonValue>({ a: ['b'] }),
          dependentSchemas: fc.dictionary(names, tie('schema'), { maxKeys: 1, noNullPrototype: true }),
        },
        { requiredKeys: [] },
      ),
      fc.record(
        {
          items: tie('schema'),
          prefixItems: fc.array(tie('schema'), many),
        },
        { requiredKeys: [] },
      ),
      // By itself: beside prefixItems, the compiled validator takes an empty list for one that contains something.
      fc.record(
        {
          contains: tie('schema').filter((schema) => schema !== false),
          maxContains: fc.integer({ min: 1, max: 2 }),
        },
        { requiredKeys: [] },
      ),
      fc.record(
        {
          allOf: fc.array(tie('schema'), many),
          anyOf: fc.array(tie('schema'), many),
          oneOf: fc.array(tie('schema'), many),
          not: tie('schema'),
          if: tie('schema'),
          // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
          then: tie('schema'),
          else: tie('schema'),
        },
        { requiredKeys: [] },
      ),
    ) as fc.Arbitrary<JsonValue>,
  };
});
const values = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<JsonValue>(null, true, 0, 1, 2.5, -1, '', 'a', 'ab', 'ba'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

/** Undefined where the compiled code of the library is broken: it names variables that it does not declare. */
function compiledOutcome(schema: JsonObject, value: JsonValue): boolean | undefined {
  try {
    return ajv.compile(schema)(value) as boolean;
  } catch (cause) {
    if (cause instanceof ReferenceError) return undefined;
    throw cause;
  }
}

describe('the counting evaluator', () => {
  it('agrees with a compiled validator on which documents are valid', () => {
    let valid = 0;
    fc.assert(
      fc.property(schemas, values, (schema, value) => {
        const root = { properties: { it: schema } };
        const compiled = compiledOutcome(root, { it: value });
        fc.pre(compiled !== undefined);
        const { errors } = new CountingEvaluator(root).evaluate({ it: value }) ?? {};
        if (errors?.length === 0) valid += 1;
        expect(errors?.length === 0).toBe(compiled);
      }),
      { numRuns: 3000 },
    );
    expect(valid).toBeGreaterThan(300);
  });

  const folder = join(process.env.SETPOINT_CONFORMANCE_DIR ?? '', 'json-schema-2020-12/tests');
  it.skipIf(!existsSync(folder))('passes the JSON Schema test suite, but for what it refuses', () => {
    const counts = { passed: 0, refused: 0 };
    const failed: string[] = [];
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      // Here formats are asserted, and a meta-schema of one's own is not read.
      if (!file.endsWith('.json') || /optional|format\.json|vocabulary\.json/.test(file)) continue;
      for (const { schema, description, tests } of JSON.parse(readFileSync(join(folder, file), 'utf8'))) {
        for (const { data, valid, description: what } of tests) {
          if (!isUsable(schema)) counts.refused += 1;
          else if ((new CountingEvaluator(schema).evaluate(data)?.errors.length === 0) === valid) counts.passed += 1;
          else failed.push(`${file}: ${description}: ${what}`);
        }
      }
    }
    expect(failed).toEqual([]);
    expect(counts.passed).toBeGreaterThan(1000);
  });
});

function isUsable(schema: JsonValue): schema is JsonObject {
  if (typeof schema !== 'object') return false;
  try {
    refuseForeignReferences(schema as JsonObject);
    return findSchemaFaults(schema as JsonObject, compileLinearPattern).length === 0 && !('$id' in (schema as object));
  } catch {
    return false;
  }
}

/** 20 levels of two ways each. */
function diamond(levels: number): JsonObject {
  const $defs: Record<string, JsonObject> = { [`d${levels}`]: { type: 'number' } };
  for (let i = 0; i < levels; i += 1) {
    const $ref = `#/$defs/d${i + 1}`;
    $defs[`d${i}`] = { anyOf: [{ $ref }, { $ref, title: 'the same' }] };
  }
  return { properties: { a: { $ref: '#/$defs/d0' } }, $defs };
}

/** A list of this many kinds, told apart by `kind`. */
const kinds = (count: number): JsonObject => ({
  properties: {
    items: {
      type: 'array',
      items: {
        oneOf: Array.from({ length: count }, (_, i) => ({
          properties: { kind: { const: `k${i}` }, size: { type: 'number' } },
          required: ['kind'],
        })),
      },
    },
  },
});

const nested = (levels: number): JsonObject => {
  let document: JsonObject = {};
  for (let i = 0; i < levels; i += 1) document = { a: document };
  return document;
};

const doubling: JsonObject = { properties: { a: { $ref: '#' } }, allOf: [{ properties: { a: { $ref: '#' } } }] };

describe('a hostile schema', () => {
  const instance = 'vad-1';
  const ask = (schema: JsonObject, document: JsonObject) =>
    validate(document, {
      own: undefined,
      contracts: [{ instance, schema: compileContract({ additionalProperties: true, ...schema }) }],
      isSecret: () => false,
    });

  it.each<[string, JsonObject, JsonObject]>([
    ['alternatives that branch 20 times', diamond(20), { a: 'x' }],
    ['parts that double with every level', doubling, nested(40)],
    [
      '100,000 items that must be unique',
      { properties: { l: { uniqueItems: true } } },
      { l: Array.from({ length: 100_000 }, (_, i) => ({ i })) },
    ],
    [
      'a pattern over a text of 200 KB',
      { properties: { t: { pattern: '^(a+)+$' } } },
      { t: `${'a'.repeat(200_000)}!` },
    ],
  ])('Isolation-11-Bounded-Schemas: with %s is not asked, and the operator is warned', (_, schema, document) => {
    expect(ask(schema, document)).toMatchObject([
      { severity: 'warning', rule: 'performance/unchecked-contract', instance },
    ]);
  });

  it('Isolation-11-Bounded-Schemas: with a pattern that would backtrack for years is answered all the same', () => {
    const schema = { properties: { t: { pattern: '^(a+)+$' } } };
    expect(ask(schema, { t: `${'a'.repeat(27)}!` })).toMatchObject([{ pointer: '/t', instance }]);
  });

  it.each([500, 8_000])(
    'Isolation-12-First-Errors: tells what is wrong with the first of %d items of no kind',
    (count) => {
      const items = Array.from({ length: count }, () => ({ kind: 'none', size: 1 }));
      const faults = ask(kinds(60), { items });
      expect(faults[0]).toMatchObject({ pointer: '/items/0', message: 'fits none of the allowed forms' });
      expect(faults.length).toBeGreaterThan(10);
      expect(faults.length).toBeLessThan(2_000);
      expect(faults.at(-1)).toMatchObject({ message: 'there is more wrong than is said here; mend this first' });
    },
  );

  it('Isolation-11-Bounded-Schemas: still finds 10,000 unique objects unique, and a repeated one', () => {
    const schema = { properties: { l: { uniqueItems: true } } };
    const list = Array.from({ length: 10_000 }, (_, i) => ({ i }));
    expect(ask(schema, { l: list })).toEqual([]);
    expect(ask(schema, { l: [...list, { i: 7 }] })).toMatchObject([{ pointer: '/l' }]);
  });
});
