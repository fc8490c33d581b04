import { isJsonObject, type JsonObject, type JsonValue, type Pointer } from '@setpoint/protocol';
import { z } from 'zod';

/** What questions and answers are made of, as the code checks it and the OpenAPI document describes it. */

/** What is said of them besides; not zod's own registry, where the schemas of services may have the same names. */
export const apiSchemas: z.core.$ZodRegistry<{ id?: string | undefined; [key: string]: unknown }> = z.registry();

/** A service, an instance or an operator. */
export const name: z.ZodType<string> = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be a name: 1 to 63 of a–z, 0–9, "_", "-"');
/** A tag, a draft or a profile. */
export const label: z.ZodType<string> = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be 1 to 63 of a–z, 0–9, ".", "_", "-"');
// For bodies and queries; the same is checked again with the whole request.
export const pointer: z.ZodType<Pointer> = z
  .string()
  .refine((text) => text === '' || (text.startsWith('/') && !/~(?![01])/.test(text)), 'must be a JSON Pointer')
  .register(apiSchemas, { description: 'A JSON Pointer (RFC 6901).' });
export const jsonObject: z.ZodType<JsonObject> = z
  .custom<JsonObject>(isJsonObject, { error: 'must be an object' })
  .register(apiSchemas, { type: 'object' });
export const jsonValue: z.ZodType<JsonValue> = z
  .custom<JsonValue>((value) => value !== undefined, { error: 'must be present' })
  .register(apiSchemas, { description: 'Any JSON; "*** REDACTED ***" in place of a secret.' });
export const count: z.ZodType<number> = z.int().nonnegative();
export const version: z.ZodType<number> = z.int().positive();
export const digest: z.ZodType<string> = z.string().regex(/^sha256:[0-9a-f]{64}$/);
export const time: z.ZodType<string> = z.iso.datetime({ offset: true, error: 'must be RFC 3339' });
