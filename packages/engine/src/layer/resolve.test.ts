import { isJsonObject, type JsonObject, type JsonValue } from '@setpoint/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileSchema } from '../schema/schema.ts';
import { resolve } from './resolve.ts';
import { parseYamlFile } from './yaml-file.ts';

const by = { author: 'ann', reason: '', version: 1, at: '2026-06-01T00:00:00.000Z' };
const parsed = parseYamlFile('a: 1\ns:\n  b: 1\n  l: [1, 2]\nhidden: 1\n', 'api.yaml');
if (parsed.kind === 'faults') throw new Error('the file is good');
const file = parsed.layer;
const layers = [file];
const schema = compileSchema({ properties: { d: { default: 5 }, s: { properties: { e: { default: 6 } } } } });
const overrides = [
  { pointer: '/s/b', value: 2, ...by },
  { pointer: '/s/new', value: { x: 1 }, ...by },
  { pointer: '/hidden', ...by },
];

describe('resolve', () => {
  it('lays defaults, the file and the runtime layer over one another', () => {
    expect(resolve({ schema, layers, overrides }).values).toEqual({
      a: 1,
      s: { b: 2, l: [1, 2], new: { x: 1 }, e: 6 },
      d: 5,
    });
  });

  it('is empty where there is nothing', () => {
    expect(resolve({ schema: undefined, layers: [], overrides: [] }).values).toEqual({});
  });

  it('keeps the identity of what nothing is laid over', () => {
    expect(resolve({ schema: undefined, layers, overrides: [] }).values).toBe(file.document);
    expect(resolve({ schema, layers, overrides }).values.s).not.toBe(file.document.s);
  });

  it('merges sections, replaces anything else, and keeps the identity of every part that no setting touches', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'constructor', '0');
    const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.integer(),
        fc.array(tie('value'), { maxLength: 2 }),
        fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
      ),
    }));
    const document = fc.dictionary(name, value, { noNullPrototype: true });
    const pointer = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`);
    fc.assert(
      fc.property(document, pointer, value, (content, at, set) => {
        const layered = { ...file, document: content };
        const { values } = resolve({
          schema: undefined,
          layers: [layered],
          overrides: [{ pointer: at, value: set, ...by }],
        });
        let [before, after]: (JsonValue | undefined)[] = [content, values];
        for (const token of at.slice(1).split('/')) {
          const from: JsonObject = isJsonObject(before) ? before : {};
          const to = after as JsonObject;
          const others = Object.keys(to).filter((key) => key !== token);
          expect(others.sort()).toEqual(
            Object.keys(from)
              .filter((key) => key !== token)
              .sort(),
          );
          for (const key of others) expect(to[key]).toBe(from[key]);
          before = Object.hasOwn(from, token) ? from[token] : undefined;
          after = to[token];
        }
        expect(after).toBe(set);
      }),
    );
  });

  it('does not mix up what it remembers', () => {
    const other = { ...file, document: { z: 1 } };
    expect(resolve({ schema, layers, overrides: [] }).values).toMatchObject({ a: 1, d: 5 });
    expect(resolve({ schema: undefined, layers, overrides: [] }).values).not.toHaveProperty('d');
    expect(resolve({ schema, layers: [other], overrides }).values).toEqual({
      z: 1,
      s: { b: 2, new: { x: 1 }, e: 6 },
      d: 5,
    });
    expect(resolve({ schema, layers, overrides }).values).toMatchObject({ a: 1 });
    expect(resolve({ schema, layers: [], overrides: [] }).values).toEqual({ d: 5 });
  });

  it.each<[string, object | undefined]>([
    ['/a', { value: 1, layer: 'yaml_file', place: { file: 'api.yaml', line: 1 } }],
    [
      '',
      {
        value: { a: 1, s: { b: 2, l: [1, 2], new: { x: 1 }, e: 6 }, d: 5 },
        layer: 'yaml_file',
        place: { file: 'api.yaml', line: 1 },
      },
    ],
    ['/s/l/1', { value: 2, layer: 'yaml_file', place: { file: 'api.yaml', line: 4 } }],
    ['/s/b', { value: 2, layer: 'runtime_update', override: overrides[0] }],
    ['/s/new/x', { value: 1, layer: 'runtime_update', override: overrides[1] }],
    ['/d', { value: 5, layer: 'default' }],
    ['/s/e', { value: 6, layer: 'default' }],
    ['/hidden', undefined],
    ['/nothing', undefined],
  ])('knows where %j comes from', (pointer, origin) => {
    expect(resolve({ schema, layers, overrides }).origin(pointer)).toEqual(origin);
  });
});
