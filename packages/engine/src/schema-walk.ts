import {
  appendToken,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
  parsePointer,
} from '@setpoint/protocol';

/** A place in every document of a schema: tokens, where `any` stands for each member or item. */
export type PlacePattern = readonly (string | typeof any)[];
export const any: unique symbol = Symbol('any member or item');

/** How far a schema is followed: one that refers to itself would never end. */
const maxSchemaDepth = 24;

/**
 * A schema and all that it says about the same value: where its local `$ref` leads, its `allOf`, and, with
 * `alternatives`, its `anyOf` and `oneOf`.
 */
export function expandSchema(root: JsonObject, schema: JsonValue | undefined, alternatives = true): JsonObject[] {
  const found = new Set<JsonObject>();
  const visit = (candidate: JsonValue | undefined): void => {
    if (!isJsonObject(candidate) || found.has(candidate)) return;
    found.add(candidate);
    if (typeof candidate.$ref === 'string') visit(followRef(root, candidate.$ref));
    for (const keyword of alternatives ? ['allOf', 'anyOf', 'oneOf'] : ['allOf']) {
      const members = candidate[keyword];
      if (Array.isArray(members)) members.forEach(visit);
    }
  };
  visit(schema);
  return [...found];
}

function followRef(root: JsonObject, ref: string): JsonValue | undefined {
  if (ref === '#') return root;
  if (!ref.startsWith('#/')) return undefined;
  let here: JsonValue | undefined = root;
  for (const token of parsePointer(decodeURIComponent(ref.slice(1))))
    here = isJsonObject(here) ? here[token] : undefined;
  return here;
}

/** What a schema says about one member of an object. */
export function memberSchemas(schema: JsonObject, name: string): JsonValue[] {
  const { properties, patternProperties, additionalProperties } = schema;
  const found: JsonValue[] = [];
  if (isJsonObject(properties) && Object.hasOwn(properties, name)) found.push(properties[name] as JsonValue);
  if (isJsonObject(patternProperties)) {
    for (const [pattern, member] of Object.entries(patternProperties)) if (matches(pattern, name)) found.push(member);
  }
  if (found.length === 0 && isJsonObject(additionalProperties)) found.push(additionalProperties);
  return found;
}

function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(name);
  } catch {
    return false;
  }
}

/** What a schema says about one item of a list. */
export function itemSchemas(schema: JsonObject, index: number): JsonValue[] {
  const { prefixItems, items } = schema;
  if (Array.isArray(prefixItems) && index < prefixItems.length) return [prefixItems[index]];
  return isJsonObject(items) ? [items] : [];
}

/** Every place whose schema carries `keyword: true`. */
export function findAnnotated(root: JsonObject, keyword: string): PlacePattern[] {
  const found = new Map<string, PlacePattern>();
  const visit = (schema: JsonValue | undefined, at: PlacePattern): void => {
    if (at.length > maxSchemaDepth) return;
    for (const part of expandSchema(root, schema)) {
      if (part[keyword] === true) found.set(at.map(String).join('/'), at);
      else for (const [token, member] of childSchemas(part)) visit(member, [...at, token]);
    }
  };
  visit(root, []);
  return [...found.values()];
}

function childSchemas(schema: JsonObject): [string | typeof any, JsonValue][] {
  const { properties, patternProperties, additionalProperties, items, prefixItems } = schema;
  const all: [string | typeof any, JsonValue | undefined][] = [
    ...(isJsonObject(properties) ? Object.entries(properties) : []),
    ...(isJsonObject(patternProperties) ? Object.values(patternProperties) : []).map(
      (member) => [any, member] as const,
    ),
    ...(Array.isArray(prefixItems) ? (prefixItems as JsonValue[]) : []).map((item, i) => [String(i), item] as const),
    [any, additionalProperties],
    [any, items],
  ].map(([token, member]) => [token, member] as [string | typeof any, JsonValue | undefined]);
  return all.filter((entry): entry is [string | typeof any, JsonValue] => isJsonObject(entry[1]));
}

/** The places of a document that a pattern means. */
export function matchPlaces(document: JsonValue, patterns: readonly PlacePattern[]): Pointer[] {
  const found = new Set<Pointer>();
  for (const pattern of patterns) for (const pointer of matchPlace(document, pattern, '')) found.add(pointer);
  return [...found].sort();
}

function matchPlace(here: JsonValue | undefined, [token, ...rest]: PlacePattern, at: Pointer): Pointer[] {
  if (here === undefined) return [];
  if (token === undefined) return [at];
  if (typeof here !== 'object' || here === null) return [];
  const keys = token === any ? Object.keys(here) : Object.hasOwn(here, token) ? [token] : [];
  return keys.flatMap((key) => matchPlace((here as JsonObject)[key], rest, appendToken(at, key)));
}

/** Does `pointer` lead to such a place, into one, or to something that may hold one? */
export function touchesPlace(pointer: Pointer, patterns: readonly PlacePattern[]): boolean {
  const tokens = parsePointer(pointer);
  return patterns.some((pattern) =>
    pattern.slice(0, tokens.length).every((token, i) => token === any || token === tokens[i]),
  );
}
