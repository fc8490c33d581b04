import { describe, expect, it } from 'vitest';
import { createShape } from '../schema/shape.ts';
import { type Interpolated, interpolate } from './interpolate.ts';
import { documentOf } from './source-positions.ts';
import { parsePlaced } from './yaml-file.ts';

const environment: Record<string, string> = { HOST: 'broker', PORT: '1883', EMPTY: '', BAD: 'hunter2', ON: 'false' };
const shapes = [
  createShape({ properties: { port: { type: 'integer' }, on: { type: 'boolean' }, name: { type: 'string' } } }, true),
];

function run(text: string): Interpolated {
  const parsed = parsePlaced(text, 'vad.yaml');
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  return interpolate(parsed.root, { service: 'vad', shapes, variables: (name) => environment[name] });
}

describe('Layer-07-Variables: a variable', () => {
  it.each<[string, unknown]>([
    ['name: ${HOST}', { name: 'broker' }],
    ['name: "tcp://${HOST}:${PORT}/"', { name: 'tcp://broker:1883/' }],
    ['port: ${PORT}', { port: 1883 }],
    ['on: ${ON}', { on: false }],
    ['name: ${PORT}', { name: '1883' }],
    ['other: ${PORT}', { other: 1883 }],
    ['port: ${NONE:7}', { port: 7 }],
    ['name: ${NONE:a:b/c}', { name: 'a:b/c' }],
    ['name: ${NONE:}', { name: '' }],
    ['name: ${EMPTY:x}', { name: 'x' }],
    ['name: "${EMPTY}"', { name: '' }],
    ['name: ${HOST:x}', { name: 'broker' }],
    ['name: $${HOST}', { name: '${HOST}' }],
    ['name: a$${b}${HOST}', { name: 'a${b}broker' }],
    ['name: $HOST $ {HOST}', { name: '$HOST $ {HOST}' }],
    ['list: [1, "${HOST}"]', { list: [1, 'broker'] }],
    ['${HOST}: 1', { '${HOST}': 1 }],
  ])('is put into %j', (text, document) => {
    const { root, faults } = run(text);
    expect([documentOf(root), faults]).toEqual([document, []]);
  });

  it.each<[string, string]>([
    ['name: ${NONE}', 'takes the variable NONE, which is not set'],
    ['name: a${HOST', 'has "${" without its "}"; write "$${" for the text itself'],
    ['name: ${}', 'has "${…}" that names no variable and no place; write "$${" for the text itself'],
    ['name: ${A-B}', 'has "${…}" that names no variable and no place; write "$${" for the text itself'],
    ['name: ${ref:host}', 'refers to what is no place; a place is written as /section/setting'],
    ['name: ${ref:Vad#/host}', 'refers to what is no name of a service'],
  ])('is told where it fails: %j', (text, message) => {
    const { faults, root } = run(`a: 1\n${text}`);
    expect(faults).toEqual([{ pointer: '/name', message, file: 'vad.yaml', line: 2 }]);
    expect(documentOf(root)).toMatchObject({ a: 1, name: expect.stringContaining('$') });
  });

  it('that is of the wrong type is told without its value', () => {
    const { faults } = run('port: ${BAD}');
    expect(faults).toEqual([
      {
        pointer: '/port',
        message: 'takes the variable BAD, which must be a whole number',
        expected: 'a whole number',
        file: 'vad.yaml',
        line: 1,
      },
    ]);
  });

  it('keeps the identity of what names none', () => {
    const parsed = parsePlaced('a: {b: 1}\nname: x', 'vad.yaml');
    if (parsed.kind === 'faults') throw new Error();
    const { root } = interpolate(parsed.root, { service: 'vad', shapes, variables: () => undefined });
    expect(root).toBe(parsed.root);
  });
});

describe('a reference', () => {
  it('is found, and stays as it is written', () => {
    const { root, references, faults } = run(
      'a: ${ref:/b}\nl: ["x${HOST}-${ref:shared#/mqtt/host}$${!", "${ref:vad#/b}"]',
    );
    expect(faults).toEqual([]);
    expect(documentOf(root)).toEqual({
      a: '${ref:/b}',
      l: ['x${HOST}-${ref:shared#/mqtt/host}$${!', '${ref:vad#/b}'],
    });
    expect(references).toEqual([
      { pointer: '/a', parts: [{ pointer: '/b' }] },
      { pointer: '/l/0', parts: ['xbroker-', { service: 'shared', pointer: '/mqtt/host' }, '${!'] },
      { pointer: '/l/1', parts: [{ pointer: '/b' }] },
    ]);
  });
});
