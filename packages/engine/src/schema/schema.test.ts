import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { compileSchema } from './schema.ts';

const refused = (schema: JsonObject): unknown => {
  try {
    return compileSchema(schema);
  } catch (cause) {
    return cause;
  }
};

/** What is wrong with a document by this schema. */
const checkOf = (schema: JsonObject) => {
  const { evaluate } = compileSchema(schema);
  return (document: JsonObject) => evaluate(document)?.errors ?? [];
};

describe('compileSchema', () => {
  it('finds every fault at once', () => {
    const check = checkOf({ properties: { a: { type: 'number' }, b: { minimum: 5 } }, required: ['c'] });
    expect(check({ a: 'x', b: 1 }).map(({ keyword }) => keyword)).toEqual(['required', 'type', 'minimum']);
    expect(check({ a: 1, b: 5, c: null })).toEqual([]);
  });

  it('takes its digest from the whole schema', () => {
    expect(compileSchema({}).digest).toBe('sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
    expect(compileSchema({ $id: 'https://example.com/a' }).digest).not.toBe(compileSchema({}).digest);
  });

  it('lets two schemas have one $id', () => {
    const $id = 'https://example.com/s';
    const [number, text] = [
      compileSchema({ $id, properties: { a: { type: 'number' } } }),
      compileSchema({ $id, properties: { a: { type: 'string' } } }),
    ];
    expect([number.evaluate({ a: 'x' })?.errors.length, text.evaluate({ a: 'x' })?.errors.length]).toEqual([1, 0]);
  });

  it('compiles one schema twice', () => {
    const schema = { properties: { a: { type: 'number' } } };
    compileSchema(schema);
    expect(compileSchema(schema).evaluate({ a: 'x' })?.errors).toHaveLength(1);
  });

  it('answers at once where a schema asks for a promise', () => {
    const check = checkOf({ $async: true, properties: { a: { type: 'number' } } });
    expect(check({ a: 'x' })).toHaveLength(1);
  });

  it('looks at members of the document only, not at what every object has', () => {
    const check = checkOf({ properties: { constructor: { type: 'string' } }, required: ['toString'] });
    expect(check({}).map(({ keyword }) => keyword)).toEqual(['required']);
    expect(check({ constructor: 1, toString: 1 }).map(({ keyword }) => keyword)).toEqual(['type']);
  });

  it('knows the formats, and passes over those that nobody knows', () => {
    const check = checkOf({
      properties: { a: { format: 'uri' }, b: { format: 'email' }, c: { format: 'made-up' } },
    });
    expect(check({ a: 'x', b: 'x', c: 'x' }).map(({ instancePath }) => instancePath)).toEqual(['/a', '/b']);
  });

  it('fills defaults and finds annotated places', () => {
    const schema = compileSchema({
      properties: { a: { default: 1, 'x-secret': true }, b: { default: 2, 'x-restart-required': true } },
    });
    const document = schema.fillDefaults({});
    expect(document).toEqual({ a: 1, b: 2 });
    expect([schema.secrets.within(document), schema.restartRequired.within(document)]).toEqual([['/a'], ['/b']]);
  });

  it.each<[string, JsonObject, string]>([
    ['a type that does not exist', { type: 'nope' }, '/type must be one or several of null, boolean'],
    ['a reference to itself without end', { $ref: '#' }, 'refers to itself without end'],
    ['a reference that leads nowhere', { $ref: '#/$defs/none' }, 'may only refer to its own parts'],
    ['a reference that is no address', { $defs: { a: { $ref: '#/%zz' } } }, 'URI malformed'],
    ['a pattern that is none', { properties: { a: { pattern: '(' } } }, 'Invalid regular expression'],
    ['another draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, 'draft-07'],
    ['more than 256 KiB', { description: 'ü'.repeat(131_100) }, 'a schema of 262218 bytes is over the limit of 262144'],
  ])('refuses %s', (_, schema, message) => {
    expect(refused(schema)).toMatchObject({ code: 'document_invalid', message: expect.stringContaining(message) });
  });

  it('refuses a chain of references that would end the process', () => {
    const $defs: Record<string, JsonObject> = { c5000: {} };
    for (let i = 0; i < 5000; i += 1) $defs[`c${i}`] = { $ref: `#/$defs/c${i + 1}` };
    expect(refused({ $ref: '#/$defs/c0', $defs })).toMatchObject({ code: 'document_invalid' });
  });

  it('compiles thousands of settings', () => {
    const properties = Object.fromEntries(
      Array.from({ length: 4000 }, (_, i) => [`s${i}`, { type: 'string', default: '' }]),
    );
    const schema = compileSchema({ properties });
    expect(schema.evaluate({ ...schema.fillDefaults({}), s7: 1 })?.errors).toHaveLength(1);
  });
});
