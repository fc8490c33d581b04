import {
  appendToken,
  type Fault,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
} from '@setpoint/protocol';
import leven from 'leven';
import { declaredNames } from './schema.ts';
import { expandSchema, itemSchemas, memberSchemas } from './schema-walk.ts';

/**
 * The members that no schema knows, each with the near name where there is one. An object whose schema declares
 * `properties` is closed unless it says `additionalProperties`: in a configuration a name that nobody reads is a
 * mistake, not an extension. The value is not repeated: it may be a secret under a misspelt name.
 */
export const findUnknownKeys = (schemas: readonly JsonObject[], document: JsonObject): Fault[] =>
  walk(
    schemas.map((schema) => ({ root: schema, schema })),
    document,
    '',
  );

interface Rooted {
  readonly root: JsonObject;
  readonly schema: JsonValue;
}

function walk(schemas: readonly Rooted[], value: JsonValue, at: Pointer): Fault[] {
  const parts = schemas.flatMap(({ root, schema }) =>
    expandSchema(root, schema).map((part) => ({ root, schema: part })),
  );
  if (Array.isArray(value)) {
    return value.flatMap((item: JsonValue, i) =>
      walk(
        under(parts, (part) => itemSchemas(part, i)),
        item,
        appendToken(at, i),
      ),
    );
  }
  if (!isJsonObject(value)) return [];
  const names = parts.flatMap(({ schema }) => declaredNames(schema));
  const isOpen = names.length === 0 || parts.some(({ schema }) => isOpenObject(schema));
  return Object.entries(value).flatMap(([key, member]) => {
    const members = under(parts, (part) => memberSchemas(part, key));
    if (members.length > 0) return walk(members, member, appendToken(at, key));
    return isOpen ? [] : [unknownKey(appendToken(at, key), key, names)];
  });
}

const under = (
  parts: readonly { root: JsonObject; schema: JsonObject }[],
  of: (schema: JsonObject) => JsonValue[],
): Rooted[] => parts.flatMap(({ root, schema }) => of(schema).map((member) => ({ root, schema: member })));

const isOpenObject = ({ additionalProperties }: JsonObject): boolean =>
  additionalProperties === true || isJsonObject(additionalProperties);

function unknownKey(pointer: Pointer, key: string, names: readonly string[]): Fault {
  const near = findNearName(key, names);
  return {
    pointer,
    message: near === undefined ? 'is not a known setting' : `is not a known setting; did you mean "${near}"?`,
    expected: `one of ${[...new Set(names)].sort().join(', ')}`,
    ...(near !== undefined && { suggestion: near }),
  };
}

/** The name closest to `text`, where it is close enough to be a slip. */
export function findNearName(text: string, names: readonly string[]): string | undefined {
  const key = text.toLowerCase();
  const [best] = names
    .map((name) => ({ name, distance: leven(key, name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const slip = text.length <= 3 ? 1 : Math.max(2, Math.floor(text.length / 3));
  return best && best.distance <= slip ? best.name : undefined;
}
