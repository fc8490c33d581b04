import type { Layer, MigrationSubject } from '@setpoint/engine';
import { compileSchema } from '@setpoint/engine';
import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { previewMigration } from './preview-migration.ts';

const section = (properties: JsonObject, required: string[] = []): JsonObject => ({
  type: 'object',
  properties,
  required,
});

const old = compileSchema(section({ rate: { type: 'number' }, key: { type: 'string', 'x-secret': true } }, ['rate']));
const layer: Layer = {
  name: 'yaml_file',
  document: { rate: 5, key: 'hunter22' },
  author: 'file',
  locate: () => ({ file: 'vad.yaml', line: 1 }),
};
const subject: MigrationSubject = {
  schema: old,
  layers: [layer],
  overrides: [],
  contracts: [],
  isSecret: old.secrets.touches,
};
const next = compileSchema({
  ...section({ rateHz: { type: 'number' }, token: { type: 'string', 'x-secret': true }, on: { default: true } }, [
    'rateHz',
  ]),
  'x-renames': [
    { from: '/rate', to: '/rateHz' },
    { from: '/key', to: '/token' },
  ],
});

describe('Migration-01-Preview: the preview of a migration', () => {
  it('shows the document before and after, and no secret of either', () => {
    const preview = previewMigration(subject, next);
    expect(preview).toMatchObject({
      before: { rate: 5, key: '*** REDACTED ***' },
      after: { rateHz: 5, token: '*** REDACTED ***', on: true },
      changed: [
        { pointer: '/rate', before: 5 },
        { pointer: '/key', before: '*** REDACTED ***' },
        { pointer: '/rateHz', after: 5 },
        { pointer: '/token', after: '*** REDACTED ***' },
        { pointer: '/on', after: true },
      ],
      faults: [],
      brokenInstances: [],
    });
    expect(preview.warnings.map(({ file, pointer }) => `${file} ${pointer}`)).toEqual([
      'vad.yaml /rate',
      'vad.yaml /key',
    ]);
    expect(JSON.stringify(preview)).not.toContain('hunter22');
  });

  it('names the running instances that would not understand the new document', () => {
    const contracts = [
      { instance: 'vad-1', schema: old },
      { instance: 'vad-2', schema: compileSchema({}) },
    ];
    expect(previewMigration({ ...subject, contracts }, next)).toMatchObject({
      faults: [{ pointer: '/rate', message: 'is required', instance: 'vad-1' }],
      brokenInstances: ['vad-1'],
    });
  });

  it('tells what the new schema refuses', () => {
    const stricter = compileSchema({ ...next.schema, required: ['rateHz', 'name'] });
    expect(previewMigration(subject, stricter).faults).toMatchObject([{ pointer: '/name', message: 'is required' }]);
  });
});
