import type { JsonObject } from '@setpoint/protocol';
import { z } from 'zod';

const section = z.object({
  enabled: z.boolean(),
  level: z.number().min(0).max(1),
  model: z.enum(['tiny', 'base', 'small']),
  timeoutMs: z.int().min(0).max(60_000),
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
export const smallDocument = (): z.output<typeof smallSchema> => {
  const names = Object.keys(smallSchema.shape);
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
};

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
