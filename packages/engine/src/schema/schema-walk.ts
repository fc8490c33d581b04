import { isJsonObject, type JsonObject, type JsonValue, readPointer, SetpointError } from '@setpoint/protocol';

/**
 * These schemas and all that they say about the same value: where a `$ref` leads, `allOf`, and, with `alternatives`,
 * what may hold besides.
 */
export function expandSchemas(root: JsonObject, schemas: readonly JsonValue[], alternatives: boolean): JsonObject[] {
  const found = new Set(schemas.filter(isJsonObject));
  for (const part of found) {
    const always = [followRef(root, part), ...listed(part.allOf)];
    const same = alternatives ? [...always, ...alternativesOf(part)] : always;
    for (const schema of same) if (isJsonObject(schema)) found.add(schema);
  }
  return [...found];
}

const listed = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : []);

const membersOf = (value: JsonValue | undefined): JsonValue[] => (isJsonObject(value) ? Object.values(value) : []);

const alternativesOf = (schema: JsonObject): (JsonValue | undefined)[] => [
  ...listed(schema.anyOf),
  ...listed(schema.oneOf),
  schema.if,
  schema.then,
  schema.else,
  ...membersOf(schema.dependentSchemas),
];

/** Where a local reference leads; undefined where it leads nowhere. */
function followRef(root: JsonObject, { $ref }: JsonObject): JsonValue | undefined {
  if (typeof $ref !== 'string' || !/^#(\/|$)/.test($ref)) return undefined;
  return readPointer(root, decodeURIComponent($ref.slice(1)));
}

/** What a schema says about the values inside its value. */
function childSchemas(schema: JsonObject): JsonObject[] {
  const { properties, patternProperties, additionalProperties, unevaluatedProperties } = schema;
  const { items, prefixItems, contains, unevaluatedItems } = schema;
  const children = [
    ...[properties, patternProperties].flatMap(membersOf),
    ...listed(prefixItems),
    ...[additionalProperties, unevaluatedProperties, items, contains, unevaluatedItems],
  ];
  return children.filter(isJsonObject);
}

/** Every schema that stands in this one or that it refers to, one step away. */
function innerSchemas(root: JsonObject, schema: JsonObject): JsonObject[] {
  const { propertyNames, not, $defs, definitions } = schema;
  const same = [followRef(root, schema), ...listed(schema.allOf), ...alternativesOf(schema), propertyNames, not];
  return [...same, ...[$defs, definitions].flatMap(membersOf), ...childSchemas(schema)].filter(isJsonObject);
}

/** Every schema in these schemas. */
export function schemasWithin(root: JsonObject, starts: readonly JsonValue[]): ReadonlySet<JsonObject> {
  const found = new Set(starts.filter(isJsonObject));
  for (const schema of found) for (const inner of innerSchemas(root, schema)) found.add(inner);
  return found;
}

/** Every schema in a schema, with those that it stands in or is referred to from. */
function findParents(root: JsonObject): Map<JsonObject, JsonObject[]> {
  const parents = new Map<JsonObject, JsonObject[]>([[root, []]]);
  for (const schema of parents.keys()) {
    for (const inner of innerSchemas(root, schema)) {
      const known = parents.get(inner);
      if (known) known.push(schema);
      else parents.set(inner, [schema]);
    }
  }
  return parents;
}

/** The schemas that carry `keyword: true` or lead to one that does. */
export function findHolders(root: JsonObject, keyword: string): ReadonlySet<JsonObject> {
  const parents = findParents(root);
  const holders = new Set([...parents.keys()].filter((schema) => schema[keyword] === true));
  for (const schema of holders) for (const parent of parents.get(schema) ?? []) holders.add(parent);
  return holders;
}

/**
 * Refuses references that are not followed here: a secret behind one would be shown.
 * @throws SetpointError `document_invalid`
 */
export function refuseForeignReferences(root: JsonObject): void {
  for (const schema of schemasWithin(root, [root])) {
    const isForeign = schema.$ref !== undefined && followRef(root, schema) === undefined;
    if (isForeign || schema.$dynamicRef !== undefined || (schema !== root && typeof schema.$id === 'string')) {
      const detail = 'a schema may only refer to its own parts, by "#/…", and have no $id inside';
      throw new SetpointError('document_invalid', `not a schema that can be followed: ${detail}`);
    }
  }
}
