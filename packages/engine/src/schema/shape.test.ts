import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createShape, type Shape } from './shape.ts';

const titles = (shape: Shape | undefined): unknown => shape?.parts.map(({ title }) => title);

describe('createShape', () => {
  const schema: JsonObject = {
    title: 'root',
    properties: { a: { title: 'a' }, self: { $ref: '#' }, free: true, never: false },
    patternProperties: { '^[ab]': { title: 'ab' }, '^x-': { title: 'x' } },
    additionalProperties: { title: 'rest' },
    allOf: [{ properties: { a: { title: 'also a' }, b: { title: 'b' } } }],
  };
  const shape = createShape(schema, true);

  it('knows the names that are declared', () => {
    expect(shape.names).toEqual(['a', 'self', 'free', 'never', 'b']);
  });

  it.each([
    ['a', ['a', 'ab', 'also a']],
    ['b', ['ab', 'b']],
    ['x-1', ['x']],
    ['other', ['rest']],
    ['constructor', ['rest']],
    ['free', []],
    ['never', []],
  ])('finds what is said of %s', (name, found) => {
    expect(titles(shape.member(name))).toEqual(found);
  });

  it('gives the same shape for the same place of a schema that leads back to itself', () => {
    const inner = shape.member('self')?.member('self');
    expect(inner).toBe(shape.member('self'));
    expect(titles(inner?.member('a'))).toEqual(['a', 'ab', 'also a']);
  });

  it('says nothing of members where nothing is said', () => {
    expect(createShape({ type: 'object' }, true).member('a')).toBeUndefined();
    expect(createShape({ additionalProperties: true }, true).member('a')).toBeUndefined();
  });

  it('finds what is said of members that nothing else looks at', () => {
    expect(titles(createShape({ unevaluatedProperties: { title: 'u' } }, true).member('a'))).toEqual(['u']);
  });

  it.each<[string, JsonObject, number, unknown]>([
    ['every item', { items: { title: 'i' } }, 3, ['i']],
    ['the first items', { prefixItems: [{ title: 'p' }], items: { title: 'i' } }, 0, ['p']],
    ['the items after the first', { prefixItems: [{ title: 'p' }], items: { title: 'i' } }, 1, ['i']],
    ['an item that may be anything', { prefixItems: [true] }, 0, undefined],
    ['an item that some item is like', { contains: { title: 'c' } }, 0, ['c']],
    ['items that nothing else looks at', { unevaluatedItems: { title: 'u' } }, 0, ['u']],
    ['no item', {}, 0, undefined],
  ])('finds what is said of %s', (_, list, index, found) => {
    expect(titles(createShape(list, true).item(index))).toEqual(found);
  });

  it('leaves out alternatives where only what always holds is asked for', () => {
    const union: JsonObject = { anyOf: [{ properties: { a: {} } }], properties: { b: {} } };
    expect(createShape(union, true).names).toEqual(['b', 'a']);
    expect(createShape(union, false).names).toEqual(['b']);
  });
});
