import type { HistoryFilter, Moment, Pointer } from '@setpoint/protocol';
import { z } from 'zod';
import { apiSchemas, label, name, pointer, time } from './fields.ts';

/** What is asked for, in paths and queries. */

// `optional` after `coerce`: before zod 4.5 the exact one made NaN of what is not there.

export const serviceParams: z.ZodType<{ readonly service: string }> = z.object({ service: name });

const moment = {
  version: z.coerce.number().int().positive().optional(),
  tag: label.exactOptional(),
  at: time.exactOptional(),
};

/** Which version; the present one where nothing is said. */
export const momentQuery: z.ZodType<Moment> = z.strictObject(moment) as never;

/** Which value, and of which version. */
export const explainQuery: z.ZodType<Moment & { readonly pointer?: Pointer }> = z.strictObject({
  pointer: pointer.exactOptional(),
  ...moment,
}) as never;

/** Which part of the history. */
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
}) as never;

/** In a request the author is who asks. */
export const toFilter = ({ author, ...filter }: HistoryQuery): HistoryFilter => ({
  ...filter,
  ...(author !== undefined && { by: author }),
});
