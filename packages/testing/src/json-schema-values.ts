import type { JsonValue } from '@setpoint/protocol';
import fc, { type Arbitrary } from 'fast-check';

/** What zod writes of a schema, as far as it is read here. */
export interface JsonSchema {
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

const manyItems = 4;
const longText = 24;
const largest = 1e6;

/** Values that this schema describes. What it can't say (a refinement) is not kept to. */
export function valuesOf(schema: JsonSchema): Arbitrary<JsonValue> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map(valuesOf));
  if (schema.allOf) return fc.tuple(...schema.allOf.map(valuesOf)).map(merge);
  switch (schema.type) {
    case 'object':
      return objects(schema);
    case 'array':
      return arrays(schema);
    case 'string':
      return texts(schema);
    case 'integer':
    case 'number':
      return numbers(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return fc.oneof(fc.string({ maxLength: longText }), fc.integer(), fc.boolean());
  }
}

const merge = (parts: readonly JsonValue[]): JsonValue => Object.assign({}, ...parts);

function objects({ properties, required = [], additionalProperties, propertyNames }: JsonSchema): Arbitrary<JsonValue> {
  if (!properties && typeof additionalProperties === 'object') {
    const names = propertyNames ? valuesOf({ type: 'string', ...propertyNames }) : fc.stringMatching(/^[a-z]{1,8}$/);
    return fc.dictionary(names as Arbitrary<string>, valuesOf(additionalProperties), {
      maxKeys: manyItems,
      noNullPrototype: true,
    });
  }
  const members = Object.fromEntries(Object.entries(properties ?? {}).map(([name, part]) => [name, valuesOf(part)]));
  const requiredKeys = required.filter((name) => Object.hasOwn(members, name));
  return fc.record(members, { requiredKeys, noNullPrototype: true }) as Arbitrary<JsonValue>;
}

function arrays({
  items,
  prefixItems,
  minItems = 0,
  maxItems = minItems + manyItems,
}: JsonSchema): Arbitrary<JsonValue> {
  if (prefixItems) return fc.tuple(...prefixItems.map(valuesOf));
  const item = typeof items === 'object' ? valuesOf(items) : fc.integer();
  return fc.array(item, { minLength: minItems, maxLength: maxItems });
}

function texts({ format, pattern, minLength = 0, maxLength = minLength + longText }: JsonSchema): Arbitrary<string> {
  const isLong = ({ length }: string): boolean => length >= minLength && length <= maxLength;
  switch (format) {
    case 'email':
      return fc.stringMatching(/^[a-z]{1,8}@[a-z]{1,8}\.com$/).filter(isLong);
    case 'uri':
      return fc.stringMatching(/^https:\/\/[a-z]{1,10}\.example\/[a-z0-9]{0,8}$/);
    case 'uuid':
      return fc.uuid();
    case 'date-time':
      return moments().map((date) => date.toISOString());
    case 'date':
      return moments().map((date) => date.toISOString().slice(0, 10));
    case 'ipv4':
      return fc.ipV4();
    default:
  }
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern)).filter(isLong);
  return fc.string({ minLength, maxLength });
}

const moments = (): Arbitrary<Date> =>
  fc.date({ min: new Date('2000-01-01'), max: new Date('2099-12-31'), noInvalidDate: true });

function numbers(schema: JsonSchema): Arbitrary<number> {
  const { min, max } = boundsOf(schema);
  const step = schema.multipleOf ?? (schema.type === 'integer' ? 1 : undefined);
  if (step !== undefined) {
    const [least, most] = [Math.ceil(min / step), Math.floor(max / step)];
    return fc.integer({ min: least, max: most }).map((count) => tidy(count * step));
  }
  const bounds = {
    min,
    max,
    minExcluded: schema.exclusiveMinimum === min,
    maxExcluded: schema.exclusiveMaximum === max,
  };
  // Neither survives JSON.
  return fc.double({ ...bounds, noNaN: true }).map((value) => (Object.is(value, -0) ? 0 : value));
}

/** 3 × 0.1 is meant to be 0.3. */
const tidy = (value: number): number => Number(value.toPrecision(12));

/** The bounds, and our own where there are none or only those that every whole number has. */
function boundsOf(schema: JsonSchema): { readonly min: number; readonly max: number } {
  const step = schema.type === 'integer' ? 1 : 0;
  const low = [schema.minimum, schema.exclusiveMinimum === undefined ? undefined : schema.exclusiveMinimum + step];
  const high = [schema.maximum, schema.exclusiveMaximum === undefined ? undefined : schema.exclusiveMaximum - step];
  const min = Math.max(...low.map((bound) => bound ?? Number.NEGATIVE_INFINITY));
  const max = Math.min(...high.map((bound) => bound ?? Number.POSITIVE_INFINITY));
  const isLow = min > -Number.MAX_SAFE_INTEGER;
  const isHigh = max < Number.MAX_SAFE_INTEGER;
  if (isLow && isHigh) return { min, max };
  if (isLow) return { min, max: min + largest };
  return isHigh ? { min: max - largest, max } : { min: -largest, max: largest };
}
