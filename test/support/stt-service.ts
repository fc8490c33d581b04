import { z } from 'zod';

/** A small speech-to-text service: a number with bounds, an enum, a list, a secret, and a setting that needs a restart. */
export const sttSchema = z.object({
  whisper: z
    .object({
      model: z.enum(['tiny', 'base', 'small']).default('base'),
      device: z.string().default('cpu').meta({ 'x-restart-required': true }),
    })
    .prefault({}),
  vad: z.object({ threshold: z.number().min(0).max(1).default(0.5), frames: z.int().default(30) }).prefault({}),
  languages: z.array(z.string()).default(['en']),
  api: z.object({ key: z.string().default('').meta({ 'x-secret': true }) }).prefault({}),
});

export type Service = z.output<typeof sttSchema>;

/** The authority's own schema for it, as a file beside the YAML. */
export const sttSchemaFile: string = JSON.stringify(z.toJSONSchema(sttSchema, { io: 'input' }));
