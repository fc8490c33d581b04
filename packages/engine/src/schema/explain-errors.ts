import { appendToken, type Fault, isJsonObject, type JsonValue } from '@setpoint/protocol';
import { findNearName } from '@setpoint/protocol/internal';
import type { SchemaError } from './counting-evaluator.ts';

/** What each error says to the author of a document. Where a choice fits no branch, either the branch that is plainly
 * meant speaks, or the choice does, once. */
export function explainErrors(errors: readonly SchemaError[]): Fault[] {
  const passedOver = new Set<SchemaError>();
  const expected = new Map<SchemaError, string | undefined>();
  for (const choice of errors) {
    if (!isChoice(choice)) continue;
    const failed = (choice.branches ?? []).filter((branch) => branch.length > 0);
    const meant = failed.filter((branch) => !branch.some((error) => rulesOut(error, choice)));
    const telling = new Set(meant.length === 1 && choice.branches ? meant[0] : [choice]);
    for (const error of [choice, ...failed.flat()]) if (!telling.has(error)) passedOver.add(error);
    expected.set(choice, describeChoice(failed, choice, expected));
  }
  return errors.filter((error) => !passedOver.has(error)).map((error) => explain(error, expected.get(error)));
}

const isChoice = ({ keyword }: SchemaError): boolean => keyword === 'anyOf' || keyword === 'oneOf';

/** A branch for another type, or with another word in the member that tells the branches apart, is not meant. */
const rulesOut = ({ keyword, instancePath }: SchemaError, choice: SchemaError): boolean =>
  ['type', 'const', 'enum'].includes(keyword) &&
  (instancePath === choice.instancePath ||
    (keyword === 'const' && instancePath.lastIndexOf('/') === choice.instancePath.length));

/** What the branches want of the value itself; undefined where it takes more than a type or a list of values to say. */
function describeChoice(
  branches: readonly (readonly SchemaError[])[],
  { instancePath }: SchemaError,
  known: ReadonlyMap<SchemaError, string | undefined>,
): string | undefined {
  const wanted = branches.map((branch) => {
    const here = branch.filter((error) => error.instancePath === instancePath);
    const inner = here.find(isChoice);
    if (inner) return { text: known.get(inner) };
    const type = here.find(({ keyword }) => keyword === 'type');
    if (type) return { text: article(type.params.type ?? '') };
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

function explain(error: SchemaError, choice: string | undefined): Fault {
  const { params, instancePath: pointer } = error;
  switch (error.keyword) {
    case 'required':
      return missing(error, 'is required');
    case 'dependentRequired':
      return missing(error, `is required with ${JSON.stringify(params.property)}`);
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return {
        pointer: appendToken(pointer, params.additionalProperty ?? params.unevaluatedProperty ?? ''),
        message: 'is not a known setting',
      };
    case 'propertyNames':
      return { pointer: appendToken(pointer, params.propertyName ?? ''), message: 'is not an allowed name' };
    case 'false schema':
      return told(error, 'is not allowed here', 'nothing');
    case 'enum':
      return withSuggestion(
        told(error, `must be ${listOf(params.allowedValues ?? [])}`, listOf(params.allowedValues ?? [])),
        error,
      );
    case 'const':
      return told(error, `must be ${JSON.stringify(params.allowedValue)}`, JSON.stringify(params.allowedValue));
    case 'type':
      return told(error, `must be ${article(params.type ?? '')}`, article(params.type ?? ''));
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

function missing({ params, instancePath, parentSchema }: SchemaError, message: string): Fault {
  const { missingProperty: name = '' } = params;
  const { properties } = parentSchema;
  const schema = isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
  return { pointer: appendToken(instancePath, name), message, expected: describeSchema(schema), received: 'nothing' };
}

const told = (error: SchemaError, message: string, expected: string): Fault => ({
  pointer: error.instancePath,
  message,
  expected,
  received: describeValue(error.data as JsonValue),
});

function withSuggestion(fault: Fault, error: SchemaError): Fault {
  if (typeof error.data !== 'string') return fault;
  const near = findNearName(
    error.data,
    (error.params.allowedValues ?? []).filter((value) => typeof value === 'string'),
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

function limitOf({ keyword, params, schema }: SchemaError): string {
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

function describeSchema(schema: JsonValue | undefined): string {
  if (!isJsonObject(schema)) return 'a value';
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
