import { type JsonValue, readPointer } from '@setpoint/protocol';

/** What zod writes of a schema, as far as it is read here. */
export interface JsonSchema {
  /** A place in the whole schema, as `"#/$defs/Name"`; `"#"` is the whole. */
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: JsonValue;
  readonly enum?: readonly JsonValue[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema | boolean;
  readonly prefixItems?: readonly JsonSchema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
}

/** Follows what a schema says of itself elsewhere. */
export interface References {
  follow(reference: string): JsonSchema;
  /** Whether it leads back to itself. */
  isRecursive(reference: string): boolean;
}

export function createReferences(root: JsonSchema): References {
  const known = new Map<string, boolean>();

  // [RFC 6901, 6] A fragment is a pointer, percent-encoded.
  const follow = (reference: string): JsonSchema =>
    readPointer(root as JsonValue, decodeURIComponent(reference.slice(1))) as JsonSchema;

  const isRecursive = (reference: string): boolean => {
    const found = known.get(reference) ?? reachable(reference).has(reference);
    known.set(reference, found);
    return found;
  };

  const reachable = (start: string): ReadonlySet<string> => {
    const seen = new Set<string>();
    const pending = referencesIn(follow(start));
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      pending.push(...referencesIn(follow(next)));
    }
    return seen;
  };

  return { follow, isRecursive };
}

function referencesIn(schema: JsonSchema): string[] {
  const { $ref, anyOf = [], oneOf = [], allOf = [], properties = {}, prefixItems = [] } = schema;
  const nested = [schema.items, schema.additionalProperties, schema.propertyNames].filter(
    (part) => typeof part === 'object',
  );
  const parts = [...anyOf, ...oneOf, ...allOf, ...prefixItems, ...Object.values(properties), ...nested];
  return [...($ref === undefined ? [] : [$ref]), ...parts.flatMap(referencesIn)];
}
