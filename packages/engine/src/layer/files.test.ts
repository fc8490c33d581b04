import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { compileSchema } from '../schema/schema.ts';
import { type GatheredFiles, gatherFiles, layFiles } from './files.ts';
import type { Layer } from './layer.ts';
import { parsePlaced } from './yaml-file.ts';

const gather = (files: Record<string, string>, ...entries: string[]): Promise<GatheredFiles> =>
  gatherFiles(entries, (file) =>
    Promise.resolve(files[file] === undefined ? undefined : parsePlaced(files[file], file)),
  );

async function lay(files: Record<string, string>, entries: string[], schema?: JsonObject): Promise<Layer> {
  const { roots, faults } = await gather(files, ...entries);
  const [lowest, ...higher] = roots;
  if (!lowest || faults.length > 0) throw new Error(JSON.stringify(faults));
  const schemas = schema ? [compileSchema(schema)] : [];
  return layFiles([lowest, ...higher], { service: 'vad', author: 'file:a', schemas, variables: () => undefined });
}

describe('several files', () => {
  it('merge sections, replace lists, and tell the file and line of every place', async () => {
    const files = { 'a.yaml': 'a: 1\ns:\n  x: 1\n  y: [1, 2]\n', 'b.yaml': '# b\ns: {y: [3], z: 2}\n\nb: 5\n' };
    const layer = await lay(files, ['a.yaml', 'b.yaml']);
    expect(layer).toMatchObject({ name: 'yaml_file', author: 'file:a' });
    expect(layer.document).toEqual({ a: 1, s: { x: 1, y: [3], z: 2 }, b: 5 });
    expect(Object.keys(layer.document)).toEqual(['a', 's', 'b']);
    const places = ['/a', '/s/x', '/s/y/0', '/s/z', '/b', '/s', '/s/none', ''].map((at) => layer.locate(at));
    expect(places.map((place) => `${place?.file}:${place?.line}`)).toEqual([
      'a.yaml:1',
      'a.yaml:3',
      'b.yaml:2',
      'b.yaml:2',
      'b.yaml:4',
      'b.yaml:2',
      'b.yaml:2',
      'b.yaml:2',
    ]);
  });

  it('Layer-06-Merge-Key: merge lists by the key that the schema names', async () => {
    const files = {
      'a.yaml': 'l:\n  - {id: a, x: 1, y: 1}\n  - {id: b, x: 1}\n',
      'b.yaml': 'l:\n  - {id: c, x: 3}\n  - {id: a, x: 2}\n  - {x: 9}\n',
    };
    const schema = { properties: { l: { type: 'array', 'x-merge-key': 'id', items: { type: 'object' } } } };
    const layer = await lay(files, ['a.yaml', 'b.yaml'], schema);
    expect(layer.document).toEqual({
      l: [{ id: 'a', x: 2, y: 1 }, { id: 'b', x: 1 }, { id: 'c', x: 3 }, { x: 9 }],
    });
    expect(['/l/0/x', '/l/0/y', '/l/2/x'].map((at) => layer.locate(at))).toEqual([
      { file: 'b.yaml', line: 3 },
      { file: 'a.yaml', line: 2 },
      { file: 'b.yaml', line: 2 },
    ]);
    expect((await lay(files, ['a.yaml', 'b.yaml'])).document.l).toHaveLength(3);
  });
});

describe('Layer-05-Includes: includes', () => {
  it('go beneath what includes them, relative to it, recursively', async () => {
    const files = {
      'c/a.yaml': 'includes: [base/x.yaml, _shared.yaml]\na: 1\n',
      'c/base/x.yaml': 'includes: ../y.yaml\na: 2\nb: 2\n',
      'c/y.yaml': 'a: 3\nb: 3\nc: 3\nd: 3\n',
      'c/_shared.yaml': 'c: 4\n',
    };
    const layer = await lay(files, ['c/a.yaml']);
    expect(layer.document).toEqual({ a: 1, b: 2, c: 4, d: 3 });
    expect(layer.locate('/d')).toEqual({ file: 'c/y.yaml', line: 4 });
  });

  it('may meet again in a diamond', async () => {
    const files = {
      'a.yaml': 'includes: [b.yaml, c.yaml]\n',
      'b.yaml': 'includes: [d.yaml]\nx: b\n',
      'c.yaml': 'includes: [d.yaml]\n',
      'd.yaml': 'x: d\ny: d\n',
    };
    expect((await lay(files, ['a.yaml'])).document).toEqual({ x: 'b', y: 'd' });
  });

  it.each<[string, Record<string, string>, object[]]>([
    [
      'go round in a circle',
      { 'a.yaml': 'includes: [b.yaml]', 'b.yaml': 'x: 1\nincludes:\n  - a.yaml\n' },
      [
        {
          pointer: '/includes',
          message: 'files include one another: a.yaml → b.yaml → a.yaml',
          file: 'b.yaml',
          line: 3,
        },
      ],
    ],
    [
      'are not there',
      { 'a.yaml': 'x: 1\nincludes:\n  - none.yaml\n' },
      [{ pointer: '/includes', message: 'includes none.yaml, which there is not', file: 'a.yaml', line: 3 }],
    ],
    [
      'are no names',
      { 'a.yaml': 'includes: {a: 1}\n' },
      [
        {
          pointer: '/includes',
          message: 'must be a list of files',
          expected: 'a list of files',
          file: 'a.yaml',
          line: 1,
        },
      ],
    ],
    [
      'are no YAML',
      { 'a.yaml': 'includes: [b.yaml]', 'b.yaml': 'x: [1' },
      [{ pointer: '', message: expect.stringContaining('is not valid YAML'), file: 'b.yaml', line: 1 }],
    ],
  ])('are faults where they %s', async (_, files, faults) => {
    const gathered = await gather(files, 'a.yaml');
    expect(gathered.faults).toEqual(faults);
  });

  it('tells all that was looked for', async () => {
    const { files } = await gather({ '/c/a.yaml': 'includes: [../x.yaml]' }, '/c/a.yaml');
    expect(files).toEqual(['/c/a.yaml', '/x.yaml']);
  });
});
