import { isJsonObject, type JsonObject, type JsonValue } from '@setpoint/protocol';

type Parts = readonly JsonObject[];

/** The first part that has a keyword says what it is. */
export const keyword = (parts: Parts, name: string): JsonValue | undefined =>
  parts.find((part) => part[name] !== undefined)?.[name];

const numberOf = (parts: Parts, name: string): number | undefined => {
  const value = keyword(parts, name);
  return typeof value === 'number' ? value : undefined;
};

/** The types that some part allows: `number`, `string or null`, `any`. */
export function typeText(parts: Parts): string {
  const types = typesOf(parts).map((type) => (type === 'array' ? 'list' : type === 'object' ? 'section' : type));
  return types.length === 0 ? 'any' : types.join(' or ');
}

/** Null last; a whole number is a number already. */
export function typesOf(parts: Parts): string[] {
  const named = parts.flatMap(({ type }) => (Array.isArray(type) ? type : [type])).filter((type) => type !== undefined);
  const types = new Set(named.length > 0 ? named.map(String) : valuesOf(parts).map(typeOfValue));
  if (types.has('integer')) types.delete('number');
  if (types.delete('null')) types.add('null');
  return [...types];
}

function typeOfValue(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

/** What alone may stand there; empty where that is not said. */
export function valuesOf(parts: Parts): JsonValue[] {
  return parts.flatMap((part) => {
    if (part.const !== undefined) return [part.const];
    return Array.isArray(part.enum) ? part.enum : [];
  });
}

/** What a value must be besides its type, in words: `0 to 1`, `at most 8 items`. */
export function boundsText(parts: Parts): string {
  const values = valuesOf(parts).map((value) => JSON.stringify(value));
  return [
    values.length === 0 ? '' : `one of ${[...new Set(values)].join(', ')}`,
    rangeText(parts),
    countText(parts, 'minLength', 'maxLength', 'characters'),
    countText(parts, 'minItems', 'maxItems', 'items'),
    countText(parts, 'minProperties', 'maxProperties', 'members'),
    wordText(parts, 'multipleOf', 'a multiple of'),
    wordText(parts, 'format', 'format'),
    wordText(parts, 'pattern', 'matches'),
    keyword(parts, 'uniqueItems') === true ? 'none twice' : '',
  ]
    .filter((text) => text !== '')
    .join('; ');
}

function wordText(parts: Parts, name: string, words: string): string {
  const value = keyword(parts, name);
  return value === undefined ? '' : `${words} ${value}`;
}

/** Every whole number is in this range; a schema that says so says nothing. */
const isOpen = (bound: number | undefined): boolean =>
  bound === undefined || Math.abs(bound) >= Number.MAX_SAFE_INTEGER;

function rangeText(parts: Parts): string {
  const [least, above] = [numberOf(parts, 'minimum'), numberOf(parts, 'exclusiveMinimum')];
  const [most, below] = [numberOf(parts, 'maximum'), numberOf(parts, 'exclusiveMaximum')];
  if (!isOpen(least) && !isOpen(most)) return `${least} to ${most}`;
  return [
    isOpen(least) ? '' : `at least ${least}`,
    isOpen(above) ? '' : `more than ${above}`,
    isOpen(most) ? '' : `at most ${most}`,
    isOpen(below) ? '' : `less than ${below}`,
  ]
    .filter((text) => text !== '')
    .join(', ');
}

function countText(parts: Parts, leastName: string, mostName: string, what: string): string {
  const [least, most] = [numberOf(parts, leastName), numberOf(parts, mostName)];
  if (least !== undefined && most !== undefined) return `${least} to ${most} ${what}`;
  if (least !== undefined) return `at least ${least} ${what}`;
  return most === undefined ? '' : `at most ${most} ${what}`;
}

/** Is it something that others stand in? */
export const isMap = (parts: Parts): boolean =>
  parts.some((part) => isJsonObject(part.additionalProperties) || isJsonObject(part.patternProperties));
