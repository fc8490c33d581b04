import {
  isEqualJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
  readPointer,
} from '@setpoint/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leavesOf } from '../document/leaf-settings.ts';
import { createOverlapTest } from '../document/overlap.ts';
import { compileSchema } from '../schema/schema.ts';
import { mergeObjects } from './compose.ts';
import type { Layer, SourceName } from './layer.ts';
import { type Override, writeSettings } from './overrides.ts';
import { resolve } from './resolve.ts';

const name = fc.constantFrom('a', 'b', 'c', '0', 'constructor');
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer({ min: 0, max: 3 }),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const document = fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true }) as fc.Arbitrary<JsonObject>;
const pointer = fc.array(name, { minLength: 1, maxLength: 2 }).map((names) => `/${names.join('/')}`);

const by = { author: 'ann', reason: '', version: 1, at: '2026-06-01T00:00:00.000Z' };
const override = fc
  .record({ pointer, value: fc.option(value, { nil: undefined }) })
  .map(({ pointer: at, value: set }): Override => ({ pointer: at, ...(set !== undefined && { value: set }), ...by }));
/** None lies in another, as the engine has them. */
const overrides = fc
  .array(override, { maxLength: 3 })
  .map((all) =>
    all.filter(({ pointer: at }, i) => !createOverlapTest(all.slice(0, i).map((other) => other.pointer))(at)),
  );

const layerNames: readonly SourceName[] = ['yaml_file', 'env_file', 'environment', 'cli_argument'];
const layerOf = (layer: SourceName, content: JsonObject): Layer => ({
  name: layer,
  document: content,
  author: layer,
  locate: () => ({ name: layer }),
});
const layers = fc
  .tuple(...layerNames.map((each) => fc.option(document, { nil: undefined }).map((content) => ({ each, content }))))
  .map((all) => all.flatMap(({ each, content }) => (content ? [layerOf(each, content)] : [])));

const open = { additionalProperties: true };
const schemas = [
  undefined,
  compileSchema({ ...open, properties: { a: { default: 9 }, b: { ...open, properties: { c: { default: 8 } } } } }),
  compileSchema({ ...open, properties: { c: { ...open, default: { a: 1, b: 2 } } } }),
];

describe('any layers', () => {
  it('Layer-11-Winner-Is-Value: resolve to what the highest of them says, leaf by leaf', () => {
    fc.assert(
      fc.property(fc.constantFrom(...schemas), layers, overrides, (schema, given, set) => {
        const resolved = resolve({ schema, layers: given, overrides: set });
        for (const leaf of leavesOf(resolved.values)) {
          const [winner, ...beneath] = resolved.origins(leaf.pointer);
          expect(winner).toBeDefined();
          expect(isEqualJson(winner?.value, leaf.value)).toBe(true);
          // What is said to win does say so.
          const said = saidBy(winner?.layer, leaf.pointer, given, set);
          if (winner?.layer !== 'default' && !isJsonObject(leaf.value)) expect(said).toEqual(leaf.value);
          const names = [winner, ...beneath].map((origin) => origin?.layer);
          expect(new Set(names).size).toBe(names.length);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('make the same document whether put together one by one or at once', () => {
    fc.assert(
      fc.property(layers, overrides, (given, set) => {
        const beneath = given.filter((layer) => layer.name !== 'cli_argument');
        const above = given.filter((layer) => layer.name === 'cli_argument');
        const merged = beneath.reduce<JsonObject>((lower, layer) => mergeObjects(lower, layer.document), {});
        const wanted = above.reduce((lower, layer) => mergeObjects(lower, layer.document), writeSettings(merged, set));
        expect(resolve({ schema: undefined, layers: given, overrides: set }).values).toEqual(wanted);
      }),
    );
  });
});

function saidBy(
  layer: string | undefined,
  at: Pointer,
  given: readonly Layer[],
  set: readonly Override[],
): JsonValue | undefined {
  if (layer === 'runtime_update') return readPointer(writeSettings({}, set), at);
  return readPointer(given.find((one) => one.name === layer)?.document ?? {}, at);
}

describe('merging', () => {
  /** Of one shape, so that no value meets a section. */
  const leaf = fc.oneof(fc.integer(), fc.array(fc.integer(), { maxLength: 2 }));
  const shaped = fc.record(
    {
      a: leaf,
      s: fc.record({ b: leaf, t: fc.record({ c: leaf }, { requiredKeys: [] }) }, { requiredKeys: [] }),
    },
    { requiredKeys: [], noNullPrototype: true },
  ) as fc.Arbitrary<JsonObject>;

  it('may be done in any grouping where documents are of one shape', () => {
    fc.assert(
      fc.property(shaped, shaped, shaped, (a, b, c) => {
        expect(mergeObjects(mergeObjects(a, b), c)).toEqual(mergeObjects(a, mergeObjects(b, c)));
      }),
    );
  });

  it('changes nothing with nothing, or with itself', () => {
    fc.assert(
      fc.property(document, (a) => {
        expect(mergeObjects(a, {})).toBe(a);
        expect(mergeObjects({}, a)).toEqual(a);
        expect(mergeObjects(a, a)).toEqual(a);
      }),
    );
  });
});
