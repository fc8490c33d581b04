import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { parseImport } from './parse-import.ts';

const marker = '*** REDACTED ***';
const present = {
  values: {
    api: { key: 'hunter2', url: 'http://h' },
    users: [
      { name: 'ann', token: 'of-ann' },
      { name: 'bob', token: 'of-bob' },
    ],
    tokens: ['first', 'second'],
    vault: { a: 1, b: { c: 'deep' } },
    note: marker,
  },
  secrets: ['/api/key', '/users/0/token', '/users/1/token', '/tokens/0', '/tokens/1', '/vault'],
};

const importOf = (document: JsonObject) => parseImport(JSON.stringify(document), 'json', present);

const faultAt = (pointer: string, message: string, line = 1) => ({ faults: [{ pointer, message, line }] });
const none = 'keeps a present secret, and there is none here that is certainly meant; write the secret itself';
const noSecret = 'keeps a present secret, and what is here now is none; write the value itself';

describe('parseImport', () => {
  it('takes a bare document and an export alike', () => {
    expect(parseImport('a: 1\n', 'yaml', present)).toEqual({ values: { a: 1 } });
    expect(parseImport('{"a": 1}', 'json', present)).toEqual({ values: { a: 1 } });
    expect(parseImport('{"$setpoint": {"version": 3}, "values": {"a": 1}}', 'json', present)).toEqual({
      values: { a: 1 },
    });
  });

  it('takes a document for itself that only looks like an export', () => {
    expect(importOf({ $setpoint: {}, values: {}, more: 1 })).toEqual({
      values: { $setpoint: {}, values: {}, more: 1 },
    });
    expect(parseImport('$setpoint: {}\nvalues: {}\n', 'yaml', present)).toEqual({
      values: { $setpoint: {}, values: {} },
    });
  });

  it('Transfer-03-Marker: keeps the present secret where the marker stands, and takes a new one', () => {
    expect(importOf({ api: { key: marker, url: 'http://new' } })).toEqual({
      values: { api: { key: 'hunter2', url: 'http://new' } },
    });
    expect(importOf({ api: { key: 'new' } })).toEqual({ values: { api: { key: 'new' } } });
  });

  it('keeps a part of a secret section', () => {
    expect(importOf({ vault: { a: 2, b: marker } })).toEqual({ values: { vault: { a: 2, b: { c: 'deep' } } } });
  });

  it('keeps a text that is the marker', () => {
    expect(importOf({ note: marker })).toEqual({ values: { note: marker } });
  });

  it('refuses a marker where there is no present secret, with its place and line', () => {
    expect(parseImport(`api:\n  other: "${marker}"\n`, 'yaml', present)).toEqual(faultAt('/api/other', none, 2));
    expect(parseImport(`{"$setpoint": {},\n"values": {"b":\n"${marker}"}}`, 'json', present)).toEqual(
      faultAt('/b', none, 2),
    );
  });

  it('refuses a marker where no secret stands', () => {
    expect(importOf({ api: { url: marker } })).toEqual(faultAt('/api/url', noSecret));
    expect(importOf({ users: marker })).toEqual(faultAt('/users', noSecret));
  });

  it('names every such place at once, and nothing secret', () => {
    const refused = importOf({ api: { url: marker, x: marker, key: 'a-new-secret' } });
    expect(refused).toMatchObject({ faults: [{ pointer: '/api/url' }, { pointer: '/api/x' }] });
    expect(JSON.stringify(refused)).not.toMatch(/hunter2|of-ann|a-new-secret/);
  });

  it('refuses what is no document, without repeating it', () => {
    expect(parseImport('- hunter2', 'yaml', present)).toEqual(
      faultAt('', 'must be a mapping of settings at the top', 1),
    );
    expect(JSON.stringify(parseImport('a: "hunter2', 'yaml', present))).not.toContain('hunter2');
  });
});

describe('in a list, the marker keeps the secret of the same item', () => {
  const ann = { name: 'ann', token: marker };
  const bob = { name: 'bob', token: marker };

  it('in another order, with others added, or without some', () => {
    expect(importOf({ users: [bob, { name: 'cat', token: 'new' }, ann] })).toEqual({
      values: {
        users: [
          { name: 'bob', token: 'of-bob' },
          { name: 'cat', token: 'new' },
          { name: 'ann', token: 'of-ann' },
        ],
      },
    });
    expect(importOf({ users: [bob] })).toEqual({ values: { users: [{ name: 'bob', token: 'of-bob' }] } });
  });

  it('that was changed, where it is the only one', () => {
    expect(importOf({ users: [{ ...ann, name: 'anna' }, bob] })).toEqual({
      values: {
        users: [
          { name: 'anna', token: 'of-ann' },
          { name: 'bob', token: 'of-bob' },
        ],
      },
    });
  });

  it('and none where it is not certain which is meant', () => {
    expect(
      importOf({
        users: [
          { ...bob, name: 'bert' },
          { ...ann, name: 'anna' },
        ],
      }),
    ).toMatchObject({
      faults: [
        { pointer: '/users/0/token', message: none },
        { pointer: '/users/1/token', message: none },
      ],
    });
  });

  it('by its order where all look alike', () => {
    expect(importOf({ tokens: ['zeroth', marker, marker] })).toEqual({
      values: { tokens: ['zeroth', 'first', 'second'] },
    });
    expect(importOf({ tokens: [marker] })).toMatchObject({ faults: [{ pointer: '/tokens/0' }] });
  });
});
