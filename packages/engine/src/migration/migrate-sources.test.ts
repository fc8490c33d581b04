import type { JsonObject, JsonValue, Pointer } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import type { Layer } from '../layer/layer.ts';
import type { Override } from '../layer/overrides.ts';
import { parseYamlFile } from '../layer/yaml-file.ts';
import { compileSchema } from '../schema/schema.ts';
import { migrateSources } from './migrate-sources.ts';
import type { Migrate } from './migration.ts';

function layer(text: string): Layer {
  const parsed = parseYamlFile(text, 'vad.yaml');
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  return parsed.layer;
}

const renaming = (...renames: [Pointer, Pointer][]): JsonObject => ({
  'x-renames': renames.map(([from, to]) => ({ from, to })),
});

const set = (pointer: Pointer, value: JsonValue, author = 'ann'): Override => ({
  pointer,
  value,
  author,
  reason: 'why',
  version: 3,
  at: '2026-06-01T00:00:00.000Z',
});

function documentOf(text: string, schema: JsonObject, migrate?: Migrate): JsonValue | undefined {
  return migrateSources(compileSchema(schema, { migrate }), [layer(text)], []).layers[0]?.document;
}

describe('what a file says under old names', () => {
  it.each<[string, string, JsonObject, JsonValue]>([
    ['moves', 'old: 1\nb: 2\n', renaming(['/old', '/new']), { new: 1, b: 2 }],
    ['moves into another section', 'a: {old: 1}\n', renaming(['/a/old', '/b/new']), { a: {}, b: { new: 1 } }],
    ['moves with all in it', 'old: {x: [1]}\n', renaming(['/old', '/new']), { new: { x: [1] } }],
    ['moves twice', 'a: 1\n', renaming(['/a', '/b'], ['/b', '/c']), { c: 1 }],
    [
      'moves for each name',
      'w: {x: {t: 1}, y: {t: 2}, z: 3}\n',
      renaming(['/w/*/t', '/w/*/timeoutMs']),
      { w: { x: { timeoutMs: 1 }, y: { timeoutMs: 2 }, z: 3 } },
    ],
    ['gives way to the new name', 'old: 1\nnew: 2\n', renaming(['/old', '/new']), { new: 2 }],
    ['is nothing', 'b: 2\n', renaming(['/old', '/new'], ['/b/c', '/d']), { b: 2 }],
  ])('%s', (_, text, schema, expected) => {
    expect(documentOf(text, schema)).toEqual(expected);
  });

  it('is warned of, with the new name and the line', () => {
    const { layers, warnings } = migrateSources(
      compileSchema(renaming(['/a/old', '/b'])),
      [layer('c: 1\na:\n  old: {x: 1}\n')],
      [],
    );
    expect(warnings).toEqual([
      {
        pointer: '/a/old',
        message: 'has another name now: write /b',
        suggestion: '/b',
        file: 'vad.yaml',
        line: 3,
        severity: 'warning',
        level: 'best_practice',
        rule: 'best_practice/renamed',
      },
    ]);
    expect(layers[0]?.locate('/b/x')).toMatchObject({ line: 3 });
    expect(layers[0]?.locate('/c')).toMatchObject({ line: 1 });
  });

  it('keeps its identity where nothing is old', () => {
    const [layers, overrides] = [[layer('b: 2\n')], [set('/c', 1)]];
    for (const schema of [
      undefined,
      compileSchema({}),
      compileSchema(renaming(['/old', '/new']), { migrate: (d) => ({ ...d }) }),
    ]) {
      const migrated = migrateSources(schema, layers, overrides);
      expect(migrated.layers).toBe(layers);
      expect(migrated.overrides).toBe(overrides);
      expect(migrated.warnings).toEqual([]);
    }
  });

  it('takes its references along', () => {
    const references = [
      { pointer: '/old', parts: ['x', { pointer: '/host/a' }, { service: 'mqtt', pointer: '/host' }] },
    ];
    const referring = { ...layer('old: x\nhost: {a: h}\n'), references };
    const { layers } = migrateSources(compileSchema(renaming(['/old', '/new'], ['/host', '/server'])), [referring], []);
    expect(layers[0]?.references).toEqual([
      { pointer: '/new', parts: ['x', { pointer: '/server/a' }, { service: 'mqtt', pointer: '/host' }] },
    ]);
  });

  it('may be made over by a function, which gets a copy of its own', () => {
    const migrate: Migrate = (document) => {
      const own = document as Record<string, JsonValue>;
      if (typeof own.timeout === 'string') own.timeout = Number.parseFloat(own.timeout) * 1000;
      return own;
    };
    const given = layer('timeout: 5s\n');
    const { layers } = migrateSources(compileSchema({}, { migrate }), [given], []);
    expect(layers[0]?.document).toEqual({ timeout: 5000 });
    expect(given.document).toEqual({ timeout: '5s' });
    expect(documentOf('old: 5s\n', renaming(['/old', '/timeout']), migrate)).toEqual({ timeout: 5000 });
    expect(() => documentOf('a: 1\n', {}, () => [] as unknown as JsonObject)).toThrow('gives back no document');
  });
});

describe('what operators set under old names', () => {
  const migrated = (schema: JsonObject, overrides: readonly Override[], migrate?: Migrate) =>
    migrateSources(compileSchema(schema, { migrate }), [], overrides).overrides;

  it('moves, and stays theirs', () => {
    const schema = renaming(['/old', '/new'], ['/w/*/t', '/w/*/timeoutMs']);
    const { value: _, ...taken } = set('/w/x/t', null, 'bob');
    expect(migrated(schema, [set('/old/a', 1), taken, set('/b', 2, 'eve')])).toEqual([
      set('/new/a', 1),
      { ...taken, pointer: '/w/x/timeoutMs' },
      set('/b', 2, 'eve'),
    ]);
    expect(migrated(schema, [set('/old', 1), set('/new', 2, 'bob')])).toEqual([set('/new', 2, 'bob')]);
  });

  it('is made over by a function, and is theirs where the place stays', () => {
    const migrate: Migrate = ({ size = '', ...rest }) => ({ ...rest, width: Number(size), height: Number(size) });
    const { value: _, ...taken } = set('/gone', null, 'bob');
    expect(migrated({}, [set('/a', 1, 'eve'), taken, set('/size', '5')], migrate)).toEqual([
      taken,
      set('/a', 1, 'eve'),
      set('/width', 5),
      set('/height', 5),
    ]);
  });
});

describe('renames that cannot be followed', () => {
  it.each<[JsonValue]>([
    [{}],
    [['x']],
    [[{ from: '/a' }]],
    [[{ from: 'a', to: '/b' }]],
    [[{ from: '', to: '/b' }]],
    [[{ from: '/a/*', to: '/b' }]],
    [[{ from: '/a/~2', to: '/b' }]],
  ])('refuse the schema: %j', (renames) => {
    expect(() => compileSchema({ 'x-renames': renames })).toThrow(
      expect.objectContaining({ code: 'document_invalid' }),
    );
  });
});
