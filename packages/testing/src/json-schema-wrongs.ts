import {
  appendToken,
  formatPointer,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
} from '@setpoint/protocol';
import type { z } from 'zod';
import type { JsonSchema } from './json-schema-values.ts';

/** A document with one thing wrong. */
interface Spoiled {
  readonly document: JsonObject;
  readonly pointer: Pointer;
  readonly wrong: string;
}

/** Another value for one place; `missing` where it is to be taken away. */
interface Wrong {
  readonly pointer: Pointer;
  readonly path: readonly string[];
  readonly value: JsonValue | typeof missing;
  readonly wrong: string;
}

const missing = Symbol('missing');
const unknownMember = 'not-in-the-schema';

/** Every way in which this right document can be made wrong in one place. */
export function spoilersOf(schema: JsonSchema, document: JsonValue): readonly Spoiled[] {
  return wrongsOf(schema, document, [])
    .filter(({ path }) => path.length > 0)
    .map(({ path, value, pointer, wrong }) => ({ document: put(document, path, value) as JsonObject, pointer, wrong }));
}

/** Whether the schema refuses the document at this very place. */
export function isWrongAt(schema: z.ZodType, document: JsonObject, pointer: Pointer): boolean {
  const { error } = schema.safeParse(document);
  if (!error) return false;
  return error.issues.some((issue) => {
    const place = formatPointer(issue.path.map(String));
    if (issue.code !== 'unrecognized_keys') return place === pointer;
    return issue.keys.some((key) => appendToken(place, key) === pointer);
  });
}

function wrongsOf(schema: JsonSchema, value: JsonValue, path: readonly string[]): readonly Wrong[] {
  const at = (wrong: string, other: JsonValue | typeof missing, name?: string): Wrong => {
    const place = name === undefined ? path : [...path, name];
    return { path: place, pointer: formatPointer(place), value: other, wrong };
  };
  if (schema.allOf) return schema.allOf.flatMap((part) => wrongsOf(part, value, path));
  // Which of them was meant is not known, so that the place itself gets what none of them takes.
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [at('none of the choices', noneOf(choices))];
  if (schema.const !== undefined || schema.enum) return [at('not among the choices', unknownMember)];
  switch (schema.type) {
    case 'object':
      return [at('not an object', 'text'), ...wrongMembers(schema, value, path, at)];
    case 'array':
      return [at('not a list', 'text'), ...wrongItems(schema, value, path, at)];
    case 'string':
      return [at('not a text', 7), ...wrongTexts(schema).map(([wrong, other]) => at(wrong, other))];
    case 'integer':
    case 'number':
      return [at('not a number', 'seven'), ...wrongNumbers(schema).map(([wrong, other]) => at(wrong, other))];
    case 'boolean':
      return [at('neither true nor false', 'yes')];
    case 'null':
      return [at('not null', 'text')];
    default:
      return [];
  }
}

type At = (wrong: string, other: JsonValue | typeof missing, name?: string) => Wrong;

function wrongMembers(schema: JsonSchema, value: JsonValue, path: readonly string[], at: At): readonly Wrong[] {
  if (!isJsonObject(value)) return [];
  const { properties = {}, required = [], additionalProperties } = schema;
  const rest = typeof additionalProperties === 'object' ? additionalProperties : undefined;
  const members = Object.entries(value).flatMap(([name, member]) => {
    const part = Object.hasOwn(properties, name) ? properties[name] : rest;
    return part ? wrongsOf(part, member, [...path, name]) : [];
  });
  const absent = required.filter((name) => Object.hasOwn(value, name)).map((name) => at('missing', missing, name));
  const unknown = additionalProperties === false ? [at('unknown', 1, unknownMember)] : [];
  return [...members, ...absent, ...unknown];
}

function wrongItems(schema: JsonSchema, value: JsonValue, path: readonly string[], at: At): readonly Wrong[] {
  if (!Array.isArray(value)) return [];
  const { items, prefixItems, minItems = 0, maxItems } = schema;
  const partOf = (index: number): JsonSchema | undefined =>
    prefixItems?.[index] ?? (typeof items === 'object' ? items : undefined);
  const inside = value.flatMap((item, index) => {
    const part = partOf(index);
    return part ? wrongsOf(part, item, [...path, String(index)]) : [];
  });
  // A tuple of another length is also wrong at what it lacks or has too much.
  if (prefixItems) return inside;
  const first = value[0];
  const tooFew = minItems > 0 ? [at('too few items', value.slice(0, minItems - 1))] : [];
  const tooMany =
    maxItems !== undefined && first !== undefined ? [at('too many items', Array(maxItems + 1).fill(first))] : [];
  return [...inside, ...tooFew, ...tooMany];
}

function wrongTexts({ minLength = 0, maxLength, pattern, format }: JsonSchema): [string, JsonValue][] {
  const wrongs: [string, JsonValue][] = [];
  if (minLength > 0) wrongs.push(['too short', 'x'.repeat(minLength - 1)]);
  if (maxLength !== undefined) wrongs.push(['too long', 'x'.repeat(maxLength + 1)]);
  if (format !== undefined || pattern !== undefined) wrongs.push(['of another form', '\u0000 no form has this']);
  return wrongs;
}

function wrongNumbers({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }: JsonSchema) {
  const wrongs: [string, JsonValue][] = [];
  if (minimum !== undefined && minimum > -Number.MAX_SAFE_INTEGER) wrongs.push(['below the minimum', minimum - 1]);
  if (maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER) wrongs.push(['above the maximum', maximum + 1]);
  if (exclusiveMinimum !== undefined) wrongs.push(['not above the minimum', exclusiveMinimum]);
  if (exclusiveMaximum !== undefined) wrongs.push(['not below the maximum', exclusiveMaximum]);
  if (type === 'integer') wrongs.push(['not whole', (minimum ?? 0) + 0.5]);
  if (multipleOf !== undefined) wrongs.push(['not a multiple', multipleOf * 1.5]);
  return wrongs;
}

/** A value of a kind that none of these is. */
function noneOf(choices: readonly JsonSchema[]): JsonValue {
  const types = new Set(
    choices.flatMap(({ type, anyOf, oneOf }) => [type, ...[...(anyOf ?? []), ...(oneOf ?? [])].map((one) => one.type)]),
  );
  if (!types.has('object')) return { [unknownMember]: true };
  if (!types.has('boolean')) return true;
  return types.has('array') ? unknownMember : [unknownMember];
}

function put(target: JsonValue, [name = '', ...rest]: readonly string[], value: JsonValue | typeof missing): JsonValue {
  if (Array.isArray(target)) {
    return target.map((item, index) =>
      index === Number(name) ? (rest.length > 0 ? put(item, rest, value) : (value as JsonValue)) : item,
    );
  }
  const { [name]: before, ...others } = target as JsonObject;
  if (value === missing && rest.length === 0) return others;
  return { ...(target as JsonObject), [name]: rest.length > 0 ? put(before ?? {}, rest, value) : (value as JsonValue) };
}
