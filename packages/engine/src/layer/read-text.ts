import { findUnsafeJson, type JsonValue } from '@setpoint/protocol';
import type { Shape } from '../schema/shape.ts';
import { itemsAt } from './source-positions.ts';

type TypeName = 'null' | 'boolean' | 'integer' | 'number' | 'array' | 'object' | 'string';

/** In this order: the narrower first. */
const typeNames: readonly TypeName[] = ['null', 'boolean', 'integer', 'number', 'array', 'object', 'string'];

/**
 * Reads a text by the types that the schemas allow: "false" is false where a yes or no belongs, and stays a text where
 * a text does. Where nobody says, it is read as YAML reads a scalar. Undefined for one that is none of what is allowed.
 */
export function readText(text: string, shapes: readonly Shape[]): JsonValue | undefined {
  const types = typesOf(shapes);
  if (types.length === 0) return readUntyped(text);
  for (const type of types) {
    const value = readAs(type, text, shapes, types);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** What is allowed, for those who gave something else. */
export const describeTypes = (shapes: readonly Shape[]): string =>
  typesOf(shapes)
    .map((type) => words[type])
    .join(' or ');

const words: Readonly<Record<TypeName, string>> = {
  null: 'null',
  boolean: 'true or false',
  integer: 'a whole number',
  number: 'a number',
  array: 'a list, as JSON or separated by commas',
  object: 'a section, as JSON',
  string: 'a text',
};

function typesOf(shapes: readonly Shape[]): readonly TypeName[] {
  const parts = shapes.flatMap((shape) => shape.parts);
  const named = parts.flatMap(({ type }) => (Array.isArray(type) ? type : [type])).filter((type) => type !== undefined);
  const listed = parts.flatMap((part) => [
    ...(Array.isArray(part.enum) ? part.enum : []),
    ...('const' in part ? [part.const as JsonValue] : []),
  ]);
  const found = new Set<unknown>(named.length > 0 ? named : listed.map(typeOf));
  return typeNames.filter((type) => found.has(type));
}

function typeOf(value: JsonValue): TypeName {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value as 'boolean' | 'object' | 'string';
}

function readAs(
  type: TypeName,
  text: string,
  shapes: readonly Shape[],
  types: readonly TypeName[],
): JsonValue | undefined {
  switch (type) {
    case 'null':
      return text === 'null' || (text === '' && !types.includes('string')) ? null : undefined;
    case 'boolean':
      return readBoolean(text);
    case 'integer':
      return readNumber(text, Number.isSafeInteger);
    case 'number':
      return readNumber(text, isExact);
    case 'array':
      return readList(text, shapes, types);
    case 'object':
      return readJson(text, '{');
    case 'string':
      return text;
  }
}

function readBoolean(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : undefined;
}

const numberPattern = /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;

function readNumber(text: string, isFit: (value: number) => boolean): number | undefined {
  const number = numberPattern.test(text.trim()) ? Number(text) : Number.NaN;
  return Number.isFinite(number) && isFit(number) ? number : undefined;
}

/** A whole number past 2^53 would be rounded. */
const isExact = (value: number): boolean => !Number.isInteger(value) || Number.isSafeInteger(value);

function readJson(text: string, start: '[' | '{'): JsonValue | undefined {
  if (!text.trimStart().startsWith(start)) return undefined;
  try {
    const value = JSON.parse(text) as JsonValue;
    return findUnsafeJson(value) === undefined ? value : undefined;
  } catch {
    return undefined;
  }
}

function readList(text: string, shapes: readonly Shape[], types: readonly TypeName[]): JsonValue | undefined {
  if (text.trimStart().startsWith('[')) return readJson(text, '[');
  // One word is rather a text, where that may stand here too.
  if (types.includes('string') || types.includes('object')) return undefined;
  if (text.trim() === '') return [];
  // An item that is none of what is allowed stays as it is, for validation to tell which one it is.
  return text.split(',').map((item, i) => {
    const value = readText(item.trim(), itemsAt(shapes, i));
    return value === undefined ? item.trim() : value;
  });
}

/** As YAML 1.2 reads a plain scalar, and JSON where it looks like it. */
function readUntyped(text: string): JsonValue {
  if (text === '' || text === 'null' || text === '~') return text === '' ? '' : null;
  if (text === 'true' || text === 'false') return text === 'true';
  return readNumber(text, isExact) ?? readJson(text, '[') ?? readJson(text, '{') ?? text;
}
