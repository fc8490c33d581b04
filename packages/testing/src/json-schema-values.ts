import type { JsonValue } from '@setpoint/protocol';
import fc, { type Arbitrary } from 'fast-check';
import type { JsonSchema, References } from './json-schema.ts';

const manyItems = 4;
const longText = 24;
const largest = 1e6;

/** How often a schema may lead back to itself within one document; more only where none of its documents ends sooner. */
const depths = [3, 6, 12, 24];

/**
 * Values that this schema describes. What it can't say (a refinement) is not kept to.
 * @throws Error for a schema that leads back to itself without end
 */
export function valuesOf(schema: JsonSchema, references: References): Arbitrary<JsonValue> {
  for (const depth of depths) {
    const values = createMaker(references)(schema, depth);
    if (values) return values;
  }
  throw new Error('this schema leads back to itself without an end; let one of the steps be optional, or a list');
}

/** Undefined where no value ends within `depth` steps. */
type Make = (schema: JsonSchema, depth: number) => Arbitrary<JsonValue> | undefined;

function createMaker(references: References): Make {
  const made = new Map<string, Arbitrary<JsonValue> | undefined>();

  const makeReferred = (reference: string, depth: number): Arbitrary<JsonValue> | undefined => {
    const left = references.isRecursive(reference) ? depth - 1 : depth;
    if (left < 0) return undefined;
    const key = `${left} ${reference}`;
    if (!made.has(key)) made.set(key, make(references.follow(reference), left));
    return made.get(key);
  };

  const make: Make = (schema, depth) => {
    if (schema.$ref !== undefined) return makeReferred(schema.$ref, depth);
    if (schema.const !== undefined) return fc.constant(schema.const);
    if (schema.enum) return fc.constantFrom(...schema.enum);
    const choices = (schema.anyOf ?? schema.oneOf)?.map((choice) => make(choice, depth)).filter(isThere);
    if (choices) return choices.length > 0 ? fc.oneof(...choices) : undefined;
    if (schema.allOf) return allOf(schema.allOf.map((part) => make(part, depth)))?.map(merge);
    switch (schema.type) {
      case 'object':
        return objects(schema, (part) => make(part, depth));
      case 'array':
        return arrays(schema, (part) => make(part, depth));
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
  };
  return make;
}

type MakePart = (part: JsonSchema) => Arbitrary<JsonValue> | undefined;

const isThere = <T>(value: T | undefined): value is T => value !== undefined;

const merge = (parts: readonly JsonValue[]): JsonValue => Object.assign({}, ...parts);

const allOf = (parts: readonly (Arbitrary<JsonValue> | undefined)[]): Arbitrary<JsonValue[]> | undefined =>
  parts.every(isThere) ? fc.tuple(...parts) : undefined;

function objects(
  { properties, required = [], additionalProperties, propertyNames }: JsonSchema,
  make: MakePart,
): Arbitrary<JsonValue> | undefined {
  if (!properties && typeof additionalProperties === 'object') {
    const names = propertyNames && make({ type: 'string', ...propertyNames });
    const values = make(additionalProperties);
    if (!values) return fc.constant({});
    return fc.dictionary((names ?? fc.stringMatching(/^[a-z]{1,8}$/)) as Arbitrary<string>, values, {
      maxKeys: manyItems,
      noNullPrototype: true,
    });
  }
  const members: Record<string, Arbitrary<JsonValue>> = {};
  for (const [name, part] of Object.entries(properties ?? {})) {
    const values = make(part);
    if (values) members[name] = values;
    else if (required.includes(name)) return undefined;
  }
  const requiredKeys = required.filter((name) => Object.hasOwn(members, name));
  return fc.record(members, { requiredKeys, noNullPrototype: true }) as Arbitrary<JsonValue>;
}

function arrays(
  { items, prefixItems, minItems = 0, maxItems = minItems + manyItems }: JsonSchema,
  make: MakePart,
): Arbitrary<JsonValue> | undefined {
  if (prefixItems) return allOf(prefixItems.map(make));
  const item = typeof items === 'object' ? make(items) : fc.integer();
  if (!item) return minItems === 0 ? fc.constant([]) : undefined;
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
