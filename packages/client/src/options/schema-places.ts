import { type Pointer, parsePointer } from '@setpoint/protocol';
import { z } from 'zod';
import { isRecord } from './option-rules.ts';

/** What a schema is made of: the union of all kinds of schemas, which zod publishes for those who walk them. */
export type Definition = z.core.$ZodTypes['_zod']['def'];

export const definitionOf = (schema: z.core.$ZodType): Definition => (schema as z.core.$ZodTypes)._zod.def;

/** Whether a value is a zod schema. True also for a schema of another copy of zod 4, which works as well. */
export function isZodSchema(value: unknown): value is z.ZodType {
  return isRecord(value) && typeof value.safeParse === 'function' && value instanceof z.core.$ZodType;
}

/** Which side of a schema to look at: what is published ("in"), or what the schema makes of it ("out"). */
export type Side = 'in' | 'out';

/**
 * Whether it is certain that no document of the schema has anything at this place. If the schema does not decide it, the
 * answer is no.
 */
export function isOutside(schema: z.core.$ZodType, pointer: Pointer, side: Side = 'in'): boolean {
  return lacks(schema, parsePointer(pointer), side);
}

/**
 * Returns the schema of the published value at one place; undefined if it depends on the document or on code, and
 * `in a list` for an item of one.
 */
export function schemaAt(
  schema: z.core.$ZodType,
  [token, ...rest]: readonly string[],
): z.core.$ZodType | 'in a list' | undefined {
  if (token === undefined) return schema;
  const definition = unwrapped(schema, 'in');
  switch (definition.type) {
    case 'array':
    case 'tuple':
      return 'in a list';
    case 'record':
      return schemaAt(definition.valueType, rest);
    case 'object': {
      const member = memberOf(definition, token);
      return member && schemaAt(member, rest);
    }
    default:
      return undefined;
  }
}

/** The definition of the value itself, without the wrappers that only say whether it may be missing or what replaces it. */
function unwrapped(schema: z.core.$ZodType, side: Side): Definition {
  const definition = definitionOf(schema);
  switch (definition.type) {
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'catch':
      return unwrapped(definition.innerType, side);
    case 'pipe':
      return unwrapped(definition[side], side);
    default:
      return definition;
  }
}

function lacks(schema: z.core.$ZodType, [token, ...rest]: readonly string[], side: Side): boolean {
  if (token === undefined) return false;
  const definition = unwrapped(schema, side);
  switch (definition.type) {
    case 'union':
      return definition.options.every((option) => lacks(option, [token, ...rest], side));
    case 'array':
      return !/^(0|[1-9]\d*)$/.test(token) || lacks(definition.element, rest, side);
    case 'object': {
      const member = memberOf(definition, token);
      return member ? lacks(member, rest, side) : lacksUnknownMember(definition, rest, side);
    }
    case 'string':
    case 'number':
    case 'boolean':
    case 'enum':
    case 'literal':
    case 'null':
    case 'date':
    case 'bigint':
      return true;
    default:
      return false;
  }
}

const memberOf = ({ shape }: z.core.$ZodObjectDef, token: string): z.core.$ZodType | undefined =>
  Object.hasOwn(shape, token) ? shape[token] : undefined;

/** Without a catch-all, unknown members are left out of the document; with `never`, they are refused. */
function lacksUnknownMember({ catchall }: z.core.$ZodObjectDef, rest: readonly string[], side: Side): boolean {
  return catchall === undefined || definitionOf(catchall).type === 'never' || lacks(catchall, rest, side);
}
