import { isJsonObject, type JsonObject, type JsonValue } from '@setpoint/protocol';
import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js';

/**
 * Knows the sections of large documents that are valid, so that only those that have changed are validated again. Bench
 * row: 8 load of a file of 1 MB, validation.
 */
export interface SectionCheck {
  /**
   * Is the document valid, by what is known and by looking at the rest? False where it can't say. A section is known by
   * its identity, which it keeps as long as nothing in it changes.
   */
  isValid(document: JsonObject): boolean;
  /** The document was found valid, and so every section of it is. */
  remember(document: JsonObject): void;
}

/** A section of so many entries is worth remembering entry by entry. */
const manyEntries = 100;

/** Undefined for a schema that says of sections what depends on the sections beside them. */
export function createSectionCheck(ajv: Ajv2020, root: JsonObject): SectionCheck | undefined {
  if (!isSeparable(root)) return undefined;
  const check = sectionOf({ ajv, root }, root, [], true);
  const isLarge = (document: JsonObject): boolean => Object.values(document).some(hasManyEntries);
  // A document of which nothing is known is looked at whole, which is quicker than part by part.
  let isAnyKnown = false;
  return {
    isValid: (document) => isAnyKnown && isLarge(document) && check.isValid(document),
    remember(document) {
      if (!isLarge(document)) return;
      isAnyKnown = true;
      check.remember(document);
    },
  };
}

const hasManyEntries = (value: JsonValue): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length >= manyEntries;

const annotations = '$schema $comment $defs definitions title description default examples deprecated';
const wordsOf = (words: string): ReadonlySet<string> => new Set(`${annotations} ${words}`.split(' '));
const sectionWords = wordsOf(
  'type properties required additionalProperties minProperties maxProperties propertyNames dependentRequired',
);
const listWords = wordsOf('type items minItems maxItems');

const hasOnly = (schema: JsonObject, words: ReadonlySet<string>): boolean =>
  Object.keys(schema).every((word) => words.has(word) || word.startsWith('x-'));

/** Are its members valid or not each by itself? */
const isSeparable = (schema: JsonValue | undefined): schema is JsonObject =>
  isJsonObject(schema) && hasOnly(schema, sectionWords);

const isSeparableList = (schema: JsonValue | undefined): schema is JsonObject =>
  isJsonObject(schema) && isJsonObject(schema.items) && hasOnly(schema, listWords);

interface Check {
  isValid(value: JsonValue): boolean;
  remember(value: JsonValue): void;
}

interface Root {
  readonly ajv: Ajv2020;
  readonly root: JsonObject;
}

/** The root, whose members may be maps and lists of entries in turn; what is deeper is part of an entry. */
function sectionOf(at: Root, schema: JsonObject, path: readonly string[], isRoot: boolean): Check {
  const { additionalProperties, properties = {} } = schema;
  const named = new Map(
    Object.entries(properties as JsonObject).map(([name, member]) => {
      const inner = [...path, 'properties', name];
      return [name, isRoot ? memberOf(at, member, inner) : entryOf(at, inner)] as const;
    }),
  );
  const rest = isJsonObject(additionalProperties) ? entryOf(at, [...path, 'additionalProperties']) : undefined;
  return containerOf(ownCheck(at, schema), (name) => named.get(name) ?? rest);
}

function memberOf(at: Root, schema: JsonValue, path: readonly string[]): Check {
  if (isSeparable(schema) && isJsonObject(schema.additionalProperties)) return sectionOf(at, schema, path, false);
  if (!isSeparableList(schema)) return entryOf(at, path);
  const item = entryOf(at, [...path, 'items']);
  return containerOf(ownCheck(at, schema), () => item);
}

/** One that is valid where it is itself, and each of its members by its own check. */
function containerOf(
  isValidItself: (value: JsonValue) => boolean,
  checkOf: (name: string) => Check | undefined,
): Check {
  const valid = new WeakSet<object>();
  const members = (value: JsonValue): [string, JsonValue][] =>
    typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return {
    isValid(value) {
      if (isObject(value) && valid.has(value)) return true;
      const isValid =
        isValidItself(value) && members(value).every(([name, member]) => checkOf(name)?.isValid(member) ?? true);
      if (isValid && isObject(value)) valid.add(value);
      return isValid;
    },
    remember(value) {
      if (!isObject(value) || valid.has(value)) return;
      valid.add(value);
      for (const [name, member] of members(value)) checkOf(name)?.remember(member);
    },
  };
}

function entryOf(at: Root, path: readonly string[]): Check {
  const valid = new WeakSet<object>();
  let validate: ValidateFunction | undefined;
  return {
    isValid(value) {
      if (isObject(value) && valid.has(value)) return true;
      validate ??= compileAt(at, path);
      const isValid = validate(value);
      if (isValid && isObject(value)) valid.add(value);
      return isValid;
    },
    remember(value) {
      if (isObject(value)) valid.add(value);
    },
  };
}

const isObject = (value: JsonValue): value is JsonObject => typeof value === 'object' && value !== null;

/** Compiled inside its root, so that its references lead where they did. */
function compileAt({ ajv, root }: Root, path: readonly string[]): ValidateFunction {
  const fragment = path.map((token) => encodeURIComponent(token.replaceAll('~', '~0').replaceAll('/', '~1')));
  const place = ['root#', ...fragment].join('/');
  ajv.addSchema(root, 'root');
  try {
    return ajv.getSchema(place) as ValidateFunction;
  } finally {
    // It is kept under its place as well, where the next schema would find it instead of its own.
    ajv.removeSchema(place);
    ajv.removeSchema('root');
    ajv.removeSchema(root);
  }
}

/** What a schema says of its value without looking into the members. */
function ownCheck({ ajv }: Root, schema: JsonObject): (value: JsonValue) => boolean {
  let validate: ValidateFunction | undefined;
  return (value) => {
    validate ??= compileShallow(ajv, schema);
    return validate(value);
  };
}

function compileShallow(
  ajv: Ajv2020,
  { items: _, $defs: __, definitions: ___, ...schema }: JsonObject,
): ValidateFunction {
  const names = Object.entries((schema.properties ?? {}) as JsonObject);
  const shallow: JsonObject = {
    ...schema,
    properties: Object.fromEntries(names.map(([name, member]) => [name, member !== false])),
    additionalProperties: schema.additionalProperties !== false,
  };
  try {
    return ajv.compile(shallow);
  } finally {
    ajv.removeSchema(shallow);
  }
}
