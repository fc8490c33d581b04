import type { CompiledSchema } from '@setpoint/engine';
import type { Shape } from '@setpoint/engine/internal';
import { formatPointer, type JsonObject, type JsonValue, mask, type Pointer, readPointer } from '@setpoint/protocol';
import { boundsText, isMap, keyword, typeText } from './keyword-text.ts';
import { sampleOf } from './sample.ts';

/** What a schema says of one place. */
export interface SettingRow {
  /** `*` stands for any item of a list, and any member of a section whose members are not named. */
  readonly pointer: Pointer;
  readonly isSection: boolean;
  /** `integer`, `string or null`, `list of string`. */
  readonly type: string;
  /** Masked where the place is a secret. */
  readonly default?: JsonValue;
  /** `0 to 1`; empty for none. */
  readonly bounds: string;
  /** The section that it stands in can't be without it. */
  readonly required: boolean;
  /** A running process takes a change of it over. */
  readonly hot: boolean;
  readonly secret: boolean;
  readonly deprecated: boolean;
  readonly description?: string;
  /** What may stand there; left out for a secret. */
  readonly example?: JsonValue;
}

interface Around {
  readonly isRestart: boolean;
  readonly isSecret: boolean;
  readonly shapes: readonly Shape[];
}

/**
 * Every setting and section of a schema as a row, in the order of the schema. A schema that refers to itself is followed once.
 * @example
 * const rows = describeSettings(compileSchema(schema));
 */
export function describeSettings({ shape, fillDefaults }: CompiledSchema): SettingRow[] {
  const defaults = fillDefaults({});
  return rowsWithin(shape, [], { isRestart: false, isSecret: false, shapes: [shape] }, defaults);
}

function rowsWithin(shape: Shape, at: readonly string[], around: Around, defaults: JsonObject): SettingRow[] {
  const required = new Set(shape.parts.flatMap((part) => (Array.isArray(part.required) ? part.required : [])));
  const named = shape.names.map((name) => [name, shape.member(name)] as const);
  const unnamed = [
    ['*', isMap(shape.parts) ? shape.member('*') : undefined],
    ['*', sectionOf(shape.item(0))],
  ] as const;
  return [...named, ...unnamed].flatMap(([name, inner]) => {
    if (!inner || around.shapes.includes(inner)) return [];
    const place = {
      isRestart: around.isRestart || keyword(inner.parts, 'x-restart-required') === true,
      isSecret: around.isSecret || keyword(inner.parts, 'x-secret') === true,
      shapes: [...around.shapes, inner],
    };
    const tokens = [...at, name];
    const row = describe(inner, formatPointer(tokens), place, required.has(name), defaults);
    return [row, ...rowsWithin(inner, tokens, place, defaults)];
  });
}

const isSection = ({ names, parts }: Shape): boolean => names.length > 0 || isMap(parts);

const sectionOf = (shape: Shape | undefined): Shape | undefined => (shape && isSection(shape) ? shape : undefined);

function describe(
  shape: Shape,
  pointer: Pointer,
  { isRestart, isSecret }: Around,
  required: boolean,
  defaults: JsonObject,
): SettingRow {
  const { parts } = shape;
  const usual = readPointer(defaults, pointer) ?? keyword(parts, 'default');
  const description = keyword(parts, 'description') ?? keyword(parts, 'title');
  const example = isSecret || isSection(shape) ? undefined : sampleOf(shape);
  const item = shape.item(0);
  const ofItems = item ? ` of ${typeText(item.parts)}` : '';
  const inItems = item && !isSection(item) ? boundsText(item.parts) : '';
  return {
    pointer,
    isSection: isSection(shape),
    type: typeText(parts).replace('list', `list${ofItems}`),
    ...(usual !== undefined && { default: isSecret ? mask : usual }),
    bounds: [boundsText(parts), inItems === '' ? '' : `each ${inItems}`].filter((text) => text !== '').join('; '),
    required,
    hot: !isRestart,
    secret: isSecret,
    deprecated: keyword(parts, 'deprecated') === true,
    ...(typeof description === 'string' && { description }),
    ...(example !== undefined && { example }),
  };
}
