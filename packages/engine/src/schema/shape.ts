import { isJsonObject, type JsonObject, type JsonValue } from '@setpoint/protocol';
import { expandSchemas } from './schema-walk.ts';

/**
 * What a schema says about the value at one place, and from there about all within. Worked out when it is first asked
 * for; one that leads back to itself has as many shapes as it has parts.
 */
export interface Shape {
  readonly parts: readonly JsonObject[];
  /** The members that `properties` declare. */
  readonly names: readonly string[];
  /** Undefined where the schema says nothing of a member of this name. */
  member(name: string): Shape | undefined;
  item(index: number): Shape | undefined;
}

/** With `alternatives` also what is said by `anyOf`, `oneOf` and conditions: what may stand here, not what must. */
export function createShape(root: JsonObject, alternatives: boolean): Shape {
  const ids = new Map<JsonValue, number>();
  const shapes = new Map<string, Shape>();

  const idOf = (schema: JsonValue): number => {
    const id = ids.get(schema) ?? ids.size;
    ids.set(schema, id);
    return id;
  };

  function shapeOf(schemas: readonly JsonValue[]): Shape | undefined {
    if (schemas.length === 0) return undefined;
    const key = schemas.map(idOf).join();
    const shape = shapes.get(key) ?? createPlace(expandSchemas(root, schemas, alternatives), shapeOf);
    shapes.set(key, shape);
    return shape;
  }

  return shapeOf([root]) as Shape;
}

type ShapeOf = (schemas: readonly JsonValue[]) => Shape | undefined;

function createPlace(parts: readonly JsonObject[], shapeOf: ShapeOf): Shape {
  const rules = parts.map(readRules);
  const names = [
    ...new Set(parts.flatMap(({ properties }) => (isJsonObject(properties) ? Object.keys(properties) : []))),
  ];
  const find = (name: string): Shape | undefined => shapeOf(rules.flatMap((rule) => memberSchemas(rule, name)));
  // Only declared names are remembered: a document may have any number of others.
  const members = new Map<string, Shape | undefined>();
  const declared = new Set(names);
  return {
    parts,
    names,
    member(name) {
      if (!declared.has(name)) return find(name);
      if (!members.has(name)) members.set(name, find(name));
      return members.get(name);
    },
    item: (index) => shapeOf(parts.flatMap((part) => itemSchemas(part, index))),
  };
}

interface Rules {
  readonly schema: JsonObject;
  readonly patterns: readonly (readonly [RegExp, JsonValue])[];
}

const readRules = (schema: JsonObject): Rules => ({
  schema,
  patterns: isJsonObject(schema.patternProperties)
    ? Object.entries(schema.patternProperties).map(([pattern, member]) => [new RegExp(pattern, 'u'), member] as const)
    : [],
});

/** What a schema says about one member of an object. */
function memberSchemas({ schema, patterns }: Rules, name: string): JsonValue[] {
  const { properties, additionalProperties, unevaluatedProperties } = schema;
  const named = isJsonObject(properties) && Object.hasOwn(properties, name) ? [properties[name] as JsonValue] : [];
  const found = [...named, ...patterns.filter(([pattern]) => pattern.test(name)).map(([, member]) => member)];
  return found.length > 0 ? found : [additionalProperties, unevaluatedProperties].filter(isJsonObject);
}

/** What a schema says about one item of a list. */
function itemSchemas({ prefixItems, items, contains, unevaluatedItems }: JsonObject, index: number): JsonValue[] {
  const fixed = Array.isArray(prefixItems) ? (prefixItems[index] as JsonValue | undefined) : undefined;
  return [...(fixed === undefined ? [items, unevaluatedItems] : [fixed]), contains].filter(isJsonObject);
}
