import {
  formatPointer,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
  readPointer,
  stringifySorted,
} from '@setpoint/protocol';
import type { Format } from 'ajv';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { compileLinearPattern } from './linear-pattern.ts';

/** What a keyword has to say of its error. */
export interface SchemaErrorParams {
  readonly type?: string | readonly string[];
  readonly allowedValue?: JsonValue;
  readonly allowedValues?: readonly JsonValue[];
  readonly missingProperty?: string;
  readonly property?: string;
  readonly additionalProperty?: string;
  readonly unevaluatedProperty?: string;
  readonly propertyName?: string;
  /** With `oneOf`: the branches that fit; null when none does. */
  readonly passingSchemas?: readonly number[] | null;
  readonly comparison?: string;
  readonly limit?: JsonValue;
  readonly multipleOf?: number;
  readonly pattern?: string;
  readonly format?: string;
}

/** One keyword that a value breaks. */
export interface SchemaError {
  readonly keyword: string;
  /** Where the value stands in the document. */
  readonly instancePath: Pointer;
  readonly params: SchemaErrorParams;
  readonly message: string;
  /** What the keyword says. */
  readonly schema: JsonValue;
  /** The schema that has the keyword. */
  readonly parentSchema: JsonObject;
  readonly data: JsonValue;
  /** With `anyOf` and `oneOf` that no branch fits: what each branch finds wrong. These errors stand before this one too. */
  readonly branches?: readonly (readonly SchemaError[])[];
}

/** What a schema finds wrong with a value. */
export interface Evaluation {
  /** Empty for a valid value. */
  readonly errors: readonly SchemaError[];
  /** False when there may be more errors than these. */
  readonly isComplete: boolean;
}

/**
 * 50 to 200 ns each, so that a schema takes no more than some 100 ms of everybody's time, however it and the value are made.
 * A list of 2,000 items of 60 kinds fits; one of 4,000 does not.
 */
const maxSteps = 500_000;
/** More would not help anyone. */
const maxErrors = 2_000;
/** Schemas inside schemas, and values inside values, on the way to one place. */
const maxDepth = 400;

/** Tells whether a pattern matches a text; undefined when it took too long. */
export type Matcher = (text: string) => boolean | undefined;
export type CompilePattern = (pattern: string) => Matcher;

const linear: CompilePattern = (pattern) => {
  const compiled = compileLinearPattern(pattern);
  return (text) => compiled.test(text);
};

const exhausted = Symbol('exhausted');
const enough = Symbol('enough');

/**
 * Evaluates JSON Schema 2020-12 and counts the steps it takes. Nothing is compiled, so a schema that came over the wire
 * costs nothing until it is used, and can't hold up the process then. Patterns are matched in linear time.
 */
export class CountingEvaluator {
  readonly #root: JsonObject;
  readonly #memory: Memory;
  readonly #tracksUse: boolean;

  /** `schema` must be free of what `findSchemaFaults` finds. */
  constructor(schema: JsonObject, compilePattern: CompilePattern = linear) {
    this.#root = schema;
    this.#memory = { compilePattern, patterns: new Map(), enums: new Map(), references: new Map() };
    this.#tracksUse = /"unevaluated(Items|Properties)"/.test(JSON.stringify(schema));
  }

  /** Returns undefined when the value can't be evaluated within the steps. */
  evaluate(value: JsonValue): Evaluation | undefined {
    const run = new Run(this.#root, this.#tracksUse, this.#memory);
    try {
      if (run.isQuietlyValid(this.#root, value)) return valid;
      run.evaluate(this.#root, value);
      return { errors: run.errors, isComplete: true };
    } catch (cause) {
      if (cause === exhausted || cause instanceof RangeError) return undefined;
      if (cause !== enough) throw cause;
      const errors = run.errors.slice(0, run.firstOpen);
      return errors.length > 0 ? { errors, isComplete: false } : undefined;
    }
  }
}

const valid: Evaluation = { errors: [], isComplete: true };

/** What is made of a schema once. */
interface Memory {
  /** Compiles a pattern. A matcher that returns undefined had to be ended. */
  readonly compilePattern: CompilePattern;
  readonly patterns: Map<string, Matcher>;
  readonly enums: Map<object, ReadonlySet<string>>;
  readonly references: Map<string, JsonValue>;
}

/** The members and items that some schema has evaluated. */
interface Use {
  members: Set<string>;
  items: Set<number>;
}

class Run {
  readonly errors: SchemaError[] = [];
  /** Where the errors of the outermost choice begin that is not decided yet. */
  firstOpen: number | undefined;
  readonly #root: JsonObject;
  readonly #tracksUse: boolean;
  readonly #memory: Memory;
  /** Where the value stands; a pointer is only written for what is wrong. */
  readonly #path: (string | number)[] = [];
  #steps = 0;
  #depth = 0;
  /** Inside of these nothing is reported, and the first fault is enough. */
  #silence = 0;

  constructor(root: JsonObject, tracksUse: boolean, memory: Memory) {
    this.#root = root;
    this.#tracksUse = tracksUse;
    this.#memory = memory;
  }

  /** Whether the value is valid. What is wrong is added to `errors`. */
  evaluate(schema: JsonValue, value: JsonValue, use?: Use): boolean {
    this.#count(1);
    if (schema === true) return true;
    if (!isJsonObject(schema)) return this.#fail('false schema', {}, schema, {}, value, 'boolean schema is false');
    if (this.#depth >= maxDepth) throw exhausted;
    this.#depth += 1;
    const own: Use | undefined = this.#tracksUse ? { members: new Set(), items: new Set() } : undefined;
    const isValid = this.#evaluateKeywords(schema, value, own);
    if (use && own && isValid) {
      for (const name of own.members) use.members.add(name);
      for (const index of own.items) use.items.add(index);
    }
    this.#depth -= 1;
    return isValid;
  }

  #evaluateKeywords(schema: JsonObject, value: JsonValue, use: Use | undefined): boolean {
    let isValid = this.#any(schema, value);
    if (!isValid && this.#silence > 0) return false;
    if (typeof value === 'number') isValid = this.#number(schema, value) && isValid;
    else if (typeof value === 'string') isValid = this.#text(schema, value) && isValid;
    else if (Array.isArray(value)) isValid = this.#list(schema, value, use) && isValid;
    else if (isJsonObject(value)) isValid = this.#section(schema, value, use) && isValid;
    if (!isValid && this.#silence > 0) return false;
    isValid = this.#inPlace(schema, value, use) && isValid;
    return use ? this.#unevaluated(schema, value, use) && isValid : isValid;
  }

  /** Evaluates a member or an item. */
  #inside(schema: JsonValue, value: JsonValue, token: string | number): boolean {
    this.#path.push(token);
    const isValid = this.evaluate(schema, value);
    this.#path.pop();
    return isValid;
  }

  #count(steps: number): void {
    this.#steps += steps;
    if (this.#steps > maxSteps) throw exhausted;
  }

  #fail(
    keyword: string,
    params: SchemaError['params'],
    schema: JsonValue,
    parentSchema: JsonObject,
    data: JsonValue,
    message: string,
    branches?: SchemaError['branches'],
  ): false {
    if (this.#silence > 0) return false;
    const instancePath = formatPointer(this.#path.map(String));
    const error: SchemaError = { keyword, instancePath, params, message, schema, parentSchema, data };
    this.errors.push(branches ? { ...error, branches } : error);
    if (this.errors.length > maxErrors) throw enough;
    return false;
  }

  #any(schema: JsonObject, value: JsonValue): boolean {
    const { type, enum: values } = schema;
    let isValid = true;
    if (type !== undefined && !isOfTypes(value, type)) {
      isValid = this.#fail(
        'type',
        { type: type as string | string[] },
        type,
        schema,
        value,
        `must be ${[type].flat().join(',')}`,
      );
    }
    if (Array.isArray(values) && !this.#isAmong(value, values)) {
      const message = 'must be equal to one of the allowed values';
      isValid = this.#fail('enum', { allowedValues: values }, values, schema, value, message);
    }
    if (Object.hasOwn(schema, 'const') && this.#textOf(value) !== this.#textOf(schema.const as JsonValue)) {
      isValid = this.#fail(
        'const',
        { allowedValue: schema.const as JsonValue },
        schema.const as JsonValue,
        schema,
        value,
        'must be equal to constant',
      );
    }
    return isValid;
  }

  #isAmong(value: JsonValue, values: readonly JsonValue[]): boolean {
    let texts = this.#memory.enums.get(values);
    if (!texts) {
      texts = new Set(values.map((each) => this.#textOf(each)));
      this.#memory.enums.set(values, texts);
    }
    return texts.has(this.#textOf(value));
  }

  /** Equal values have equal texts. */
  #textOf(value: JsonValue): string {
    if (typeof value === 'string') return `"${value}`;
    if (typeof value !== 'object') return String(value);
    const text = stringifySorted(value);
    // Sorting and writing takes far longer for a letter than a step does.
    this.#count(4 + (text.length >> 3));
    return text;
  }

  #number(schema: JsonObject, value: number): boolean {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema as Record<
      string,
      number | undefined
    >;
    let isValid = true;
    if (minimum !== undefined && value < minimum) isValid = this.#limit('minimum', '>=', schema, value);
    if (maximum !== undefined && value > maximum) isValid = this.#limit('maximum', '<=', schema, value);
    if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) {
      isValid = this.#limit('exclusiveMinimum', '>', schema, value);
    }
    if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) {
      isValid = this.#limit('exclusiveMaximum', '<', schema, value);
    }
    if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) {
      isValid = this.#fail(
        'multipleOf',
        { multipleOf },
        multipleOf,
        schema,
        value,
        `must be multiple of ${multipleOf}`,
      );
    }
    return isValid && this.#format(schema, value);
  }

  #limit(keyword: string, comparison: string, schema: JsonObject, value: number): false {
    const limit = schema[keyword] as JsonValue;
    return this.#fail(keyword, { comparison, limit }, limit, schema, value, `must be ${comparison} ${limit}`);
  }

  #text(schema: JsonObject, value: string): boolean {
    const { minLength, maxLength, pattern } = schema;
    let isValid = this.#size(schema, value, 'Length', () => lengthOf(value), 'characters');
    if (minLength !== undefined || maxLength !== undefined) this.#count(value.length >> 5);
    if (typeof pattern === 'string' && !this.#matches(pattern, value)) {
      isValid = this.#fail('pattern', { pattern }, pattern, schema, value, `must match pattern "${pattern}"`);
    }
    return this.#format(schema, value) && isValid;
  }

  #matches(pattern: string, text: string): boolean {
    let compiled = this.#memory.patterns.get(pattern);
    if (!compiled) {
      this.#count(50 + pattern.length);
      compiled = this.#memory.compilePattern(pattern);
      this.#memory.patterns.set(pattern, compiled);
    }
    // The engine takes about a microsecond for each letter of a text that its states have to be followed through.
    this.#count(10 + text.length * 8);
    const isMatch = compiled(text);
    if (isMatch === undefined) throw exhausted;
    return isMatch;
  }

  #format(schema: JsonObject, value: string | number): boolean {
    const { format } = schema;
    if (typeof format !== 'string' || !Object.hasOwn(fullFormats, format)) return true;
    this.#count(10 + (typeof value === 'string' ? value.length : 0));
    if (isFormatted((fullFormats as Record<string, Format>)[format] as Format, value)) return true;
    return this.#fail('format', { format }, format, schema, value, `must match format "${format}"`);
  }

  /** `minItems` and the like. */
  #size(schema: JsonObject, value: JsonValue, what: string, sizeOf: () => number, words: string): boolean {
    const [least, most] = [schema[`min${what}`], schema[`max${what}`]];
    let isValid = true;
    if (typeof least === 'number' && sizeOf() < least) {
      isValid = this.#fail(
        `min${what}`,
        { limit: least },
        least,
        schema,
        value,
        `must NOT have fewer than ${least} ${words}`,
      );
    }
    if (typeof most === 'number' && sizeOf() > most) {
      isValid = this.#fail(
        `max${what}`,
        { limit: most },
        most,
        schema,
        value,
        `must NOT have more than ${most} ${words}`,
      );
    }
    return isValid;
  }

  #list(schema: JsonObject, list: readonly JsonValue[], use: Use | undefined): boolean {
    const { prefixItems, items, contains, uniqueItems } = schema;
    let isValid = this.#size(schema, list, 'Items', () => list.length, 'items');
    const prefix = Array.isArray(prefixItems) ? prefixItems : [];
    for (const [i, item] of list.entries()) {
      const part = i < prefix.length ? prefix[i] : items;
      if (part === undefined) continue;
      use?.items.add(i);
      isValid = this.#inside(part, item, i) && isValid;
      if (!isValid && this.#silence > 0) return false;
    }
    if (contains !== undefined) isValid = this.#contains(schema, list, use) && isValid;
    if (uniqueItems === true) isValid = this.#unique(schema, list) && isValid;
    return isValid;
  }

  #contains(schema: JsonObject, list: readonly JsonValue[], use: Use | undefined): boolean {
    const { minContains = 1, maxContains } = schema as { minContains?: number; maxContains?: number };
    const found = list.flatMap((item, i) => (this.isQuietlyValid(schema.contains as JsonValue, item) ? [i] : []));
    if (use) for (const index of found) use.items.add(index);
    if (found.length >= minContains && (maxContains === undefined || found.length <= maxContains)) return true;
    const more = maxContains === undefined ? '' : ` and no more than ${maxContains}`;
    const message = `must contain at least ${minContains}${more} valid item(s)`;
    return this.#fail(
      'contains',
      { limit: minContains },
      schema.contains as JsonValue,
      schema,
      list as JsonValue,
      message,
    );
  }

  #unique(schema: JsonObject, list: readonly JsonValue[]): boolean {
    const seen = new Map<string, number>();
    for (const [i, item] of list.entries()) {
      this.#count(1);
      const text = this.#textOf(item);
      const first = seen.get(text);
      if (first !== undefined) {
        const message = `must NOT have duplicate items (items ## ${first} and ${i} are identical)`;
        return this.#fail('uniqueItems', {}, true, schema, list as JsonValue, message);
      }
      seen.set(text, i);
    }
    return true;
  }

  #section(schema: JsonObject, section: JsonObject, use: Use | undefined): boolean {
    const { properties, patternProperties, additionalProperties, propertyNames, required, dependentRequired } = schema;
    const names = Object.keys(section);
    let isValid = this.#size(schema, section, 'Properties', () => names.length, 'properties');
    isValid = this.#required(schema, section, required) && isValid;
    if (isJsonObject(dependentRequired)) {
      for (const [property, list] of Object.entries(dependentRequired)) {
        this.#count(1);
        if (!Object.hasOwn(section, property)) continue;
        for (const missingProperty of (list as string[]).filter((name) => !Object.hasOwn(section, name))) {
          const params = { property, missingProperty };
          const message = `must have property ${missingProperty} when property ${property} is present`;
          isValid = this.#fail('dependentRequired', params, dependentRequired, schema, section, message);
        }
      }
    }
    // In the order of the schema, which is the order that its author thinks in.
    const known = isJsonObject(properties) ? properties : {};
    for (const name of Object.keys(known)) {
      this.#count(1);
      if (!Object.hasOwn(section, name)) continue;
      use?.members.add(name);
      isValid = this.#inside(known[name] as JsonValue, section[name] as JsonValue, name) && isValid;
      if (!isValid && this.#silence > 0) return false;
    }
    const patterns = isJsonObject(patternProperties) ? Object.entries(patternProperties) : [];
    if (patterns.length === 0 && additionalProperties === undefined && propertyNames === undefined) return isValid;
    for (const name of names) {
      if (!isValid && this.#silence > 0) return false;
      this.#count(1);
      let isKnown = Object.hasOwn(known, name);
      for (const [pattern, part] of patterns) {
        if (!this.#matches(pattern, name)) continue;
        isKnown = true;
        use?.members.add(name);
        isValid = this.#inside(part, section[name] as JsonValue, name) && isValid;
      }
      if (!isKnown && additionalProperties !== undefined) {
        use?.members.add(name);
        isValid = this.#additional(schema, section, name) && isValid;
      }
      if (propertyNames !== undefined && !this.isQuietlyValid(propertyNames, name)) {
        const params = { propertyName: name };
        isValid = this.#fail('propertyNames', params, propertyNames, schema, section, 'property name must be valid');
      }
    }
    return isValid;
  }

  #additional(schema: JsonObject, section: JsonObject, name: string): boolean {
    const { additionalProperties } = schema;
    if (additionalProperties !== false) {
      return this.#inside(additionalProperties as JsonValue, section[name] as JsonValue, name);
    }
    const message = 'must NOT have additional properties';
    return this.#fail('additionalProperties', { additionalProperty: name }, false, schema, section, message);
  }

  #required(schema: JsonObject, section: JsonObject, required: JsonValue | undefined): boolean {
    if (!Array.isArray(required)) return true;
    this.#count(required.length);
    const missing = (required as string[]).filter((name) => !Object.hasOwn(section, name));
    for (const missingProperty of missing) {
      const message = `must have required property '${missingProperty}'`;
      this.#fail('required', { missingProperty }, required, schema, section, message);
    }
    return missing.length === 0;
  }

  /** The schemas that speak of the same value. */
  #inPlace(schema: JsonObject, value: JsonValue, use: Use | undefined): boolean {
    const { $ref, allOf, anyOf, oneOf, not, dependentSchemas } = schema;
    let isValid = true;
    if (typeof $ref === 'string') isValid = this.evaluate(this.#follow($ref), value, use) && isValid;
    if (Array.isArray(allOf)) {
      for (const part of allOf) {
        isValid = this.evaluate(part, value, use) && isValid;
        if (!isValid && this.#silence > 0) return false;
      }
    }
    if (Array.isArray(anyOf)) isValid = this.#anyOf(schema, anyOf, value, use) && isValid;
    if (Array.isArray(oneOf)) isValid = this.#oneOf(schema, oneOf, value, use) && isValid;
    if (not !== undefined && this.isQuietlyValid(not, value)) {
      isValid = this.#fail('not', {}, not, schema, value, 'must NOT be valid');
    }
    if (schema.if !== undefined) isValid = this.#conditional(schema, value, use) && isValid;
    if (isJsonObject(dependentSchemas) && isJsonObject(value)) {
      for (const [name, part] of Object.entries(dependentSchemas)) {
        this.#count(1);
        if (Object.hasOwn(value, name)) isValid = this.evaluate(part, value, use) && isValid;
      }
    }
    return isValid;
  }

  #conditional(schema: JsonObject, value: JsonValue, use: Use | undefined): boolean {
    const part = this.isQuietlyValid(schema.if as JsonValue, value, use) ? schema.then : schema.else;
    return part === undefined || this.evaluate(part, value, use);
  }

  #anyOf(schema: JsonObject, parts: readonly JsonValue[], value: JsonValue, use: Use | undefined): boolean {
    let isValid = false;
    for (const part of parts) {
      if (isValid && !use) break;
      isValid = this.isQuietlyValid(part, value, use) || isValid;
    }
    if (isValid || this.#silence > 0) return isValid;
    const branches = this.#reportBranches(parts, value);
    return this.#fail('anyOf', {}, parts as JsonValue, schema, value, 'must match a schema in anyOf', branches);
  }

  #oneOf(schema: JsonObject, parts: readonly JsonValue[], value: JsonValue, use: Use | undefined): boolean {
    const passing: number[] = [];
    for (const [i, part] of parts.entries()) {
      if (this.isQuietlyValid(part, value, use)) passing.push(i);
      if (passing.length === 2) break;
    }
    if (passing.length === 1 || this.#silence > 0) return passing.length === 1;
    const message = 'must match exactly one schema in oneOf';
    if (passing.length === 2) {
      return this.#fail('oneOf', { passingSchemas: passing }, parts as JsonValue, schema, value, message);
    }
    const branches = this.#reportBranches(parts, value);
    return this.#fail('oneOf', { passingSchemas: null }, parts as JsonValue, schema, value, message, branches);
  }

  /** What each branch of a choice that fits none of them finds wrong; the error of the choice itself follows. */
  #reportBranches(parts: readonly JsonValue[], value: JsonValue): SchemaError[][] {
    const isOutermost = this.firstOpen === undefined;
    if (isOutermost) this.firstOpen = this.errors.length;
    const branches = parts.map((part) => {
      const start = this.errors.length;
      this.evaluate(part, value);
      return this.errors.slice(start);
    });
    if (isOutermost) this.firstOpen = undefined;
    return branches;
  }

  isQuietlyValid(schema: JsonValue, value: JsonValue, use?: Use): boolean {
    this.#silence += 1;
    const isValid = this.evaluate(schema, value, use);
    this.#silence -= 1;
    return isValid;
  }

  #unevaluated(schema: JsonObject, value: JsonValue, use: Use): boolean {
    const { unevaluatedProperties, unevaluatedItems } = schema;
    let isValid = true;
    if (unevaluatedProperties !== undefined && isJsonObject(value)) {
      for (const name of Object.keys(value).filter((each) => !use.members.has(each))) {
        use.members.add(name);
        if (unevaluatedProperties !== false) {
          isValid = this.#inside(unevaluatedProperties, value[name] as JsonValue, name) && isValid;
          continue;
        }
        const params = { unevaluatedProperty: name };
        isValid = this.#fail(
          'unevaluatedProperties',
          params,
          false,
          schema,
          value,
          'must NOT have unevaluated properties',
        );
      }
    }
    if (unevaluatedItems !== undefined && Array.isArray(value)) {
      const rest = [...value.keys()].filter((index) => !use.items.has(index));
      for (const index of rest) use.items.add(index);
      if (unevaluatedItems === false) {
        if (rest.length === 0) return isValid;
        const message = `must NOT have more than ${rest[0]} items`;
        return this.#fail('unevaluatedItems', { limit: rest[0] ?? 0 }, false, schema, value, message);
      }
      for (const index of rest) {
        isValid = this.#inside(unevaluatedItems, value[index] as JsonValue, index) && isValid;
      }
    }
    return isValid;
  }

  #follow($ref: string): JsonValue {
    let schema = this.#memory.references.get($ref);
    if (schema === undefined) {
      schema = readPointer(this.#root, decodeURIComponent($ref.slice(1))) ?? true;
      this.#memory.references.set($ref, schema);
    }
    return schema;
  }
}

const isOfTypes = (value: JsonValue, types: JsonValue): boolean =>
  typeof types === 'string'
    ? isOfType(value, types)
    : (types as readonly string[]).some((type) => isOfType(value, type));

function isOfType(value: JsonValue, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isJsonObject(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

/** In letters, not in units of UTF-16. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

function isFormatted(format: Format, value: string | number): boolean {
  if (typeof format === 'boolean') return format;
  if (typeof format === 'string') return true;
  if (format instanceof RegExp) return typeof value !== 'string' || format.test(value);
  if (typeof format === 'function') return typeof value !== 'string' || format(value);
  const { type = 'string', validate } = format as { type?: string; validate: RegExp | ((data: never) => boolean) };
  if (typeof value !== type) return true;
  return validate instanceof RegExp ? validate.test(String(value)) : Boolean(validate(value as never));
}
