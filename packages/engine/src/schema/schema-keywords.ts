import {
  appendToken,
  type Fault,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
} from '@setpoint/protocol';

type Kind =
  | 'schema'
  | 'schemas'
  | 'members'
  | 'patterns'
  | 'count'
  | 'number'
  | 'flag'
  | 'text'
  | 'texts'
  | 'lists'
  | 'pattern'
  | 'types'
  | 'values';

/** What each keyword of JSON Schema 2020-12 takes. Other keywords are annotations, and may be anything. */
const kinds: Readonly<Record<string, Kind>> = {
  additionalProperties: 'schema',
  allOf: 'schemas',
  anyOf: 'schemas',
  contains: 'schema',
  definitions: 'members',
  $defs: 'members',
  dependentRequired: 'lists',
  dependentSchemas: 'members',
  else: 'schema',
  enum: 'values',
  exclusiveMaximum: 'number',
  exclusiveMinimum: 'number',
  format: 'text',
  if: 'schema',
  items: 'schema',
  maxContains: 'count',
  maximum: 'number',
  maxItems: 'count',
  maxLength: 'count',
  maxProperties: 'count',
  minContains: 'count',
  minimum: 'number',
  minItems: 'count',
  minLength: 'count',
  minProperties: 'count',
  multipleOf: 'number',
  not: 'schema',
  oneOf: 'schemas',
  pattern: 'pattern',
  patternProperties: 'patterns',
  prefixItems: 'schemas',
  properties: 'members',
  propertyNames: 'schema',
  $ref: 'text',
  required: 'texts',
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
  then: 'schema',
  type: 'types',
  unevaluatedItems: 'schema',
  unevaluatedProperties: 'schema',
  uniqueItems: 'flag',
};

const typeNames = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer'];

const isText = (value: JsonValue): boolean => typeof value === 'string';
const isSchema = (value: JsonValue): boolean => typeof value === 'boolean' || isJsonObject(value);
const isListOf = (value: JsonValue, isItem: (item: JsonValue) => boolean): boolean =>
  Array.isArray(value) && value.every(isItem);
const isType = (value: JsonValue): boolean => typeof value === 'string' && typeNames.includes(value);

const checks: Readonly<Record<Kind, { readonly isRight: (value: JsonValue) => boolean; readonly wanted: string }>> = {
  schema: { isRight: isSchema, wanted: 'a schema' },
  schemas: {
    isRight: (value) => isListOf(value, isSchema) && (value as JsonValue[]).length > 0,
    wanted: 'a list of schemas, not empty',
  },
  members: {
    isRight: (value) => isJsonObject(value) && Object.values(value).every(isSchema),
    wanted: 'schemas by name',
  },
  patterns: {
    isRight: (value) => isJsonObject(value) && Object.values(value).every(isSchema),
    wanted: 'schemas by pattern',
  },
  count: { isRight: (value) => Number.isInteger(value) && (value as number) >= 0, wanted: 'a whole number from 0' },
  number: { isRight: (value) => typeof value === 'number', wanted: 'a number' },
  flag: { isRight: (value) => typeof value === 'boolean', wanted: 'true or false' },
  text: { isRight: isText, wanted: 'a text' },
  texts: { isRight: (value) => isListOf(value, isText), wanted: 'a list of texts' },
  lists: {
    isRight: (value) => isJsonObject(value) && Object.values(value).every((list) => isListOf(list, isText)),
    wanted: 'lists of texts by name',
  },
  pattern: { isRight: isText, wanted: 'a pattern' },
  types: {
    isRight: (value) => isType(value) || (isListOf(value, isType) && (value as JsonValue[]).length > 0),
    wanted: `one or several of ${typeNames.join(', ')}`,
  },
  values: { isRight: (value) => Array.isArray(value), wanted: 'a list of values' },
};

/** More would not help anyone. */
const maxFaults = 20;

/** Everything that keeps a schema from being evaluated, with its place in the schema; empty for a sound one. */
export function findSchemaFaults(root: JsonObject, compilePattern: (pattern: string) => unknown): Fault[] {
  const faults: Fault[] = [];
  const waiting: [schema: JsonObject, at: Pointer][] = [[root, '']];
  const visit = (value: JsonValue, at: Pointer): void => {
    if (isJsonObject(value)) waiting.push([value, at]);
  };
  for (let next = waiting.pop(); next && faults.length < maxFaults; next = waiting.pop()) {
    const [schema, place] = next;
    for (const [keyword, value] of Object.entries(schema)) {
      const kind = Object.hasOwn(kinds, keyword) ? kinds[keyword] : undefined;
      if (!kind) continue;
      const at = appendToken(place, keyword);
      if (!checks[kind].isRight(value)) {
        faults.push({ pointer: at, message: `must be ${checks[kind].wanted}`, expected: checks[kind].wanted });
        continue;
      }
      if (kind === 'schema') visit(value, at);
      if (kind === 'schemas') for (const [i, part] of (value as JsonValue[]).entries()) visit(part, appendToken(at, i));
      if (kind === 'members' || kind === 'patterns') {
        for (const [name, part] of Object.entries(value as JsonObject)) visit(part, appendToken(at, name));
      }
      const patterns =
        kind === 'pattern' ? [value as string] : kind === 'patterns' ? Object.keys(value as JsonObject) : [];
      for (const pattern of patterns) faults.push(...patternFaults(pattern, at, compilePattern));
    }
  }
  return faults;
}

function patternFaults(pattern: string, pointer: Pointer, compilePattern: (pattern: string) => unknown): Fault[] {
  try {
    compilePattern(pattern);
    return [];
  } catch (cause) {
    return [{ pointer, message: `is a pattern that can't be used: ${(cause as Error).message}` }];
  }
}
