import {
  appendToken,
  formatPointer,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
} from '@setpoint/protocol';
import type { z } from 'zod';
import type { JsonSchema, References } from './json-schema.ts';

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
export function spoilersOf(schema: JsonSchema, references: References, document: JsonValue): readonly Spoiled[] {
  return createSpoiler(references)(schema, document, [])
    .map(({ path, value, pointer, wrong }) => ({ document: put(document, path, value), pointer, wrong }))
    .filter((spoiled): spoiled is Spoiled => isJsonObject(spoiled.document));
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

type WrongsOf = (schema: JsonSchema, value: JsonValue, path: readonly string[]) => readonly Wrong[];

function createSpoiler(references: References): WrongsOf {
  const resolve = (schema: JsonSchema): JsonSchema =>
    schema.$ref === undefined ? schema : resolve(references.follow(schema.$ref));

  const wrongsOf: WrongsOf = (given, value, path) => {
    const schema = resolve(given);
    const at = (wrong: string, other: JsonValue | typeof missing, name?: string): Wrong => {
      const place = name === undefined ? path : [...path, name];
      return { path: place, pointer: formatPointer(place), value: other, wrong };
    };
    if (schema.allOf) return schema.allOf.flatMap((part) => wrongsOf(part, value, path));
    const choices = (schema.anyOf ?? schema.oneOf)?.map(resolve);
    if (choices) {
      // A document is an object, also a wrong one.
      const none = at('none of the choices', path.length === 0 ? { [unknownMember]: true } : noneOf(choices, resolve));
      const [meant, ...others] = choices.filter((choice) => isNamedBy(choice, value));
      // Unless its members say which of them was meant, only the place itself can get what none of them takes.
      return meant && others.length === 0 ? [none, ...wrongsOf(meant, value, path)] : [none];
    }
    if (schema.const !== undefined || schema.enum) return [at('not among the choices', unknownMember)];
    switch (schema.type) {
      case 'object':
        return [at('not an object', 'text'), ...wrongMembers(schema, value, path, at, wrongsOf)];
      case 'array':
        return [at('not a list', 'text'), ...wrongItems(schema, value, path, at, wrongsOf)];
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
  };
  return wrongsOf;
}

/** Whether the value has what tells this choice from the others, as `kind: 'lamp'`. */
function isNamedBy({ properties = {}, required = [] }: JsonSchema, value: JsonValue): boolean {
  if (!isJsonObject(value)) return false;
  const names = required.filter((name) => properties[name]?.const !== undefined || properties[name]?.enum);
  return (
    names.length > 0 &&
    names.every((name) => {
      const { const: only, enum: several = [only] } = properties[name] ?? {};
      return several.some((one) => one === value[name]);
    })
  );
}

type At = (wrong: string, other: JsonValue | typeof missing, name?: string) => Wrong;

function wrongMembers(
  schema: JsonSchema,
  value: JsonValue,
  path: readonly string[],
  at: At,
  wrongsOf: WrongsOf,
): readonly Wrong[] {
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

function wrongItems(
  schema: JsonSchema,
  value: JsonValue,
  path: readonly string[],
  at: At,
  wrongsOf: WrongsOf,
): readonly Wrong[] {
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
function noneOf(choices: readonly JsonSchema[], resolve: (schema: JsonSchema) => JsonSchema): JsonValue {
  const types = new Set(
    choices.flatMap(({ type, anyOf = [], oneOf = [] }) => [
      type,
      ...[...anyOf, ...oneOf].map((one) => resolve(one).type),
    ]),
  );
  if (!types.has('object')) return { [unknownMember]: true };
  if (!types.has('boolean')) return true;
  return types.has('array') ? unknownMember : [unknownMember];
}

function put(target: JsonValue, path: readonly string[], value: JsonValue | typeof missing): JsonValue {
  const [name, ...rest] = path;
  if (name === undefined) return value as JsonValue;
  if (Array.isArray(target)) {
    return target.map((item, index) => (index === Number(name) ? put(item, rest, value) : item));
  }
  const { [name]: before, ...others } = target as JsonObject;
  if (value === missing && rest.length === 0) return others;
  return { ...(target as JsonObject), [name]: put(before ?? {}, rest, value) };
}
