import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { isSecretIn } from '../schema/redact.ts';
import type { Reference } from './layer.ts';
import { findServiceCircle, followReferences, type Referred, secretReferences } from './references.ts';

const shared: Referred = {
  values: { mqtt: { host: 'broker', password: 'hunter2' } },
  isSecret: isSecretIn(['/mqtt/password']),
  refersTo: [],
};
const findService = (service: string): Referred | undefined => (service === 'shared' ? shared : undefined);
const to = (pointer: string, ...parts: Reference['parts']): Reference => ({ pointer, parts });
const own = (pointer: string) => ({ pointer });
const foreign = (pointer: string) => ({ service: 'shared', pointer });
const follow = (document: JsonObject, ...references: Reference[]) =>
  followReferences(document, references, findService);

describe('a reference', () => {
  it.each<[string, JsonObject, Reference[], JsonObject]>([
    ['takes a value over as it is', { a: 'r', b: 5 }, [to('/a', own('/b'))], { a: 5, b: 5 }],
    [
      'takes a section over, from inside a list',
      { a: ['x', { y: 'r' }], b: { c: [1] } },
      [to('/a/1/y', own('/b'))],
      { a: ['x', { y: { c: [1] } }], b: { c: [1] } },
    ],
    ['follows another one', { a: 'r', b: 'r', c: 7 }, [to('/a', own('/b')), to('/b', own('/c'))], { a: 7, b: 7, c: 7 }],
    [
      'follows one around and one within its target',
      { a: 'r', s: 'r', t: { x: 'r', y: 2 }, z: 3, all: 'r' },
      [to('/a', own('/s/x')), to('/s', own('/t')), to('/t/x', own('/z')), to('/all', own('/t'))],
      { a: 3, s: { x: 3, y: 2 }, t: { x: 3, y: 2 }, z: 3, all: { x: 3, y: 2 } },
    ],
    [
      'stands inside a text',
      { url: 'r', host: 'h', port: 1 },
      [to('/url', 'tcp://', own('/host'), ':', own('/port'))],
      { url: 'tcp://h:1', host: 'h', port: 1 },
    ],
    ['leads into another service', { a: 'r' }, [to('/a', foreign('/mqtt/host'))], { a: 'broker' }],
    ['takes null over', { a: 'r', b: null }, [to('/a', own('/b'))], { a: null, b: null }],
  ])('%s', (_, document, references, values) => {
    expect(follow(document, ...references)).toEqual({ values, faults: [] });
  });

  it.each<[string, JsonObject, Reference[], { pointer: string; message: string }[]]>([
    [
      'nothing',
      { a: 'r' },
      [to('/a', own('/b/c'))],
      [{ pointer: '/a', message: 'refers to /b/c, which there is not' }],
    ],
    [
      'another service that is not there',
      { a: 'r' },
      [to('/a', { service: 'none', pointer: '/x' })],
      [{ pointer: '/a', message: 'refers to none#/x, which there is not' }],
    ],
    [
      'itself, with the chain',
      { a: 'r', b: 'r', c: 'r', d: 'r' },
      [to('/a', own('/b')), to('/b', own('/c')), to('/c', own('/b')), to('/d', own('/a'))],
      [{ pointer: '/b', message: 'refers to itself: /b → /c → /b' }],
    ],
    [
      'what it stands in',
      { s: { a: 'r' } },
      [to('/s/a', own('/s'))],
      [{ pointer: '/s/a', message: 'refers to itself: /s/a → /s/a' }],
    ],
    [
      'a section inside a text',
      { a: 'r', s: { x: 1 } },
      [to('/a', 'x', own('/s'))],
      [{ pointer: '/a', message: 'refers to a section or a list, which can not stand inside a text' }],
    ],
  ])('is a fault where it leads to %s', (_, document, references, faults) => {
    expect(follow(document, ...references)).toEqual({ values: document, faults });
  });

  it.each(['section', 'text'])('does not grow beyond memory by a %s', (kind) => {
    const names = Array.from({ length: 40 }, (_, i) => `n${i}`);
    const document = Object.fromEntries(names.map((name) => [name, kind === 'text' ? 'r' : { x: 'r', y: 'r' }]));
    const references = names.slice(1).flatMap((name, i) => {
      const before = own(`/${names[i]}`);
      if (kind === 'text') return [to(`/${name}`, before, before)];
      return [to(`/${name}/x`, before), to(`/${name}/y`, before)];
    });
    const { faults } = follow({ ...document, n0: 'x'.repeat(20) }, ...references);
    expect(faults.map(({ message }) => message)).toContainEqual(expect.stringContaining('16777216 characters'));
  });
});

describe('a place that refers to a secret', () => {
  it('is one, however long the way', () => {
    const references = [
      to('/a', own('/b')),
      to('/b', 'x', own('/key')),
      to('/c', own('/plain')),
      to('/d', foreign('/mqtt')),
      to('/e', foreign('/mqtt/host')),
    ];
    expect(secretReferences(references, (pointer) => pointer === '/key', findService).sort()).toEqual([
      '/a',
      '/b',
      '/d',
    ]);
  });
});

describe('services that refer to one another', () => {
  it('are found, with the chain', () => {
    const refersTo: Record<string, string[]> = { b: ['c', 'd'], c: [], d: ['a'] };
    const find = (service: string): Referred => ({
      values: {},
      isSecret: () => false,
      refersTo: refersTo[service] ?? [],
    });
    const references = [to('/x', { service: 'b', pointer: '/y' })];
    expect(findServiceCircle('a', references, find)).toEqual(['a', 'b', 'd', 'a']);
    expect(findServiceCircle('z', references, find)).toBeUndefined();
  });
});
