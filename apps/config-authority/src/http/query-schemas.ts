import type { HistoryFilter, Moment, Pointer } from '@setpoint/protocol';
import { z } from 'zod';
import { apiSchemas, label, name, pointer, time } from './fields.ts';

// The schemas of paths and queries.

// `optional` after `coerce`, because before zod 4.5 the exact one made NaN of a missing member. The casts say what its type
// can't: a member that is there has a value.

export const serviceParams: z.ZodType<{ readonly service: string }> = z.object({ service: name });

const moment = {
  version: z.coerce.number().int().positive().optional(),
  tag: label.exactOptional(),
  at: time.exactOptional(),
};

/** Selects a version; the present one by default. */
export const momentQuery: z.ZodType<Moment> = z.strictObject(moment) as z.ZodType as z.ZodType<Moment>;

/** Selects a value, and a version. */
export const explainQuery: z.ZodType<Moment & { readonly pointer?: Pointer }> = z.strictObject({
  pointer: pointer.exactOptional(),
  ...moment,
}) as z.ZodType as z.ZodType<Moment & { readonly pointer?: Pointer }>;

/** Selects a part of the history. */
export interface HistoryQuery extends Omit<HistoryFilter, 'by'> {
  readonly author?: string;
}

export const historyQuery: z.ZodType<HistoryQuery> = z.strictObject({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(500)
    .optional()
    .register(apiSchemas, { description: 'At most this many; 50 where it is left out.' }),
  before: z.coerce
    .number()
    .int()
    .positive()
    .optional()
    .register(apiSchemas, { description: 'Only what is older: `next` of the page before.' }),
  author: z.string().min(1).max(1000).exactOptional(),
  since: time.exactOptional(),
  pointer: pointer.exactOptional(),
}) as z.ZodType as z.ZodType<HistoryQuery>;

/** Renames `author` to `by`: in a request, `author` is the caller. */
export const toFilter = ({ author, ...filter }: HistoryQuery): HistoryFilter => ({
  ...filter,
  ...(author !== undefined && { by: author }),
});
