import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createPlaces, type Places } from './annotated-places.ts';
import { createShape } from './shape.ts';

const secret = { 'x-secret': true };
/** As text: an object literal with a member "then" looks like a promise. */
const conditions =
  '{"if":{},"then":{"properties":{"a":{"x-secret":true}}},"else":{"properties":{"b":{"x-secret":true}}}}';
const placesOf = (schema: JsonObject): Places => createPlaces(schema, createShape(schema, true), 'x-secret');

const schema: JsonObject = {
  properties: {
    token: secret,
    open: { properties: { a: {} } },
    section: { ...secret, properties: { inner: secret } },
    list: { items: { properties: { key: secret } } },
    pair: { prefixItems: [{}, secret] },
    map: { additionalProperties: secret },
    named: { patternProperties: { '^k_': secret } },
    union: { anyOf: [{ type: 'string' }, { properties: { password: secret } }] },
    chosen: JSON.parse(conditions),
    tree: { $ref: '#/$defs/node' },
    'a/b': secret,
    a: { properties: { b: secret } },
    length: {},
  },
  $defs: { node: { properties: { pw: secret, left: { $ref: '#/$defs/node' }, right: { $ref: '#/$defs/node' } } } },
};
const places = placesOf(schema);

describe('the places of a document', () => {
  it.each<[string, JsonObject, string[]]>([
    ['members', { token: 1, open: { a: 1 } }, ['/token']],
    ['the outermost where one lies in another', { section: { inner: 1 } }, ['/section']],
    ['items', { list: [{ key: 1 }, {}, { key: 2, other: 3 }] }, ['/list/0/key', '/list/2/key']],
    ['one of the first items', { pair: [1, 2, 3] }, ['/pair/1']],
    ['every member of a map', { map: { x: 1, 'y/z': 2 } }, ['/map/x', '/map/y~1z']],
    ['members with such a name', { named: { k_1: 1, other: 2 } }, ['/named/k_1']],
    ['alternatives', { union: { password: 1 } }, ['/union/password']],
    ['conditions', { chosen: { a: 1, b: 2 } }, ['/chosen/a', '/chosen/b']],
    ['a schema that leads back to itself', { tree: { left: { right: { pw: 1 } } } }, ['/tree/left/right/pw']],
    ['names with a slash and nested names alike', { 'a/b': 1, a: { b: 2 } }, ['/a/b', '/a~1b']],
    ['none where values are of another kind', { section2: 1, list: 'x', map: null, tree: [1] }, []],
    ['none', {}, []],
  ])('are found: %s', (_, document, found) => {
    expect(places.within(document)).toEqual(found);
  });

  it('are none where nothing is marked', () => {
    expect(placesOf({ properties: { a: {} } }).within({ a: 1 })).toEqual([]);
  });

  it('are the whole document where that is marked', () => {
    expect(placesOf(secret).within({ a: 1 })).toEqual(['']);
  });
});

describe('a place', () => {
  it.each([
    ['/token', true],
    ['/token/inside', true],
    ['', true],
    ['/list', true],
    ['/list/7', true],
    ['/list/7/key', true],
    ['/list/7/key/deep', true],
    ['/list/7/other', false],
    ['/list/x', false],
    ['/pair/0', false],
    ['/pair/1', true],
    ['/map/any', true],
    ['/named/k_9', true],
    ['/named/z', false],
    ['/union', true],
    ['/union/password', true],
    ['/tree/left/left/left/right/pw', true],
    ['/tree/other', false],
    ['/open', false],
    ['/open/a', false],
    ['/unknown', false],
    ['/a~1b', true],
    ['/a/b', true],
  ])('%s may be or hold one: %s', (pointer, touches) => {
    expect(places.touches(pointer)).toBe(touches);
  });
});

it('answers in a moment where a schema refers twice to itself', () => {
  const twice: JsonObject = { properties: { l: { $ref: '#' }, r: { $ref: '#' }, s: secret } };
  expect(placesOf(twice).touches(`${'/l/r'.repeat(500)}/s`)).toBe(true);
});
