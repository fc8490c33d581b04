import {
  type Digest,
  digestOf,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  SetpointError,
} from '@setpoint/protocol';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expandSchema, findAnnotated, itemSchemas, memberSchemas, type PlacePattern } from './schema-walk.ts';

/** A JSON Schema (2020-12) ready to be asked. */
export interface CompiledSchema {
  readonly digest: Digest;
  readonly schema: JsonObject;
  /** Places marked `x-secret`. */
  readonly secrets: readonly PlacePattern[];
  /** Places marked `x-restart-required`. */
  readonly restartRequired: readonly PlacePattern[];
  /** What the validator finds wrong, every fault at once. */
  check(document: JsonObject): readonly ErrorObject[];
}

const ajv = new Ajv2020({ allErrors: true, strict: false, verbose: true, logger: false, validateSchema: true });
addFormats.default(ajv);

/** A schema that came over the wire may be anything; past this it is not compiled. Bytes. */
export const maxSchemaBytes = 262_144;

/**
 * Compiles a schema; costs tens of milliseconds, so keep the outcome.
 * @throws SetpointError `document_invalid` for what is not a JSON Schema or is larger than 256 KiB
 */
export function compileSchema(schema: JsonObject): CompiledSchema {
  const size = JSON.stringify(schema).length;
  if (size > maxSchemaBytes) {
    throw new SetpointError('document_invalid', `a schema of ${size} bytes is over the limit of ${maxSchemaBytes}`);
  }
  // Two builds may announce one $id with different content; it is not needed to resolve local references.
  const { $id: _, ...anonymous } = schema;
  const validate = compile(anonymous);
  return {
    digest: digestOf(schema),
    schema,
    secrets: findAnnotated(schema, 'x-secret'),
    restartRequired: findAnnotated(schema, 'x-restart-required'),
    check: (document) => (validate(document) ? [] : (validate.errors ?? [])),
  };
}

function compile(schema: JsonObject): ReturnType<typeof ajv.compile> {
  try {
    return ajv.compile(schema);
  } catch (cause) {
    throw new SetpointError('document_invalid', `not a JSON Schema (2020-12): ${(cause as Error).message}`, { cause });
  } finally {
    // The compiled function stands on its own; the cache would keep every schema ever announced.
    ajv.removeSchema(schema);
  }
}

/**
 * The document with what the schema's defaults add. A required section that is missing is filled from the defaults
 * within it. What needs nothing keeps its identity.
 */
export const fillDefaults = (schema: JsonObject, document: JsonObject): JsonObject =>
  fill(schema, [schema], document, 0) as JsonObject;

/** As deep as a document may be: a schema that requires itself would be filled without end. */
const maxFillDepth = 64;

function fill(root: JsonObject, schemas: readonly JsonValue[], value: JsonValue, depth: number): JsonValue {
  if (depth > maxFillDepth || typeof value !== 'object' || value === null) return value;
  const parts = schemas.flatMap((schema) => expandSchema(root, schema, false));
  if (Array.isArray(value)) {
    const items = value.map((item: JsonValue, i) =>
      fill(
        root,
        parts.flatMap((part) => itemSchemas(part, i)),
        item,
        depth + 1,
      ),
    );
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  return fillObject(root, parts, value as JsonObject, depth);
}

function fillObject(root: JsonObject, parts: readonly JsonObject[], value: JsonObject, depth: number): JsonObject {
  const names = new Set([...Object.keys(value), ...parts.flatMap(declaredNames)]);
  const changed: Record<string, JsonValue> = {};
  for (const name of names) {
    const schemas = parts.flatMap((part) => memberSchemas(part, name));
    const present = Object.hasOwn(value, name) ? value[name] : startValue(root, parts, schemas, name);
    if (present === undefined) continue;
    const filled = fill(root, schemas, present, depth + 1);
    if (!Object.hasOwn(value, name) || filled !== value[name]) changed[name] = filled;
  }
  return Object.keys(changed).length > 0 ? { ...value, ...changed } : value;
}

/** What a missing member starts from: its default, or an empty section where one is required. */
function startValue(
  root: JsonObject,
  parts: readonly JsonObject[],
  schemas: readonly JsonValue[],
  name: string,
): JsonValue | undefined {
  const expanded = schemas.flatMap((schema) => expandSchema(root, schema, false));
  const withDefault = expanded.find((schema) => Object.hasOwn(schema, 'default'));
  if (withDefault) return withDefault.default;
  const isRequired = parts.some(({ required }) => Array.isArray(required) && required.includes(name));
  return isRequired && expanded.some(({ type }) => type === 'object') ? {} : undefined;
}

export const declaredNames = ({ properties }: JsonObject): string[] =>
  isJsonObject(properties) ? Object.keys(properties) : [];
