import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createShape } from './shape.ts';
import { findUnknownKeys } from './unknown-keys.ts';

const shapes = (...schemas: JsonObject[]) => schemas.map((schema) => createShape(schema, true));
const unknown = (schema: JsonObject, document: JsonObject): string[] =>
  findUnknownKeys(shapes(schema), document).map(({ pointer }) => pointer);

describe('findUnknownKeys', () => {
  it('tells the name that is near, and what is known', () => {
    expect(findUnknownKeys(shapes({ properties: { threshold: {}, gain: {} } }), { treshold: 0.5, colour: 1 })).toEqual([
      {
        pointer: '/treshold',
        message: 'is not a known setting; did you mean "threshold"?',
        expected: 'one of gain, threshold',
        suggestion: 'threshold',
      },
      { pointer: '/colour', message: 'is not a known setting', expected: 'one of gain, threshold' },
    ]);
  });

  it.each<[string, JsonObject, JsonObject, string[]]>([
    ['in a section', { properties: { s: { properties: { a: {} } } } }, { s: { b: 1 } }, ['/s/b']],
    [
      'in items',
      { properties: { l: { items: { properties: { a: {} } } } } },
      { l: [{ b: 1 }, 5, { a: 1 }] },
      ['/l/0/b'],
    ],
    ['in a map', { additionalProperties: { properties: { a: {} } } }, { x: { b: 1 } }, ['/x/b']],
    [
      'by a name that objects have',
      { properties: { a: {} } },
      { constructor: 1, toString: 2 },
      ['/constructor', '/toString'],
    ],
    ['with an odd name', { properties: { a: {} } }, { '': 1, 'x/y': 2 }, ['/', '/x~1y']],
    ['where nothing says of names', { type: 'object' }, { a: 1 }, []],
    ['where any may follow', { properties: { a: {} }, additionalProperties: true }, { b: 1 }, []],
    ['where such may follow', { properties: { a: {} }, additionalProperties: { type: 'number' } }, { b: 1 }, []],
    ['where others are let through last', { properties: { a: {} }, unevaluatedProperties: true }, { b: 1 }, []],
    ['where a pattern knows it', { properties: { a: {} }, patternProperties: { '^b': {} } }, { b1: 1, c: 1 }, ['/c']],
    [
      'where an alternative knows it',
      { properties: { a: {} }, anyOf: [{ properties: { b: {} } }] },
      { b: 1, c: 1 },
      ['/c'],
    ],
    ['where a condition knows it', { properties: { a: {} }, else: { properties: { b: {} } } }, { b: 1, c: 1 }, ['/c']],
    ['where another part knows it', { properties: { a: {} }, allOf: [{ properties: { b: {} } }] }, { a: 1, b: 1 }, []],
    ['in what may be anything', { properties: { a: true } }, { a: { b: { c: 1 } } }, []],
    ['in a section that is a text here', { properties: { s: { properties: { a: {} } } } }, { s: 'b' }, []],
  ])('looks %s', (_, schema, document, found) => {
    expect(unknown(schema, document)).toEqual(found);
  });

  it('knows what several schemas know together', () => {
    const two = shapes(
      { properties: { a: {}, s: { properties: { x: {} } } } },
      { properties: { b: {}, s: { properties: { y: {} } } } },
    );
    const faults = findUnknownKeys(two, { a: 1, b: 1, c: 1, s: { x: 1, y: 1, z: 1 } });
    expect(faults.map(({ pointer, expected }) => [pointer, expected])).toEqual([
      ['/c', 'one of a, b, s'],
      ['/s/z', 'one of x, y'],
    ]);
  });

  it('is open where one of several schemas is', () => {
    expect(findUnknownKeys(shapes({ properties: { a: {} } }, { additionalProperties: true }), { b: 1 })).toEqual([]);
  });
});
