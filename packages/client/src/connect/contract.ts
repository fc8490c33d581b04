import { type Contract, digestOf, type JsonObject, SetpointError } from '@setpoint/protocol';
import { z } from 'zod';

/**
 * The contract of a service: the JSON Schema of what its zod schema accepts.
 * @throws SetpointError `options_invalid` for a schema that JSON Schema has no words for
 * @see docs/protocol.md#6-contract
 */
export function deriveContract(service: string, schema: z.ZodType): Contract {
  const derived = toJsonSchema(schema);
  return { service, digest: digestOf(derived), schema: derived };
}

function toJsonSchema(schema: z.ZodType): JsonObject {
  try {
    // What is checked is the published document, so it is the input side; what a transform makes of it is private.
    return z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12', unrepresentable: 'any' }) as JsonObject;
  } catch (cause) {
    throw new SetpointError('options_invalid', `the schema can't be announced: ${(cause as Error).message}`, { cause });
  }
}
