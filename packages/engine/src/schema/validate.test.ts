import type { Fault, JsonObject, JsonValue } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { describeValue } from './explain-errors.ts';
import { compileSchema } from './schema.ts';
import { placeFault, validate } from './validate.ts';

const notSecret = (): boolean => false;

const faults = (schema: JsonObject, document: JsonObject): Fault[] =>
  validate(document, { own: compileSchema(schema), contracts: [], isSecret: notSecret });

const value = (schema: JsonObject, given: JsonValue): Fault[] => faults({ properties: { v: schema } }, { v: given });

/** One fault about `/v`. */
const told = (message: string, expected: string, received: string, rest: Partial<Fault> = {}): Fault[] => [
  { pointer: '/v', message, expected, received, ...rest },
];

const section = (properties: JsonObject, required: string[] = []): JsonObject => ({
  type: 'object',
  properties,
  required,
});

describe('a fault tells a person what may stand there', () => {
  it.each<[JsonObject, JsonValue, Fault[]]>([
    [{ type: 'integer' }, 1.5, told('must be a whole number', 'a whole number', '1.5')],
    [{ type: 'number' }, '5', told('must be a number', 'a number', '"5"')],
    [{ type: 'string' }, null, told('must be a text', 'a text', 'null')],
    [{ type: 'boolean' }, 'yes', told('must be true or false', 'true or false', '"yes"')],
    [{ type: 'array' }, {}, told('must be a list', 'a list', 'a section')],
    [{ type: 'object' }, [1, 2], told('must be a section', 'a section', 'a list of 2')],
    [{ type: ['string', 'null'] }, 5, told('must be a text or null', 'a text or null', '5')],
    [{ const: 'a' }, 'b', told('must be "a"', '"a"', '"b"')],
    [{ minimum: 5 }, 1, told('must be >= 5', 'at least 5', '1')],
    [{ maximum: 5 }, 9, told('must be <= 5', 'at most 5', '9')],
    [{ exclusiveMinimum: 5 }, 5, told('must be > 5', 'more than 5', '5')],
    [{ exclusiveMaximum: 5 }, 5, told('must be < 5', 'less than 5', '5')],
    [{ multipleOf: 5 }, 6, told('must be multiple of 5', 'a multiple of 5', '6')],
    [{ minLength: 2 }, 'a', told('must NOT have fewer than 2 characters', 'a text of at least 2', '"a"')],
    [{ maxLength: 1 }, 'ab', told('must NOT have more than 1 characters', 'a text of at most 1', '"ab"')],
    [{ pattern: '^[a-z]$' }, 'A', told('must match pattern "^[a-z]$"', 'a text that matches ^[a-z]$', '"A"')],
    [{ format: 'uri' }, 'a b', told('must match format "uri"', 'a text of the format uri', '"a b"')],
    [{ minItems: 1 }, [], told('must NOT have fewer than 1 items', 'a list of at least 1', 'a list of 0')],
    [{ maxItems: 1 }, [1, 2], told('must NOT have more than 1 items', 'a list of at most 1', 'a list of 2')],
    [
      { uniqueItems: true },
      [1, 1],
      told(
        'must NOT have duplicate items (items ## 0 and 1 are identical)',
        'a list without repetitions',
        'a list of 2',
      ),
    ],
    [{ minProperties: 1 }, {}, told('must NOT have fewer than 1 properties', 'a section of at least 1', 'a section')],
    [{ not: { type: 'string' } }, 'a', told('must NOT be valid', 'something else', '"a"')],
    [
      { enum: ['debug', 'info', 5] },
      'inof',
      told('must be one of "debug", "info", 5', 'one of "debug", "info", 5', '"inof"', { suggestion: 'info' }),
    ],
    [{ enum: ['debug'] }, 'verbose', told('must be one of "debug"', 'one of "debug"', '"verbose"')],
    [{ enum: ['debug'] }, 5, told('must be one of "debug"', 'one of "debug"', '5')],
  ])('%j refuses %j', (schema, given, expected) => {
    expect(value(schema, given)).toEqual(expected);
  });

  it.each<[string, JsonObject, JsonObject, Fault[]]>([
    [
      'a required text',
      { required: ['a'], properties: { a: { type: 'string' } } },
      {},
      [{ pointer: '/a', message: 'is required', expected: 'a text', received: 'nothing' }],
    ],
    [
      'a required choice',
      { required: ['a'], properties: { a: { enum: [1, 2] } } },
      {},
      [{ pointer: '/a', message: 'is required', expected: 'one of 1, 2', received: 'nothing' }],
    ],
    [
      'a required value that nothing is said of',
      { required: ['a/b'] },
      {},
      [{ pointer: '/a~1b', message: 'is required', expected: 'a value', received: 'nothing' }],
    ],
    [
      'what another setting requires',
      { properties: { a: {}, b: { type: ['string', 'null'] } }, dependentRequired: { a: ['b'] } },
      { a: 1 },
      [{ pointer: '/b', message: 'is required with "a"', expected: 'a text or null', received: 'nothing' }],
    ],
    [
      'a name that is not allowed',
      { propertyNames: { pattern: '^[a-z]+$', maxLength: 1 } },
      { A1: 1 },
      [{ pointer: '/A1', message: 'is not an allowed name' }],
    ],
    [
      'a setting that is not allowed',
      { properties: { a: false } },
      { a: 1 },
      [{ pointer: '/a', message: 'is not allowed here', expected: 'nothing', received: '1' }],
    ],
    [
      'what a condition requires',
      JSON.parse(
        '{"properties":{"m":{}},"if":{"properties":{"m":{"const":1}}},"then":{"required":["x"],"properties":{"x":{"type":"string"}}}}',
      ),
      { m: 1 },
      [{ pointer: '/x', message: 'is required', expected: 'a text', received: 'nothing' }],
    ],
  ])('%s', (_, schema, document, expected) => {
    expect(faults(schema, document)).toEqual(expected);
  });

  it('names an unknown setting once, where the schema is closed in words too', () => {
    const schema = { properties: { a: {} }, additionalProperties: false };
    expect(faults(schema, { b: 1 })).toEqual([
      { pointer: '/b', message: 'is not a known setting', expected: 'one of a' },
    ]);
    expect(faults({ ...schema, additionalProperties: true, unevaluatedProperties: false }, { b: 1 })).toEqual([]);
    expect(faults({ additionalProperties: false }, { b: 1 })).toEqual([
      { pointer: '/b', message: 'is not a known setting' },
    ]);
    expect(faults({ unevaluatedProperties: false }, { b: 1 })).toEqual([
      { pointer: '/b', message: 'is not a known setting' },
    ]);
  });

  it('tells everything at once, and nothing twice', () => {
    const schema: JsonObject = {
      properties: {
        a: { type: 'number', minimum: 5 },
        b: { type: 'string' },
        c: section({ d: { type: 'boolean' } }, ['e']),
      },
      required: ['z'],
      allOf: [{ properties: { b: { type: 'string' } } }],
    };
    expect(
      faults(schema, { a: 1, b: 2, c: { d: 'x' }, y: 1 })
        .map(({ pointer, message }) => `${pointer} ${message}`)
        .sort(),
    ).toEqual([
      '/a must be >= 5',
      '/b must be a text',
      '/c/d must be true or false',
      '/c/e is required',
      '/y is not a known setting',
      '/z is required',
    ]);
  });
});

describe('a choice that nothing fits', () => {
  const a = section({ kind: { const: 'a' }, n: { type: 'number' } }, ['kind']);
  const b = section({ kind: { const: 'b' }, s: { type: 'string' } }, ['kind']);
  const port = section({ port: { type: 'integer' } });

  it.each<[string, JsonObject, JsonValue, Fault[]]>([
    [
      'of types',
      { anyOf: [{ type: 'string' }, { type: 'number' }] },
      true,
      told('must be a text or a number', 'a text or a number', 'true'),
    ],
    [
      'of values',
      {
        anyOf: [
          { type: 'number', const: 1 },
          { type: 'number', const: 2 },
        ],
      },
      3,
      told('must be one of 1, 2', 'one of 1, 2', '3'),
    ],
    [
      'of values, for another type',
      {
        oneOf: [
          { type: 'number', const: 1 },
          { type: 'number', const: 2 },
        ],
      },
      'x',
      told('must be a number', 'a number', '"x"'),
    ],
    [
      'of values and a type',
      { anyOf: [{ enum: [1, 2] }, { type: 'null' }] },
      3,
      told('must be null or one of 1, 2', 'null or one of 1, 2', '3'),
    ],
    [
      'of a section or null, for neither',
      { anyOf: [port, { type: 'null' }] },
      5,
      told('must be a section or null', 'a section or null', '5'),
    ],
    [
      'of a section or null, where the section is meant',
      { anyOf: [port, { type: 'null' }] },
      { port: 'x' },
      [{ pointer: '/v/port', message: 'must be a whole number', expected: 'a whole number', received: '"x"' }],
    ],
    [
      'of kinds, where one is named',
      { oneOf: [a, b] },
      { kind: 'b', s: 5 },
      [{ pointer: '/v/s', message: 'must be a text', expected: 'a text', received: '5' }],
    ],
    [
      'of kinds, where none is named rightly',
      { oneOf: [a, b] },
      { kind: 'c' },
      told('fits none of the allowed forms', 'one of the allowed forms', 'a section'),
    ],
    [
      'of which several fit where one may',
      { oneOf: [{ type: 'number' }, { type: 'integer' }, { type: 'string' }] },
      5,
      told('fits more than one of the allowed forms', 'exactly one of them', '5'),
    ],
    [
      'in a choice',
      { anyOf: [{ type: 'null' }, { anyOf: [{ type: 'string' }, { type: 'number' }] }] },
      true,
      told('must be null or a text or a number', 'null or a text or a number', 'true'),
    ],
  ])('%s', (_, schema, given, expected) => {
    expect(value(schema, given)).toEqual(expected);
  });

  it('is told the same where the branches are referred to', () => {
    const schema: JsonObject = {
      properties: { v: { oneOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/b' }] } },
      $defs: { a, b },
    };
    expect(faults(schema, { v: { kind: 'b', s: 5 } }).map(({ pointer }) => pointer)).toEqual(['/v/s']);
    expect(faults(schema, { v: { kind: 'c' } }).map(({ pointer }) => pointer)).toEqual(['/v']);
  });

  it('does not hide what is wrong elsewhere', () => {
    const schema: JsonObject = {
      properties: { v: { anyOf: [{ type: 'string' }, { type: 'null' }] }, w: { type: 'string' } },
    };
    expect(faults(schema, { v: 5, w: 5 }).map(({ pointer }) => pointer)).toEqual(['/v', '/w']);
  });

  it('is told where a schema leads back to itself', () => {
    const schema: JsonObject = {
      properties: { v: { $ref: '#/$defs/tree' } },
      $defs: { tree: { anyOf: [{ type: 'number' }, { type: 'array', items: { $ref: '#/$defs/tree' } }] } },
    };
    expect(faults(schema, { v: [1, ['x']] })).toEqual([
      { pointer: '/v/1/0', message: 'must be a number or a list', expected: 'a number or a list', received: '"x"' },
    ]);
  });
});

describe('validate', () => {
  const number = compileSchema({ properties: { a: { type: 'number' } } });
  const text = compileSchema({ properties: { a: { type: 'string' }, b: {} } });

  it('asks the contract of every live instance, and names it', () => {
    const contracts = [
      { instance: 'i-1', schema: number },
      { instance: 'i-2', schema: text },
      { instance: 'i-3', schema: number },
    ];
    const document = { a: 'x', b: 1 };
    expect(validate(document, { own: undefined, contracts, isSecret: notSecret })).toEqual([
      { pointer: '/a', message: 'must be a number', expected: 'a number', received: '"x"', instance: 'i-1' },
    ]);
  });

  it('lets its own schema say which names there are', () => {
    const contracts = [{ instance: 'i-1', schema: text }];
    expect(
      validate({ a: 1, b: 1 }, { own: number, contracts, isSecret: notSecret }).map(({ pointer, instance }) => [
        pointer,
        instance,
      ]),
    ).toEqual([
      ['/b', undefined],
      ['/a', 'i-1'],
    ]);
  });

  it('does not ask the same schema twice', () => {
    const contracts = [{ instance: 'i-1', schema: number }];
    expect(validate({ a: 'x' }, { own: number, contracts, isSecret: notSecret })).toEqual([
      { pointer: '/a', message: 'must be a number', expected: 'a number', received: '"x"' },
    ]);
  });

  it('finds nothing where nobody says anything', () => {
    expect(validate({ a: 1 }, { own: undefined, contracts: [], isSecret: notSecret })).toEqual([]);
  });

  it('masks what stands at a secret place', () => {
    const [fault] = validate({ a: 'hunter2' }, { own: number, contracts: [], isSecret: (pointer) => pointer === '/a' });
    expect(fault?.received).toBe('*** REDACTED ***');
  });
});

describe('describeValue', () => {
  it('cuts a long text, and not through a character', () => {
    expect(describeValue('a'.repeat(200))).toBe(`"${'a'.repeat(79)}…`);
    expect(describeValue(`${'a'.repeat(78)}😀`).isWellFormed()).toBe(true);
  });
});

describe('placeFault', () => {
  it('adds file and line where they are known', () => {
    const fault = { pointer: '/a', message: 'm' };
    expect(placeFault(fault, () => ({ file: 'api.yaml', line: 3 }))).toEqual({ ...fault, file: 'api.yaml', line: 3 });
    expect(placeFault(fault, () => undefined)).toBe(fault);
  });
});
