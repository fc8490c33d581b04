import { isDeepStrictEqual } from 'node:util';
import { digestOf, isJsonObject, type JsonObject, type Snapshot } from '@setpoint/protocol';
import type { z } from 'zod';

/** What a snapshot has besides its values. */
export type SnapshotRest = Partial<Omit<Snapshot, 'values' | 'digest'>>;

/**
 * A snapshot of these values, completed with the schema's defaults as an authority would: right in every part that
 * `rest` does not change. Version 1 of epoch 1 of the service `service`, by `test`.
 * @throws ZodError for values that the schema refuses
 */
export function snapshotOf<Schema extends z.ZodType>(
  schema: Schema,
  values: z.input<Schema>,
  rest: SnapshotRest = {},
): Snapshot {
  return composeSnapshot(completeValues(schema, values), rest);
}

/** Not looked at by any schema: also for documents that are wrong. */
export function composeSnapshot(values: JsonObject, rest: SnapshotRest): Snapshot {
  return {
    service: 'service',
    epoch: 1,
    version: 1,
    digest: digestOf(values),
    previous: null,
    values,
    restartRequired: [],
    secrets: [],
    author: 'test',
    reason: '',
    committedAt: new Date().toISOString(),
    ...rest,
  };
}

/**
 * The values with the schema's defaults. Where the schema turns them into something else, which no document could hold,
 * they stay as they are.
 * @throws ZodError for values that the schema refuses
 */
export function completeValues<Schema extends z.ZodType>(schema: Schema, values: z.input<Schema>): JsonObject {
  const output: unknown = schema.parse(values);
  const copy: unknown = JSON.parse(JSON.stringify(output) ?? 'null');
  const again = isJsonObject(copy) ? schema.safeParse(copy) : undefined;
  return again?.success && isDeepStrictEqual(again.data, output)
    ? (copy as JsonObject)
    : (JSON.parse(JSON.stringify(values)) as JsonObject);
}
