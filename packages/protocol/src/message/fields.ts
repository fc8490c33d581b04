import { z } from 'zod';
import type { JsonObject } from '../json.ts';
import { isJsonObject } from '../json.ts';
import type { Fault, Problem } from '../problem.ts';
import { levels, severities, wireCodes } from '../problem.ts';
import { timeText } from '../time-text.ts';
import { namePattern } from '../topic.ts';

/** The parts that several messages share, each checked the same way everywhere. */
export const name: z.ZodType<string> = z.string().regex(namePattern, 'must be a name');
export const digest: z.ZodType<string> = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256:<hex>');
// A pattern for all of it would need a stack as deep as the text is long; only its wording for others is one.
export const pointer: z.ZodType<string> = z
  .string()
  .refine((text) => text === '' || (text.startsWith('/') && !/~(?![01])/.test(text)), 'must be a JSON Pointer')
  .meta({ pattern: '^(/([^~]|~[01])*)?$' });
export const time: z.ZodType<string> = timeText({ offset: true, error: 'must be RFC 3339' });
export const count: z.ZodType<number> = z.int().nonnegative();
export const version: z.ZodType<number> = z.int().positive();
/** Any text that an operator writes about a change. */
export const note: z.ZodType<string> = z.string().max(1000);
export const jsonObject: z.ZodType<JsonObject> = z.custom<JsonObject>(isJsonObject, { error: 'must be an object' });

/** For those who answer with faults by another way too. */
export const faultMembers: { readonly [Member in keyof Fault]-?: z.ZodType } = {
  pointer,
  message: z.string(),
  expected: z.string().exactOptional(),
  received: z.string().exactOptional(),
  suggestion: z.string().exactOptional(),
  file: z.string().exactOptional(),
  line: count.exactOptional(),
  instance: z.string().exactOptional(),
  severity: z.enum(severities).exactOptional(),
  level: z.enum(levels).exactOptional(),
  rule: z.string().exactOptional(),
};
export const fault: z.ZodType<Fault> = z.object(faultMembers) as unknown as z.ZodType<Fault>;

export const problem: z.ZodType<Problem> = z.object({
  type: z.string(),
  title: z.string(),
  detail: z.string(),
  code: z.enum(wireCodes),
  errors: z.array(fault).exactOptional(),
}) as z.ZodType<Problem>;
