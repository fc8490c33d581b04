import { readFileSync } from 'node:fs';
import {
  compileSchema,
  environmentVariables,
  layTexts,
  parseEnvFile,
  readVariables,
  type Variable,
} from '@setpoint/engine';
import type { JsonObject } from '@setpoint/protocol';
import { parse as parseDotenv } from 'dotenv';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { exportDocument } from './export-document.ts';

const schema = compileSchema(
  JSON.parse(readFileSync(new URL('../../../../config/stt-worker.schema.json', import.meta.url), 'utf8')),
);

/** Every default, and what is hard to write. */
const values = schema.fillDefaults({
  vad: { threshold: 0.25 },
  whisper: { language: null, model: 'tiny.en' },
  vocabulary: { hotwords: ['a, b', "it's $5 #1", 'line\nline'] },
});

const source = {
  service: 'stt-worker',
  values,
  secrets: schema.secrets.within(values),
  explanation: [],
  stamp: { epoch: 1, version: 1, digest: 'sha256:0', author: 'ada', committedAt: '2026-06-01T00:00:00.000Z' },
  now: 0,
};

function readBack(variables: readonly Variable[]): JsonObject | undefined {
  const texts = readVariables(variables, ['stt', 'stt-worker']).byService.get('stt-worker') ?? [];
  const layer = layTexts(texts, { name: 'environment', author: 'env', schemas: [schema], beneath: {} });
  expect(layer?.faults).toBeUndefined();
  return layer?.document;
}

it('what is exported as variables is read back by the environment layer, by the types of the schema', () => {
  expect(Object.keys(values).length).toBeGreaterThan(4);
  const dotenv = exportDocument({ ...source, secrets: [] }, 'dotenv');
  expect(readBack(environmentVariables(parseDotenv(dotenv)))).toEqual(values);
  expect(readBack(parseEnvFile(dotenv, '.env'))).toEqual(values);
  const { environment } = parse(exportDocument({ ...source, secrets: [] }, 'compose')).services['stt-worker'];
  const variables = Object.entries<string>(environment).map(([name, text]) => [name, text.replaceAll('$$', '$')]);
  expect(readBack(environmentVariables(Object.fromEntries(variables)))).toEqual(values);
});
