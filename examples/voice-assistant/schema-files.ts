import { deriveContract } from '@setpoint/client';
import type { z } from 'zod';

const configDir = new URL('../../config/', import.meta.url);

export const schemaFile = (service: string): URL => new URL(`${service}.schema.json`, configDir);
export const configFile = (service: string): URL => new URL(`${service}.yaml`, configDir);

/** The JSON Schema (2020-12) of a service, as the file beside its configuration holds it. */
export const schemaText = (service: string, schema: z.ZodType): string =>
  `${JSON.stringify(deriveContract(service, schema).schema, null, 2)}\n`;
