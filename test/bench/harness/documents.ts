import type { Layer } from '@setpoint/engine';
import type { JsonObject } from '@setpoint/protocol';
import { z } from 'zod';

const section = z.object({
  enabled: z.boolean(),
  level: z.number().min(0).max(1),
  model: z.enum(['tiny', 'base', 'small']),
  timeoutMs: z.int().min(0).max(60_000).describe('How long an answer is waited for.'),
  label: z.string().max(60),
});

/** Eight sections of five settings each, with bounds: what a service of ordinary size has. */
export const smallSchema = z.object({
  audio: section,
  vad: section,
  whisper: section,
  wakeWord: section,
  vocabulary: section,
  output: section,
  limits: section,
  logging: section,
});

/** Forty settings, 1 KB of JSON. */
export const smallDocument = (): z.output<typeof smallSchema> =>
  sectionsOf(Object.keys(smallSchema.shape)) as z.output<typeof smallSchema>;

/** The sections of a document with a hundred settings. */
export const hundredNames: readonly string[] = Array.from({ length: 20 }, (_, i) => `part-${i + 1}`);

/** Twenty sections of five settings each. */
export const hundredSchema = z.object(Object.fromEntries(hundredNames.map((name) => [name, section])));

/** A hundred settings, 3 KB of YAML. */
export const hundredDocument = (): z.output<typeof hundredSchema> => sectionsOf(hundredNames);

function sectionsOf(names: readonly string[]): Record<string, z.output<typeof section>> {
  const sections = names.map((name, i) => [
    name,
    {
      enabled: i % 2 === 0,
      level: 0.25,
      model: 'base',
      timeoutMs: 1000 + i,
      label: `${name} in the kitchen of the house`,
    },
  ]);
  return Object.fromEntries(sections);
}

const entry = z.object({
  name: z.string().max(60),
  weight: z.number().min(0).max(1),
  model: z.enum(['tiny', 'base', 'small']),
  tags: z.array(z.string().max(20)).max(10),
  limits: z.object({ perMinute: z.int().min(0).max(100_000), burst: z.int().min(0).max(1000) }),
  note: z.string().max(2000),
});

/** A map of entries by name. */
export const largeSchema = z.object({ mode: z.enum(['on', 'off']), entries: z.record(z.string(), entry) });

const largeEntries = 1100;

/** 1,100 entries, just under what fits an envelope of 1 MiB. */
export const largeDocument = (): z.output<typeof largeSchema> => ({
  mode: 'on',
  entries: Object.fromEntries(
    Array.from({ length: largeEntries }, (_, i) => [
      `entry-${i}`,
      {
        name: `entry ${i} of the large document`,
        weight: 0.5,
        model: 'base',
        tags: ['kitchen', 'evening', `group-${i % 10}`],
        limits: { perMinute: 60 + i, burst: 5 },
        note: `${i} `.padEnd(720, 'what the household wants to be remembered of it '),
      },
    ]),
  ),
});

/** The JSON Schema of a document, as the authority keeps it beside the file. */
export const schemaFileOf = (schema: z.ZodType): JsonObject => z.toJSONSchema(schema, { io: 'input' }) as JsonObject;

/** A document as the layer that its file makes, for what does not ask for places in it. */
export const fileLayer = (document: JsonObject): Layer => ({
  name: 'yaml_file',
  document,
  author: 'file',
  locate: () => undefined,
});
