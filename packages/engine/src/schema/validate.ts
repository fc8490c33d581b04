import { appendToken, type Fault, isWithin, type JsonObject, type JsonValue, type Pointer } from '@setpoint/protocol';
import { findNearName } from '@setpoint/protocol/internal';
import type { ErrorObject } from 'ajv/dist/2020.js';
import type { Place } from '../layer/layer.ts';
import { hideSecrets } from '../rule/hide-secrets.ts';
import { redactFault, type SecretTest } from './redact.ts';
import type { CompiledSchema } from './schema.ts';
import { expandSchemas, schemasBelow } from './schema-walk.ts';
import { findUnknownKeys } from './unknown-keys.ts';

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
      naming.map(({ shape }) => shape),
      document,
    ),
    ...(own ? faultsOf(own, document, isSecret) : []),
    ...contracts.flatMap(({ instance, schema }) =>
      schema.digest === own?.digest
        ? []
        : explainErrors(schema.check(document), schema.schema).map((fault) => ({ ...fault, instance })),
    ),
  ];
  return dropRepeated(faults).map((fault) => redactFault(fault, isSecret));
}

function faultsOf(own: CompiledSchema, document: JsonObject, isSecret: SecretTest): readonly Fault[] {
  const errors = own.check(document);
  if (errors.length > 0) return explainErrors(errors, own.schema);
  const refined = own.refine(document);
  return refined.length > 0 ? hideSecrets(refined, [{ document, isSecret }]) : refined;
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

function explainErrors(errors: readonly ErrorObject[], root: JsonObject): Fault[] {
  const passedOver = new Set(errors.filter(({ keyword, propertyName }) => keyword === 'if' || propertyName));
  const expected = new Map<ErrorObject, string | undefined>();
  for (const choice of errors.filter(isChoice)) {
    const branches = (choice.schema as JsonValue[]).map((branch) => errorsWithin(branch, choice, errors, root));
    const failed = branches.filter((branch) => branch.length > 0);
    // Where one branch is plainly meant, what is wrong with it is told, and otherwise the choice is, once.
    const meant = failed.filter((branch) => !branch.some((error) => rulesOut(error, choice)));
    const telling = meant.length === 1 && !choice.params.passingSchemas ? meant[0] : [choice];
    for (const error of [choice, ...failed.flat()]) if (!telling?.includes(error)) passedOver.add(error);
    expected.set(choice, describeChoice(failed, choice, expected));
  }
  return errors.filter((error) => !passedOver.has(error)).map((error) => explain(error, expected.get(error)));
}

const isChoice = ({ keyword }: ErrorObject): boolean => keyword === 'anyOf' || keyword === 'oneOf';

function errorsWithin(
  branch: JsonValue,
  { instancePath }: ErrorObject,
  errors: readonly ErrorObject[],
  root: JsonObject,
): ErrorObject[] {
  const here = expandSchemas(root, [branch], true);
  const [about, below] = [new Set(here), schemasBelow(root, here)];
  return errors.filter((error) => {
    const schema = error.parentSchema as JsonObject;
    return error.instancePath === instancePath
      ? about.has(schema)
      : isWithin(error.instancePath, instancePath) && below.has(schema);
  });
}

/** A branch for another type, or with another word in the member that tells the branches apart, is not meant. */
const rulesOut = ({ keyword, instancePath }: ErrorObject, choice: ErrorObject): boolean =>
  ['type', 'const', 'enum'].includes(keyword) &&
  (instancePath === choice.instancePath ||
    (keyword === 'const' && instancePath.lastIndexOf('/') === choice.instancePath.length));

/** What the branches want of the value itself; undefined where it takes more than a type or a list of values to say. */
function describeChoice(
  branches: readonly ErrorObject[][],
  { instancePath }: ErrorObject,
  known: ReadonlyMap<ErrorObject, string | undefined>,
): string | undefined {
  const wanted = branches.map((branch) => {
    const here = branch.filter((error) => error.instancePath === instancePath);
    const inner = here.find(isChoice);
    if (inner) return { text: known.get(inner) };
    const type = here.find(({ keyword }) => keyword === 'type');
    if (type) return { text: article(type.params.type) };
    const { allowedValues, allowedValue } = here.find(({ keyword }) => /^(const|enum)$/.test(keyword))?.params ?? {};
    return allowedValues === undefined && allowedValue === undefined
      ? { text: undefined }
      : { values: (allowedValues as unknown[] | undefined) ?? [allowedValue] };
  });
  if (wanted.some(({ text, values }) => text === undefined && values === undefined)) return undefined;
  const values = wanted.flatMap((want) => want.values ?? []);
  const parts = [...wanted.flatMap(({ text }) => text ?? []), ...(values.length > 0 ? [listOf(values)] : [])];
  return [...new Set(parts)].join(' or ');
}

function explain(error: ErrorObject, choice: string | undefined): Fault {
  const { params, instancePath: pointer } = error;
  switch (error.keyword) {
    case 'required':
      return missing(error, 'is required');
    case 'dependentRequired':
      return missing(error, `is required with ${JSON.stringify(params.property)}`);
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return {
        pointer: appendToken(pointer, params.additionalProperty ?? params.unevaluatedProperty),
        message: 'is not a known setting',
      };
    case 'propertyNames':
      return { pointer: appendToken(pointer, params.propertyName), message: 'is not an allowed name' };
    case 'false schema':
      return told(error, 'is not allowed here', 'nothing');
    case 'enum':
      return withSuggestion(
        told(error, `must be ${listOf(params.allowedValues)}`, listOf(params.allowedValues)),
        error,
      );
    case 'const':
      return told(error, `must be ${JSON.stringify(params.allowedValue)}`, JSON.stringify(params.allowedValue));
    case 'type':
      return told(error, `must be ${article(params.type)}`, article(params.type));
    case 'anyOf':
    case 'oneOf':
      if (params.passingSchemas) return told(error, 'fits more than one of the allowed forms', 'exactly one of them');
      return choice === undefined
        ? told(error, 'fits none of the allowed forms', 'one of the allowed forms')
        : told(error, `must be ${choice}`, choice);
    default:
      return told(error, error.message ?? `breaks ${error.keyword}`, limitOf(error));
  }
}

const missing = ({ params, instancePath, parentSchema }: ErrorObject, message: string): Fault => ({
  pointer: appendToken(instancePath, params.missingProperty),
  message,
  expected: describeSchema(parentSchema?.properties?.[params.missingProperty]),
  received: 'nothing',
});

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

const wholeWords: Readonly<Record<string, string>> = {
  uniqueItems: 'a list without repetitions',
  contains: 'a list with such an item',
  not: 'something else',
};

const limitWords: Readonly<Record<string, string>> = {
  minimum: 'at least',
  maximum: 'at most',
  exclusiveMinimum: 'more than',
  exclusiveMaximum: 'less than',
  minLength: 'a text of at least',
  maxLength: 'a text of at most',
  minItems: 'a list of at least',
  maxItems: 'a list of at most',
  minProperties: 'a section of at least',
  maxProperties: 'a section of at most',
  multipleOf: 'a multiple of',
  pattern: 'a text that matches',
  format: 'a text of the format',
};

function limitOf({ keyword, params, schema }: ErrorObject): string {
  const words = limitWords[keyword];
  const limit = params.limit ?? params.multipleOf ?? params.pattern ?? params.format ?? schema;
  return words === undefined ? (wholeWords[keyword] ?? keyword) : `${words} ${String(limit)}`;
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
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength).toWellFormed()}…` : text;
}

/** A fault with the file and line, or the variable or argument, that it comes from. */
export function placeFault(fault: Fault, locate: (pointer: Pointer) => Place | undefined): Fault {
  const place = locate(fault.pointer);
  if (!place) return fault;
  const { file, line, name } = place;
  return {
    ...fault,
    ...(name !== undefined && { message: `${fault.message} (said by ${name})` }),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
  };
}
