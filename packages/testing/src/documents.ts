import type { JsonObject, JsonValue, Pointer } from '@setpoint/protocol';
import fc, { type Arbitrary } from 'fast-check';
import { z } from 'zod';
import { createReferences, type JsonSchema } from './json-schema.ts';
import { valuesOf } from './json-schema-values.ts';
import { isWrongAt, spoilersOf } from './json-schema-wrongs.ts';

/** A document that the schema refuses, and why. */
export interface InvalidDocument {
  readonly document: JsonObject;
  /** The place that is wrong. */
  readonly pointer: Pointer;
  /** What is wrong with it, as `"below the minimum"`. */
  readonly wrong: string;
}

/** After so many in a row that a refinement refuses, the next will not be better. */
const patience = 1000;

/**
 * Documents that the schema accepts, as fast-check makes them: small ones first, with and without what is optional.
 * Refinements are kept to by trying, so one that hardly any document passes is refused.
 * @throws Error for a schema that leads back to itself without end; from a run, where a thousand documents in a row did
 * not pass the schema
 */
export function validDocuments(schema: z.ZodType): Arbitrary<JsonObject> {
  let refused = 0;
  const root = toJsonSchema(schema);
  return valuesOf(root, createReferences(root)).filter((document) => {
    if (schema.safeParse(document).success) {
      refused = 0;
      return true;
    }
    refused += 1;
    if (refused < patience) return false;
    const why = schema.safeParse(document).error?.issues[0]?.message;
    throw new Error(`${patience} documents in a row did not pass the schema (${why}); write an arbitrary of your own`);
  }) as Arbitrary<JsonObject>;
}

/**
 * Documents that are right but for one place: another type, out of bounds, not among the choices, too long, too short,
 * missing, or unknown where the schema is strict.
 * @throws Error for a schema that refuses nothing that could be made
 */
export function invalidDocuments(schema: z.ZodType): Arbitrary<InvalidDocument> {
  const root = toJsonSchema(schema);
  const references = createReferences(root);
  let refused = 0;
  return validDocuments(schema)
    .chain((document) => {
      const spoilers = spoilersOf(root, references, document as JsonValue);
      // Where everything is optional, there is nothing in an empty document to spoil.
      return spoilers.length > 0 ? fc.constantFrom(...spoilers) : fc.constant(undefined);
    })
    .filter((spoiled): spoiled is InvalidDocument => {
      if (spoiled && isWrongAt(schema, spoiled.document, spoiled.pointer)) {
        refused = 0;
        return true;
      }
      refused += 1;
      if (refused < patience) return false;
      if (!spoiled) throw new Error('there is nothing in this schema that a document could get wrong');
      const place = spoiled.pointer || 'its root';
      throw new Error(`the schema accepts whatever is made wrong, at ${place} last; it checks too little`);
    });
}

function toJsonSchema(schema: z.ZodType): JsonSchema {
  const found = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-2020-12',
    unrepresentable: 'any',
    reused: 'inline',
  });
  if (found.type === 'object' || found.anyOf || found.oneOf || found.allOf || found.$ref) return found as JsonSchema;
  throw new Error('a document is an object; give the schema of the whole document');
}
