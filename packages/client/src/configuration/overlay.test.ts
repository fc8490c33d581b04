import { readPointer } from '@setpoint/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overlay } from './overlay.ts';

const document = { log: { level: 'info', file: 'a' }, list: [1, { n: 2 }], plain: 3 };

describe('values laid over a document', () => {
  it.each<[string, string, object]>([
    ['a member', '/plain', { ...document, plain: 'new' }],
    ['a member of a member', '/log/level', { ...document, log: { level: 'new', file: 'a' } }],
    ['an item of a list', '/list/0', { ...document, list: ['new', { n: 2 }] }],
    ['a member of an item', '/list/1/n', { ...document, list: [1, { n: 'new' }] }],
    ['no item of a list that is shorter', '/list/7', document],
    ['a place of which nothing is there', '/a/b', { ...document, a: { b: 'new' } }],
    ['a place below what is no object', '/plain/x', { ...document, plain: { x: 'new' } }],
    ['a member that every object inherits', '/toString', { ...document, toString: 'new' }],
  ])('an overlay value replaces %s', (_, pointer, expected) => {
    expect(overlay(document, new Map([[pointer, 'new']]))).toEqual(expected);
  });

  it('an overlay leaves the document itself as it is', () => {
    const before = structuredClone(document);
    overlay(document, new Map([['/log/level', 'debug']]));
    expect(document).toEqual(before);
    expect(overlay(document, new Map())).toBe(document);
  });

  it('overlay values are laid in their order, and nothing else changes', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const place = fc.array(name, { minLength: 1, maxLength: 3 }).map((tokens) => `/${tokens.join('/')}`);
    fc.assert(
      fc.property(fc.dictionary(name, fc.dictionary(name, fc.nat())), place, fc.nat(), (values, pointer, value) => {
        const result = overlay(values, new Map([[pointer, value]]));
        expect(readPointer(result, pointer)).toBe(value);
        const [, top = ''] = pointer.split('/');
        const others = Object.keys(values).filter((key) => key !== top);
        for (const key of others) expect(result[key]).toBe(values[key]);
      }),
    );
  });
});
