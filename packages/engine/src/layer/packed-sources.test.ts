import { describe, expect, it } from 'vitest';
import { compileSchema } from '../schema/schema.ts';
import { layFiles } from './files.ts';
import { packSources, unpackLayers, unpackSources } from './packed-sources.ts';
import { parsePlaced } from './yaml-file.ts';

const parsed = parsePlaced('a: 1\ns:\n  b: ${ref:/a}\n  "x/y": [1, 2]\ne: {}\n', 'vad.yaml');
if (parsed.kind === 'faults') throw new Error();
const file = layFiles([parsed.root], {
  service: 'vad',
  author: 'file:vad.yaml',
  schemas: [],
  variables: () => undefined,
});
const argument = {
  name: 'cli_argument' as const,
  document: { a: 2 },
  author: 'arguments',
  locate: () => ({ name: '--set vad/a' }),
};
const layers = [file, argument];
const schema = compileSchema({ properties: { a: { type: 'integer' } } });

describe('packed sources', () => {
  it('say all that the layers said, through JSON', () => {
    const { content } = packSources(layers, schema);
    const unpacked = unpackSources(JSON.parse(JSON.stringify(content)), undefined);
    expect(unpacked.schema?.schema).toEqual({ properties: { a: { type: 'integer' } } });
    expect(unpacked.layers.map(({ name, author, document }) => ({ name, author, document }))).toEqual([
      { name: 'yaml_file', author: 'file:vad.yaml', document: file.document },
      { name: 'cli_argument', author: 'arguments', document: { a: 2 } },
    ]);
    const [first, second] = unpacked.layers;
    expect(first?.references).toEqual([{ pointer: '/s/b', parts: [{ pointer: '/a' }] }]);
    for (const pointer of ['/a', '/s/b', '/s/x~1y', '/s/x~1y/1', '/e']) {
      expect(first?.locate(pointer)).toEqual({ file: 'vad.yaml', line: expect.any(Number) });
    }
    expect(['/a', '/s/b', '/s/x~1y/1', '/e'].map((at) => first?.locate(at)?.line)).toEqual([1, 3, 4, 5]);
    expect(second?.locate('/a')).toEqual({ name: '--set vad/a' });
  });

  it('are packed once, and are the same for the same content', () => {
    expect(packSources(layers, schema)).toBe(packSources(layers, schema));
    expect(packSources([...layers], schema).digest).toBe(packSources(layers, schema).digest);
    expect(packSources([file], schema).digest).not.toBe(packSources(layers, schema).digest);
    expect(packSources(layers, undefined).digest).not.toBe(packSources(layers, schema).digest);
  });

  it('use the schema of now where it is the same', () => {
    const { content } = packSources(layers, schema);
    expect(unpackSources(content, schema).schema).toBe(schema);
    expect(unpackSources(packSources([], undefined).content)).toEqual({ layers: [], schema: undefined });
  });

  it('that are something else are refused', () => {
    expect(() => unpackLayers({})).toThrow(expect.objectContaining({ code: 'store_damaged' }));
  });
});
