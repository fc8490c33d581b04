import { type Contract, digestOf, type JsonObject, SetpointError } from '@setpoint/protocol';
import { z } from 'zod';

/**
 * Returns the contract that `connect` announces: the JSON Schema (2020-12) of the documents that a zod schema accepts.
 * @throws SetpointError `options_invalid` if JSON Schema cannot express the schema
 * @see docs/protocol.md#6-contract
 * @example
 * await writeFile('lamp.schema.json', JSON.stringify(deriveContract('lamp', schema).schema));
 */
export function deriveContract(service: string, schema: z.ZodType): Contract {
  const derived = toJsonSchema(schema);
  return { service, digest: digestOf(derived), schema: derived };
}

function toJsonSchema(schema: z.ZodType): JsonObject {
  try {
    // The authority checks published documents, so the contract is the input side; what a transform returns stays private.
    return z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12', unrepresentable: 'any' }) as JsonObject;
  } catch (cause) {
    throw new SetpointError('options_invalid', `the schema can't be announced: ${(cause as Error).message}`, { cause });
  }
}
