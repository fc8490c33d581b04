import { appendToken, type Fault, type JsonObject, type JsonValue, type Pointer } from '@setpoint/protocol';
import type { ErrorObject } from 'ajv/dist/2020.js';
import { redactFault, type SecretTest } from './redact.ts';
import type { CompiledSchema } from './schema.ts';
import { findNearName, findUnknownKeys } from './unknown-keys.ts';

/** The schema that an instance runs with. */
export interface LiveContract {
  readonly instance: string;
  readonly schema: CompiledSchema;
}

export interface ValidationRules {
  /** The authority's own schema for the service. */
  readonly own: CompiledSchema | undefined;
  readonly contracts: readonly LiveContract[];
  readonly isSecret: SecretTest;
}

/** Every fault of a document, against the authority's own schema and the contract of every live instance. */
export function validate(document: JsonObject, { own, contracts, isSecret }: ValidationRules): Fault[] {
  // Without a schema of its own the authority knows the names that the live instances know together.
  const naming = own ? [own] : contracts.map(({ schema }) => schema);
  const faults = [
    ...findUnknownKeys(
      naming.map(({ schema }) => schema),
      document,
    ),
    ...(own ? explainErrors(own.check(document)) : []),
    ...contracts.flatMap(({ instance, schema }) =>
      schema.digest === own?.digest
        ? []
        : explainErrors(schema.check(document)).map((fault) => ({ ...fault, instance })),
    ),
  ];
  return dropRepeated(faults).map((fault) => redactFault(fault, isSecret));
}

/** One fault a place and kind: an unknown key that a contract refuses too is told once, by the first that said it. */
function dropRepeated(faults: readonly Fault[]): Fault[] {
  const seen = new Set<string>();
  return faults.filter(({ pointer, message }) => {
    const kind = message.startsWith('is not a known setting') ? 'unknown' : message;
    const key = `${pointer} ${kind}`;
    return !seen.has(key) && seen.add(key);
  });
}

function explainErrors(errors: readonly ErrorObject[]): Fault[] {
  const alternatives = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  // The errors of each branch say the same thing as often as there are branches; the choice itself is told once.
  const isBranch = ({ schemaPath }: ErrorObject): boolean =>
    alternatives.some((choice) => schemaPath !== choice.schemaPath && schemaPath.startsWith(`${choice.schemaPath}/`));
  return errors.filter((error) => !isBranch(error) && error.keyword !== 'if').map((error) => explain(error, errors));
}

function explain(error: ErrorObject, all: readonly ErrorObject[]): Fault {
  const pointer = error.instancePath;
  switch (error.keyword) {
    case 'required':
      return {
        pointer: appendToken(pointer, error.params.missingProperty),
        message: 'is required',
        expected: describeSchema(error.parentSchema?.properties?.[error.params.missingProperty]),
        received: 'nothing',
      };
    case 'additionalProperties':
      return { pointer: appendToken(pointer, error.params.additionalProperty), message: 'is not a known setting' };
    case 'enum':
      return withSuggestion(
        told(error, `must be ${listOf(error.params.allowedValues)}`, listOf(error.params.allowedValues)),
        error,
      );
    case 'const':
      return told(
        error,
        `must be ${JSON.stringify(error.params.allowedValue)}`,
        JSON.stringify(error.params.allowedValue),
      );
    case 'type':
      return told(error, `must be ${article(error.params.type)}`, article(error.params.type));
    case 'anyOf':
    case 'oneOf': {
      const branches = all.filter(
        (other) =>
          other.keyword === 'type' &&
          other.schemaPath.startsWith(`${error.schemaPath}/`) &&
          other.instancePath === pointer,
      );
      const expected = branches.map(({ params }) => article(params.type)).join(' or ');
      return told(
        error,
        expected ? `must be ${expected}` : 'fits none of the allowed forms',
        expected || 'one of the allowed forms',
      );
    }
    default:
      return told(error, error.message ?? `breaks ${error.keyword}`, limitOf(error));
  }
}

const told = (error: ErrorObject, message: string, expected: string): Fault => ({
  pointer: error.instancePath,
  message,
  expected,
  received: describeValue(error.data as JsonValue),
});

function withSuggestion(fault: Fault, error: ErrorObject): Fault {
  if (typeof error.data !== 'string') return fault;
  const near = findNearName(
    error.data,
    (error.params.allowedValues as unknown[]).filter((value) => typeof value === 'string'),
  );
  return near === undefined ? fault : { ...fault, suggestion: near };
}

const limitWords: Readonly<Record<string, string>> = {
  minimum: 'at least',
  maximum: 'at most',
  exclusiveMinimum: 'more than',
  exclusiveMaximum: 'less than',
  minLength: 'a text of at least',
  maxLength: 'a text of at most',
  minItems: 'a list of at least',
  maxItems: 'a list of at most',
  multipleOf: 'a multiple of',
  pattern: 'a text that matches',
  format: 'a text of the format',
};

function limitOf({ keyword, params, schema }: ErrorObject): string {
  const words = limitWords[keyword];
  const limit = params.limit ?? params.multipleOf ?? params.pattern ?? params.format ?? schema;
  return words === undefined ? keyword : `${words} ${String(limit)}`;
}

const articles: Readonly<Record<string, string>> = {
  integer: 'a whole number',
  array: 'a list',
  object: 'a section',
  string: 'a text',
  boolean: 'true or false',
  null: 'null',
};

const article = (type: string | readonly string[]): string =>
  typeof type === 'string' ? (articles[type] ?? `a ${type}`) : type.map(article).join(' or ');

function describeSchema(schema: JsonObject | undefined): string {
  if (!schema) return 'a value';
  if (Array.isArray(schema.enum)) return listOf(schema.enum);
  return typeof schema.type === 'string' || Array.isArray(schema.type) ? article(schema.type as string) : 'a value';
}

const listOf = (values: readonly unknown[]): string =>
  `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`;

const maxShownLength = 80;

/** A value as a fault shows it; sections and lists only by their kind. */
export function describeValue(value: JsonValue): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'a section';
  const text = JSON.stringify(value);
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text;
}

/** A fault with the file and line it comes from. */
export function placeFault(
  fault: Fault,
  locate: (pointer: Pointer) => { file: string; line: number } | undefined,
): Fault {
  const place = locate(fault.pointer);
  return place ? { ...fault, file: place.file, line: place.line } : fault;
}
