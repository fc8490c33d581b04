import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { configFile, schemaFile, schemaText } from './schema-files.ts';
import { schemas } from './services.ts';

/** The pointers of all leaf settings of a document. */
const settingsOf = (value: unknown, at = ''): string[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([key, member]) => settingsOf(member, `${at}/${key}`))
    : [at];

const secretsOf = (schema: { [key: string]: unknown }, at = ''): string[] =>
  schema['x-secret'] === true
    ? [at]
    : Object.entries((schema.properties ?? {}) as Record<string, { [key: string]: unknown }>).flatMap(([key, member]) =>
        secretsOf(member, `${at}/${key}`),
      );

const readYaml = async (service: string): Promise<unknown> => parse(await readFile(configFile(service), 'utf8'));

describe.each(Object.entries(schemas))('the schema of %s', (service: string, schema: z.ZodType) => {
  it('is written beside the configuration as it is now (node examples/voice-assistant/write-schemas.ts)', async () => {
    expect(await readFile(schemaFile(service), 'utf8')).toBe(schemaText(service, schema));
  });

  it('is JSON Schema 2020-12', async () => {
    const { $schema } = JSON.parse(await readFile(schemaFile(service), 'utf8'));
    expect($schema).toBe('https://json-schema.org/draft/2020-12/schema');
  });

  it('makes a complete document of nothing, with 20 to 60 settings', () => {
    const settings = settingsOf(schema.parse({}));
    expect(settings.length).toBeGreaterThanOrEqual(20);
    expect(settings.length).toBeLessThanOrEqual(60);
  });

  it('accepts the configuration file, and knows every name in it', async () => {
    const document = await readYaml(service);
    const known = settingsOf(schema.parse(document));
    expect(known).toEqual(expect.arrayContaining(settingsOf(document)));
  });

  it('finds in the file what differs from its defaults, and nothing else', async () => {
    const defaults = schema.parse({}) as Record<string, unknown>;
    const document = await readYaml(service);
    const read = (from: unknown, at: string): unknown =>
      at
        .split('/')
        .slice(1)
        .reduce<unknown>((here, key) => (here as Record<string, unknown>)[key], from);
    const repeated = settingsOf(document).filter(
      (at) => JSON.stringify(read(defaults, at)) === JSON.stringify(read(document, at)),
    );
    expect(repeated).toEqual([]);
  });

  it('has secrets, which are placeholders in the file', async () => {
    const secrets = secretsOf(JSON.parse(schemaText(service, schema)));
    expect(secrets.length).toBeGreaterThan(0);
    const text = await readFile(configFile(service), 'utf8');
    for (const secret of secrets) {
      expect(text).toMatch(new RegExp(`^ *${secret.split('/').at(-1)}: .*replace-me`, 'm'));
    }
  });
});
