import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { expandSchemas, findHolders, refuseForeignReferences, schemasWithin } from './schema-walk.ts';

describe('expandSchemas', () => {
  const root: JsonObject = {
    $defs: { a: { title: 'a', allOf: [{ $ref: '#/$defs/b' }, true] }, b: { title: 'b' }, list: [{ title: 'item' }] },
  };
  const titles = (schema: JsonObject, alternatives: boolean): unknown[] =>
    expandSchemas(root, [schema], alternatives).flatMap(({ title }) => title ?? []);

  it('follows references and what holds together', () => {
    expect(titles({ title: 'self', $ref: '#/$defs/a' }, false)).toEqual(['self', 'a', 'b']);
  });

  it('follows a reference into a list', () => {
    expect(titles({ $ref: '#/$defs/list/0' }, false)).toEqual(['item']);
  });

  it('takes in what may hold only where it is asked for', () => {
    const schema = {
      anyOf: [{ title: 'any' }],
      oneOf: [{ title: 'one' }],
      // As text: an object literal with a member "then" looks like a promise.
      ...JSON.parse('{"if":{"title":"if"},"then":{"title":"then"},"else":{"title":"else"}}'),
      dependentSchemas: { x: { title: 'dependent' } },
    };
    expect(titles(schema, true)).toEqual(['any', 'one', 'if', 'then', 'else', 'dependent']);
    expect(titles(schema, false)).toEqual([]);
  });

  it('ends where a schema leads back to itself', () => {
    const loop: JsonObject = { title: 'loop', $ref: '#', allOf: [{ $ref: '#' }] };
    expect(expandSchemas(loop, [loop], true)).toHaveLength(2);
  });

  it('does not follow what leads out of the schema or nowhere', () => {
    for (const $ref of ['#/$defs/none', '#anchor', 'https://example.com/s', '#/constructor', '#/$defs/a/title']) {
      expect(titles({ title: 'self', $ref }, true)).toEqual(['self']);
    }
  });
});

describe('schemasWithin', () => {
  it('finds schemas at every place where one may stand', () => {
    const at = (title: string): JsonObject => ({ title });
    const schema: JsonObject = {
      $defs: { a: at('$defs') },
      definitions: { a: at('definitions') },
      properties: { a: at('properties'), b: true },
      patternProperties: { a: at('patternProperties') },
      additionalProperties: at('additionalProperties'),
      unevaluatedProperties: at('unevaluatedProperties'),
      propertyNames: at('propertyNames'),
      items: at('items'),
      prefixItems: [at('prefixItems')],
      contains: at('contains'),
      unevaluatedItems: at('unevaluatedItems'),
      allOf: [at('allOf')],
      anyOf: [at('anyOf')],
      not: at('not'),
      default: at('default'),
      enum: [at('enum')],
    };
    const titles = [...schemasWithin(schema, [schema])].flatMap(({ title }) => title ?? []);
    expect(titles.sort()).toEqual([
      '$defs',
      'additionalProperties',
      'allOf',
      'anyOf',
      'contains',
      'definitions',
      'items',
      'not',
      'patternProperties',
      'prefixItems',
      'properties',
      'propertyNames',
      'unevaluatedItems',
      'unevaluatedProperties',
    ]);
  });
});

describe('findHolders', () => {
  it('finds the marked schemas and all that lead to them', () => {
    const marked = { 'x-secret': true };
    const schema: JsonObject = { properties: { a: { items: { $ref: '#/$defs/s' } }, b: {} }, $defs: { s: marked } };
    const { a, b } = schema.properties as { a: JsonObject; b: JsonObject };
    const holders = findHolders(schema, 'x-secret');
    expect([schema, a, b, marked].map((part) => holders.has(part))).toEqual([true, true, false, true]);
  });

  it('takes nothing but true for a mark', () => {
    expect(findHolders({ 'x-secret': 'true' }, 'x-secret').size).toBe(0);
  });

  it('ends in a moment where every level refers twice to the next', () => {
    const $defs: Record<string, JsonObject> = { d60: { 'x-secret': true } };
    for (let i = 0; i < 60; i += 1) {
      const next = { $ref: `#/$defs/d${i + 1}` };
      $defs[`d${i}`] = { properties: { l: next, r: { ...next } } };
    }
    const root: JsonObject = { $ref: '#/$defs/d0', $defs };
    expect(findHolders(root, 'x-secret').has(root)).toBe(true);
  });
});

describe('refuseForeignReferences', () => {
  it.each<[string, JsonObject]>([
    ['an anchor', { properties: { a: { $ref: '#name' } }, $defs: { x: { $anchor: 'name' } } }],
    ['another document', { $ref: 'https://example.com/s.json' }],
    ['a place that is not there', { $ref: '#/$defs/none' }],
    ['a dynamic reference', { $dynamicRef: '#x' }],
    ['an $id inside', { properties: { a: { $id: 'https://example.com/a' } } }],
    ['an $id in what nobody refers to', { $defs: { a: { $id: 'https://example.com/a' } } }],
  ])('refuses %s', (_, schema) => {
    expect(() => refuseForeignReferences(schema)).toThrow(
      'not a schema that can be followed: a schema may only refer to its own parts, by "#/…", and have no $id inside',
    );
  });

  it.each<[string, JsonObject]>([
    ['its own parts', { properties: { a: { $ref: '#' }, b: { $ref: '#/$defs/a%25b' } }, $defs: { 'a%b': {} } }],
    ['a setting that is named like a keyword', { properties: { $id: { type: 'string' }, $ref: { type: 'string' } } }],
    ['examples and defaults that look like references', { default: { $ref: '#x' }, examples: [{ $ref: '#x' }] }],
  ])('accepts %s', (_, schema) => {
    expect(() => refuseForeignReferences(schema)).not.toThrow();
  });
});
