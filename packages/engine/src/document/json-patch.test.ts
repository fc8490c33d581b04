import type { JsonValue, PatchOperation } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { applyJsonPatch } from './json-patch.ts';

const document = { a: { b: 1 }, list: [10, { c: 2 }, 30], '': 'empty', 'x/y': { 'm~n': 3 }, no: null };

const apply = (...patch: PatchOperation[]) => applyJsonPatch(document, patch, { maxCopyBytes: 1000 });

const changed = (changes: Record<string, JsonValue>): JsonValue => ({ ...document, ...changes });

describe('applyJsonPatch', () => {
  it.each<[string, PatchOperation, Record<string, JsonValue>]>([
    ['adds a member', { op: 'add', path: '/z', value: 1 }, { z: 1 }],
    ['adds over a member', { op: 'add', path: '/a', value: [] }, { a: [] }],
    ['adds null', { op: 'add', path: '/a', value: null }, { a: null }],
    ['adds before an item', { op: 'add', path: '/list/1', value: 20 }, { list: [10, 20, { c: 2 }, 30] }],
    ['adds after the last item', { op: 'add', path: '/list/3', value: 40 }, { list: [10, { c: 2 }, 30, 40] }],
    ['adds at the end', { op: 'add', path: '/list/-', value: 40 }, { list: [10, { c: 2 }, 30, 40] }],
    ['adds a member named "-"', { op: 'add', path: '/a/-', value: 4 }, { a: { b: 1, '-': 4 } }],
    [
      'adds names that every object has',
      { op: 'add', path: '/a/constructor', value: 1 },
      { a: { b: 1, constructor: 1 } },
    ],
    ['removes an item', { op: 'remove', path: '/list/0' }, { list: [{ c: 2 }, 30] }],
    ['replaces an item', { op: 'replace', path: '/list/1/c', value: 5 }, { list: [10, { c: 5 }, 30] }],
    ['replaces null', { op: 'replace', path: '/no', value: 1 }, { no: 1 }],
    ['finds escaped names', { op: 'replace', path: '/x~1y/m~0n', value: 4 }, { 'x/y': { 'm~n': 4 } }],
    ['finds the empty name', { op: 'replace', path: '/', value: 'full' }, { '': 'full' }],
    [
      'moves between sections',
      { op: 'move', from: '/list/1', path: '/a/c' },
      { a: { b: 1, c: { c: 2 } }, list: [10, 30] },
    ],
    ['moves within a list', { op: 'move', from: '/list/0', path: '/list/2' }, { list: [{ c: 2 }, 30, 10] }],
    ['moves to where it is', { op: 'move', from: '/a', path: '/a' }, {}],
    ['copies', { op: 'copy', from: '/a', path: '/list/0' }, { list: [{ b: 1 }, 10, { c: 2 }, 30] }],
    ['copies the whole into itself', { op: 'copy', from: '', path: '/z' }, { z: document }],
    ['tests', { op: 'test', path: '/list/1', value: { c: 2 } }, {}],
    ['tests the whole', { op: 'test', path: '', value: document }, {}],
  ])('%s', (_, operation, changes) => {
    expect(apply(operation)).toEqual({ document: changed(changes), faults: [] });
  });

  it('removes a member', () => {
    const { a: _, ...rest } = document;
    expect(apply({ op: 'remove', path: '/a' })).toEqual({ document: rest, faults: [] });
  });

  it('replaces the whole document, and goes on with the new one', () => {
    const patch: PatchOperation[] = [
      { op: 'replace', path: '', value: { new: 1 } },
      { op: 'add', path: '/more', value: 2 },
    ];
    expect(apply(...patch).document).toEqual({ new: 1, more: 2 });
  });

  it('moves a part to the place of the whole', () => {
    expect(apply({ op: 'copy', from: '/a', path: '' }).document).toEqual({ b: 1 });
  });

  it('says that nothing is left', () => {
    expect(apply({ op: 'remove', path: '' })).toEqual({ document: undefined, faults: [] });
  });

  it.each<[PatchOperation, string]>([
    [{ op: 'add', path: '/q/r', value: 1 }, 'there is no such place'],
    [{ op: 'add', path: '/a/b/c', value: 1 }, 'there is no such place'],
    [{ op: 'add', path: '/no/c', value: 1 }, 'there is no such place'],
    [{ op: 'add', path: '/__proto__', value: {} }, 'there is no such place'],
    [{ op: 'add', path: '/toString/call', value: 1 }, 'there is no such place'],
    [{ op: 'add', path: '/constructor/prototype', value: 1 }, 'there is no such place'],
    [{ op: 'add', path: '/list/4', value: 1 }, 'it is not a place in the list'],
    [{ op: 'add', path: '/list/01', value: 1 }, 'it is not a place in the list'],
    [{ op: 'add', path: '/list/length', value: 1 }, 'it is not a place in the list'],
    [{ op: 'add', path: '/a'.repeat(65), value: 1 }, 'there is no such place'],
    [{ op: 'remove', path: '/q' }, 'there is no such place'],
    [{ op: 'remove', path: '/list/-' }, 'there is no such place'],
    [{ op: 'remove', path: '/toString' }, 'there is no such place'],
    [{ op: 'replace', path: '/q', value: 1 }, 'there is no such place'],
    [{ op: 'replace', path: '/list/3', value: 1 }, 'there is no such place'],
    [{ op: 'test', path: '/a', value: { b: '1' } }, 'another value is there'],
    [{ op: 'test', path: '/q', value: null }, 'another value is there'],
    [{ op: 'copy', from: '/q', path: '/z' }, 'there is nothing to copy'],
    [{ op: 'copy', from: '/a/q/r', path: '/z' }, 'there is nothing to copy'],
    [{ op: 'move', from: '/q', path: '/z' }, 'there is nothing to move'],
    [{ op: 'move', from: '/a', path: '/a/b' }, "it can't be moved into itself"],
    [{ op: 'move', from: '/list/0', path: '/list/3' }, 'it is not a place in the list'],
  ])('refuses %j', (operation, reason) => {
    const message = `operation 0 (${operation.op}) can't be done: ${reason}`;
    expect(apply(operation).faults).toEqual([{ pointer: operation.path, message }]);
  });

  it('refuses a move whose place is gone with what is moved', () => {
    const patch: PatchOperation = { op: 'move', from: '/list/0', path: '/list/2/x' };
    expect(applyJsonPatch({ list: [1, 2, { x: 1 }] }, [patch], { maxCopyBytes: 10 }).faults).toEqual([
      { pointer: '/list/2/x', message: "operation 0 (move) can't be done: there is no such place" },
    ]);
  });

  it('tells every operation that fails', () => {
    const { faults } = apply(
      { op: 'test', path: '/a', value: 1 },
      { op: 'add', path: '/z', value: 1 },
      { op: 'remove', path: '/q' },
    );
    expect(faults.map(({ message }) => message)).toEqual([
      "operation 0 (test) can't be done: another value is there",
      "operation 2 (remove) can't be done: there is no such place",
    ]);
  });

  it('refuses copies that would fill the memory', () => {
    const doubling = Array.from({ length: 1000 }, (_, i): PatchOperation => ({ op: 'copy', from: '', path: `/${i}` }));
    const { document: grown, faults } = apply(...doubling);
    expect(JSON.stringify(grown).length).toBeLessThan(3000);
    expect(faults[0]?.message).toBe(
      "operation 3 (copy) can't be done: it copies more than a document may hold; what follows was not tried",
    );
  });

  it('touches neither the document nor the patch', () => {
    const before = structuredClone(document);
    const patch: PatchOperation[] = [
      { op: 'add', path: '/new', value: { c: 1 } },
      { op: 'add', path: '/new/d', value: 2 },
      { op: 'remove', path: '/list/1/c' },
    ];
    apply(...patch);
    expect(document).toEqual(before);
    expect(patch[0]).toEqual({ op: 'add', path: '/new', value: { c: 1 } });
  });
});

describe('a patch of copies', () => {
  const text = 'x'.repeat(100_000);
  const copies = (count: number, from: string, to: (i: number) => string): PatchOperation[] =>
    Array.from({ length: count }, (_, i) => ({ op: 'copy', from, path: to(i) }));

  it('Isolation-14-Bounded-Patches: that grows past the limit ends there', () => {
    const { faults } = applyJsonPatch(
      { a: text },
      copies(1000, '/a', (i) => `/b${i}`),
      { maxCopyBytes: 1_000_000 },
    );
    expect(faults).toEqual([
      {
        pointer: '/b9',
        message:
          "operation 9 (copy) can't be done: it copies more than a document may hold; what follows was not tried",
      },
    ]);
  });

  it('Isolation-14-Bounded-Patches: that doubles the document each time ends before it fills the memory', () => {
    const { document, faults } = applyJsonPatch(
      { a: { n: 'x'.repeat(1000) } },
      copies(1000, '', (i) => `/a/c${i}`),
      {
        maxCopyBytes: 1_000_000,
      },
    );
    expect(faults).toHaveLength(1);
    expect(JSON.stringify(document).length).toBeLessThan(1_100_000);
  });
});
