import { type Pointer, parsePointer } from '@setpoint/protocol';
import type { z } from 'zod';

/** The parts of a zod schema that are looked at; all are there or not by `type`. */
export interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly catchall?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
  readonly innerType?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly out?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
}

/** Of what is published, or of what is made of it. */
export type Side = 'in' | 'out';

/** Is it certain that no document of the schema has anything at this place? A place that can't be decided may have. */
export function isOutside(schema: z.core.$ZodType, pointer: Pointer, side: Side = 'in'): boolean {
  return lacks(schema, parsePointer(pointer), side);
}

const wrappers = ['optional', 'nullable', 'nonoptional', 'default', 'prefault', 'readonly', 'catch'];
const leaves = ['string', 'number', 'boolean', 'enum', 'literal', 'null', 'date', 'bigint'];

/** Without what only says that it may be missing, and what is made of it, or what it is made of. */
export function insideOf(schema: z.core.$ZodType, side: Side): z.core.$ZodType {
  const { type, innerType, ...pipe } = schema._zod.def as unknown as Definition;
  if (wrappers.includes(type) && innerType) return insideOf(innerType, side);
  const end = type === 'pipe' ? pipe[side] : undefined;
  return end ? insideOf(end, side) : schema;
}

function lacks(schema: z.core.$ZodType, [step, ...rest]: readonly string[], side: Side): boolean {
  if (step === undefined) return false;
  const definition = insideOf(schema, side)._zod.def as unknown as Definition;
  const { type, options, element } = definition;
  if (type === 'union' && options) return options.every((option) => lacks(option, [step, ...rest], side));
  if (type === 'array' && element) return !/^(0|[1-9]\d*)$/.test(step) || lacks(element, rest, side);
  if (type === 'object') return lacksMember(definition, step, rest, side);
  return leaves.includes(type);
}

function lacksMember({ shape = {}, catchall }: Definition, step: string, rest: readonly string[], side: Side): boolean {
  const member = Object.hasOwn(shape, step) ? shape[step] : undefined;
  if (member) return lacks(member, rest, side);
  // Without a catch-all what is unknown is left out of the document, and with "never" it is refused.
  return catchall === undefined || catchall._zod.def.type === 'never' || lacks(catchall, rest, side);
}
