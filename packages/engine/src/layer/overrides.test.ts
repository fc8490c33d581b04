import type { JsonObject, JsonValue, Pointer } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { compileSchema } from '../schema/schema.ts';
import {
  deriveOverrides,
  type Override,
  readMergePatch,
  readSetting,
  type Setting,
  writeSettings,
} from './overrides.ts';

const by = { author: 'ann', reason: '', version: 7, at: '2026-06-01T00:00:00.000Z' };
const bob = { author: 'bob', reason: 'before', version: 3, at: '2026-05-01T00:00:00.000Z' };

describe('writeSettings', () => {
  it.each<[string, JsonObject, Setting[], JsonObject]>([
    ['sets a member', { a: 1 }, [{ pointer: '/b', value: 2 }], { a: 1, b: 2 }],
    ['sets deep, and makes the way', {}, [{ pointer: '/a/b/c', value: 1 }], { a: { b: { c: 1 } } }],
    ['makes a section of what was a value', { a: 5 }, [{ pointer: '/a/b', value: 1 }], { a: { b: 1 } }],
    ['makes a section of what was a list', { a: [1, 2] }, [{ pointer: '/a/0', value: 1 }], { a: { '0': 1 } }],
    ['takes away', { a: { b: 1, c: 2 } }, [{ pointer: '/a/b' }], { a: { c: 2 } }],
    ['takes away nothing where there is nothing', { a: 1 }, [{ pointer: '/b/c' }], { a: 1 }],
    ['takes nothing out of a list', { a: [1] }, [{ pointer: '/a/0' }], { a: [1] }],
    ['takes away nothing that objects have', {}, [{ pointer: '/toString' }], {}],
    ['sets null', { a: 1 }, [{ pointer: '/a', value: null }], { a: null }],
    ['sets the whole', { a: 1 }, [{ pointer: '', value: { b: 1 } }], { b: 1 }],
    ['takes the whole away', { a: 1 }, [{ pointer: '' }], {}],
    [
      'writes in order',
      {},
      [
        { pointer: '/a', value: { b: 1 } },
        { pointer: '/a/c', value: 2 },
      ],
      { a: { b: 1, c: 2 } },
    ],
    [
      'knows odd names',
      {},
      [
        { pointer: '/~1/~0/', value: 1 },
        { pointer: '/constructor/x', value: 2 },
      ],
      { '/': { '~': { '': 1 } }, constructor: { x: 2 } },
    ],
  ])('%s', (_, document, settings, written) => {
    expect(writeSettings(document, settings)).toEqual(written);
  });

  it('shares what it does not touch, and changes nothing that it was given', () => {
    const document = { a: { b: { c: 1 }, d: { e: 1 } }, f: {} };
    const value = { x: 1 };
    const settings = [
      { pointer: '/a/b/c', value: 2 },
      { pointer: '/g', value },
      { pointer: '/g/y', value: 3 },
    ];
    const written = writeSettings(document, settings) as typeof document & { g: object };
    expect(written).toEqual({ a: { b: { c: 2 }, d: { e: 1 } }, f: {}, g: { x: 1, y: 3 } });
    expect(written.a.d).toBe(document.a.d);
    expect(written.f).toBe(document.f);
    expect(document.a.b.c).toBe(1);
    expect(value).toEqual({ x: 1 });
    expect(writeSettings(document, [])).toBe(document);
    expect(writeSettings(document, [{ pointer: '/none' }])).toBe(document);
  });
});

describe('readSetting', () => {
  it.each([
    ['', { a: { b: [1] } }],
    ['/a/b', [1]],
    ['/a/b/0', undefined],
    ['/a/c', undefined],
    ['/a/constructor', undefined],
    ['/a/b/length', undefined],
  ])('reads %j', (pointer, value) => {
    expect(readSetting({ a: { b: [1] } }, pointer)).toEqual(value);
  });
});

describe('readMergePatch', () => {
  it('tells what is set from what is given back', () => {
    expect(readMergePatch({ a: 1, b: { c: null, d: [null], e: {} }, f: null })).toEqual({
      set: [
        { pointer: '/a', value: 1 },
        { pointer: '/b/d', value: [null] },
        { pointer: '/b/e', value: {} },
      ],
      unset: ['/b/c', '/f'],
    });
  });

  it('finds nothing in an empty patch', () => {
    expect(readMergePatch({})).toEqual({ set: [], unset: [] });
  });
});

interface Case {
  readonly file?: JsonObject;
  readonly schema?: JsonObject;
  readonly overrides?: readonly Override[];
  readonly target: JsonObject;
  readonly pinned?: readonly Pointer[];
}

function derive({ file = {}, schema = {}, overrides = [], target, pinned = [] }: Case): Override[] {
  const { fillDefaults } = compileSchema(schema);
  const resolve = (layer: readonly Override[]): JsonObject => fillDefaults(writeSettings(file, layer));
  return deriveOverrides({
    beneath: file,
    present: resolve(overrides),
    overrides,
    target,
    pinned,
    by,
    fillDefaults,
    resolve,
  });
}

const set = (pointer: Pointer, value: JsonValue): Override => ({ pointer, value, ...by });
const hidden = (pointer: Pointer): Override => ({ pointer, ...by });
const wholeDefault = { properties: { limits: { default: { cpu: 2, memory: 4 } } } };

describe('deriveOverrides', () => {
  it.each<[string, Case, Override[]]>([
    [
      'sets only what differs',
      { file: { a: 1, s: { b: 1, c: 1 } }, target: { a: 1, s: { b: 2, c: 1 } } },
      [set('/s/b', 2)],
    ],
    ['sets leaf by leaf', { target: { s: { a: 1, b: { c: 2 } } } }, [set('/s/a', 1), set('/s/b/c', 2)]],
    ['sets a list as a whole', { file: { l: [1, 2] }, target: { l: [1, 3] } }, [set('/l', [1, 3])]],
    ['sets an empty section', { target: { s: {} } }, [set('/s', {})]],
    ['sets a section where a value was', { file: { s: 5 }, target: { s: { a: 1 } } }, [set('/s/a', 1)]],
    ['sets an empty section where a list was', { file: { s: [1] }, target: { s: {} } }, [set('/s', {})]],
    ['sets a value where a section was', { file: { s: { a: 1 } }, target: { s: 5 } }, [set('/s', 5)]],
    ['sets what a list has under the same name', { file: { s: [1] }, target: { s: { '0': 1 } } }, [set('/s/0', 1)]],
    ['hides what the file says', { file: { a: 1, s: { b: 1 } }, target: { s: {} } }, [hidden('/a'), hidden('/s/b')]],
    ['hides a member that objects have, too', { file: { constructor: 1 }, target: {} }, [hidden('/constructor')]],
    [
      'hides what the file says over a default',
      { file: { a: 1 }, schema: { properties: { a: { default: 2 } } }, target: {} },
      [hidden('/a')],
    ],
    ['does not set what comes by default', { schema: { properties: { a: { default: 2 } } }, target: {} }, []],
    [
      'does not set what comes by default with a new section',
      { schema: { properties: { s: { properties: { a: { default: 1 } } } } }, target: { s: { b: 1 } } },
      [set('/s/b', 1)],
    ],
    [
      'sets the rest of a section that comes by default as a whole',
      { schema: wholeDefault, target: { limits: { cpu: 3, memory: 4 } } },
      [set('/limits/cpu', 3), set('/limits/memory', 4)],
    ],
    [
      'leaves away a part of a section that comes by default as a whole',
      { schema: wholeDefault, target: { limits: { cpu: 3 } } },
      [set('/limits/cpu', 3)],
    ],
    [
      'keeps a part of a section that comes by default as a whole',
      { schema: wholeDefault, target: { limits: { memory: 4 } } },
      [set('/limits/memory', 4)],
    ],
    ['empties a section that comes by default', { schema: wholeDefault, target: { limits: {} } }, [set('/limits', {})]],
    ['pins what the file says too', { file: { a: 1 }, target: { a: 1 }, pinned: ['/a', '/a'] }, [set('/a', 1)]],
    ['pins no section that has settings', { file: { s: { a: 1 } }, target: { s: { a: 1 } }, pinned: ['/s'] }, []],
    ['pins an empty section', { file: { s: {} }, target: { s: {} }, pinned: ['/s'] }, [set('/s', {})]],
    ['pins nothing where nothing is', { target: {}, pinned: ['/a'] }, []],
    [
      'pins a part of a section that comes by default, with the rest',
      { schema: wholeDefault, target: { limits: { cpu: 2, memory: 4 } }, pinned: ['/limits/cpu'] },
      [set('/limits/memory', 4), set('/limits/cpu', 2)],
    ],
  ])('%s', (_, given, overrides) => {
    expect(derive(given)).toEqual(overrides);
  });

  it.each<[string, Case, Override[]]>([
    [
      'leaves what is untouched to who set it',
      { overrides: [{ ...bob, pointer: '/a', value: 1 }], target: { a: 1, b: 2 }, pinned: ['/a', '/b'] },
      [{ ...bob, pointer: '/a', value: 1 }, set('/b', 2)],
    ],
    [
      'takes over what is set anew',
      { overrides: [{ ...bob, pointer: '/a', value: 1 }], target: { a: 2 }, pinned: ['/a'] },
      [set('/a', 2)],
    ],
    [
      'keeps hidden what is untouched, also where the file says nothing now',
      { overrides: [{ ...bob, pointer: '/a' }], target: { b: 1 }, pinned: ['/a', '/b'] },
      [{ ...bob, pointer: '/a' }, set('/b', 1)],
    ],
    [
      'shows again what is set inside the hidden',
      { file: { s: { a: 1, b: 2 } }, overrides: [{ ...bob, pointer: '/s' }], target: { s: { b: 2 } }, pinned: ['/s'] },
      [hidden('/s/a')],
    ],
    [
      'hides nothing where something is set around it',
      { file: { s: 7 }, overrides: [{ ...bob, pointer: '/s/a' }], target: { s: 7 }, pinned: ['/s/a', '/s'] },
      [set('/s', 7)],
    ],
    [
      'keeps an empty section that defaults fill',
      {
        schema: { properties: { s: { properties: { a: { default: 1 } } } } },
        overrides: [{ ...bob, pointer: '/s', value: {} }],
        target: { s: { a: 1 }, b: 2 },
        pinned: ['/s', '/b'],
      },
      [{ ...bob, pointer: '/s', value: {} }, set('/b', 2)],
    ],
    [
      'needs an empty section no more where something is in it',
      { overrides: [{ ...bob, pointer: '/s', value: {} }], target: { s: { a: 1 } }, pinned: ['/s', '/s/a'] },
      [set('/s/a', 1)],
    ],
    [
      'drops what is not pinned and comes from beneath',
      { file: { a: 1 }, overrides: [{ ...bob, pointer: '/a', value: 1 }], target: { a: 1 } },
      [],
    ],
    [
      'leaves what is needed again to who set it',
      { overrides: [{ ...bob, pointer: '/a', value: 1 }], target: { a: 1 } },
      [{ ...bob, pointer: '/a', value: 1 }],
    ],
  ])('%s', (_, given, overrides) => {
    expect(derive(given)).toEqual(overrides);
  });
});
