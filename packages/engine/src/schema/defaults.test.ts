import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createFiller } from './defaults.ts';

describe('createFiller', () => {
  it.each<[string, JsonObject, JsonObject, JsonObject]>([
    ['a member', { properties: { a: { default: 1 } } }, {}, { a: 1 }],
    ['null', { properties: { a: { default: null } } }, {}, { a: null }],
    ['not over a value', { properties: { a: { default: 1 } } }, { a: 2 }, { a: 2 }],
    ['not over null', { properties: { a: { default: 1 } } }, { a: null }, { a: null }],
    ['inside a section', { properties: { s: { properties: { a: { default: 1 } } } } }, { s: {} }, { s: { a: 1 } }],
    ['not in a section that may be left out', { properties: { s: { properties: { a: { default: 1 } } } } }, {}, {}],
    [
      'in a required section that is missing',
      { required: ['s'], properties: { s: { type: 'object', properties: { a: { default: 1 } } } } },
      {},
      { s: { a: 1 } },
    ],
    ['nothing for a required setting', { required: ['a'], properties: { a: { type: 'string' } } }, {}, {}],
    [
      'a section that is given, and then within it',
      { properties: { s: { default: { b: 2 }, properties: { a: { default: 1 } } } } },
      {},
      { s: { b: 2, a: 1 } },
    ],
    [
      'a section that is there: not from its default',
      { properties: { s: { default: { b: 2 } } } },
      { s: {} },
      { s: {} },
    ],
    [
      'items',
      { properties: { l: { items: { properties: { a: { default: 1 } } } } } },
      { l: [{}, 5, null] },
      { l: [{ a: 1 }, 5, null] },
    ],
    [
      'one of the first items',
      { properties: { l: { prefixItems: [{}, { properties: { a: { default: 1 } } }] } } },
      { l: [{}, {}] },
      { l: [{}, { a: 1 }] },
    ],
    ['members of a map', { additionalProperties: { properties: { a: { default: 1 } } } }, { x: {} }, { x: { a: 1 } }],
    [
      'by pattern',
      { patternProperties: { '^x': { properties: { a: { default: 1 } } } } },
      { x: {}, y: {} },
      { x: { a: 1 }, y: {} },
    ],
    ['by reference', { properties: { a: { $ref: '#/$defs/d' } }, $defs: { d: { default: 1 } } }, {}, { a: 1 }],
    ['by what holds together', { allOf: [{ properties: { a: { default: 1 } } }] }, {}, { a: 1 }],
    [
      'the nearest of several',
      { properties: { a: { default: 1, $ref: '#/$defs/d' } }, $defs: { d: { default: 2 } } },
      {},
      { a: 1 },
    ],
    ['not by alternatives', { anyOf: [{ properties: { a: { default: 1 } } }] }, {}, {}],
    ['names that objects have', { properties: { constructor: { default: 1 }, toString: {} } }, {}, { constructor: 1 }],
    [
      'a value of another kind stays',
      { properties: { s: { properties: { a: { default: 1 } } } } },
      { s: 'text' },
      { s: 'text' },
    ],
  ])('fills %s', (_, schema, document, filled) => {
    expect(createFiller(schema)(document)).toEqual(filled);
  });

  it('keeps the identity of what needs nothing', () => {
    const fill = createFiller({
      properties: {
        s: { properties: { a: { default: 1 } } },
        t: { properties: { a: { default: 1 } } },
        l: { items: {} },
      },
    });
    const complete = { s: { a: 2 }, t: { a: 3 }, l: [{}] };
    expect(fill(complete)).toBe(complete);
    const partly = { s: { a: 2 }, t: {}, l: [{}] };
    const filled = fill(partly);
    expect(filled.s).toBe(partly.s);
    expect(filled.l).toBe(partly.l);
    expect(partly).toEqual({ s: { a: 2 }, t: {}, l: [{}] });
  });

  it('ends where a schema requires itself, or is its own default', () => {
    const required: JsonObject = {
      type: 'object',
      required: ['l', 'r'],
      properties: { l: { $ref: '#' }, r: { $ref: '#' } },
    };
    expect(JSON.stringify(createFiller(required)({})).length).toBeLessThan(200);
    const given: JsonObject = { properties: { l: { $ref: '#', default: {} } } };
    expect(createFiller(given)({})).toEqual({ l: { l: {} } });
  });

  it('fills twice as once', () => {
    const fill = createFiller({ properties: { s: { default: {}, properties: { a: { default: { b: 1 } } } } } });
    expect(fill(fill({}))).toEqual({ s: { a: { b: 1 } } });
  });
});
