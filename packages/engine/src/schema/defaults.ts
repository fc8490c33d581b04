import type { JsonObject, JsonValue } from '@setpoint/protocol';
import { createShape, type Shape } from './shape.ts';

/**
 * Fills documents with what the schema's defaults add. A required section that is missing is filled from the defaults
 * within it. What needs nothing keeps its identity.
 */
export function createFiller(schema: JsonObject): (document: JsonObject) => JsonObject {
  const known = new Map<Shape, readonly Start[]>();
  // A section that was filled before, and is the same still, is filled with the same: who compares needs not look in.
  const remembered = new WeakMap<Shape, WeakMap<object, JsonValue>>();

  function fill(shape: Shape | undefined, value: JsonValue): JsonValue {
    if (!shape || typeof value !== 'object' || value === null) return value;
    const filled = remembered.get(shape)?.get(value);
    if (filled !== undefined) return filled;
    const fresh = Array.isArray(value) ? fillList(shape, value) : fillObject(shape, value as JsonObject);
    const values = remembered.get(shape) ?? new WeakMap<object, JsonValue>();
    remembered.set(shape, values.set(value, fresh));
    return fresh;
  }

  function fillList(shape: Shape, list: readonly JsonValue[]): JsonValue {
    const items = list.map((item, i) => (typeof item === 'object' ? fill(shape.item(i), item) : item));
    return items.some((item, i) => item !== list[i]) ? items : list;
  }

  function fillObject(shape: Shape, value: JsonObject): JsonValue {
    const changed: Record<string, JsonValue> = {};
    for (const [name, member] of Object.entries(value)) {
      const filled = typeof member === 'object' ? fill(shape.member(name), member) : member;
      if (filled !== member) changed[name] = filled;
    }
    for (const start of startsOf(shape)) if (!Object.hasOwn(value, start.name)) changed[start.name] = start.value;
    return Object.keys(changed).length > 0 ? { ...value, ...changed } : value;
  }

  function startsOf(shape: Shape): readonly Start[] {
    const found = known.get(shape);
    if (found) return found;
    // A schema that requires itself would be filled without end.
    known.set(shape, []);
    const starts = findStarts(shape).map(({ name, value }) => ({ name, value: fill(shape.member(name), value) }));
    known.set(shape, starts);
    return starts;
  }

  const root = createShape(schema, false);
  return (document) => fill(root, document) as JsonObject;
}

interface Start {
  readonly name: string;
  readonly value: JsonValue;
}

/** What missing members start from: their default, or an empty section where one is required. */
function findStarts(shape: Shape): Start[] {
  const required = new Set(shape.parts.flatMap((part) => (Array.isArray(part.required) ? part.required : [])));
  return shape.names.flatMap((name) => {
    const parts = shape.member(name)?.parts ?? [];
    const withDefault = parts.find((part) => Object.hasOwn(part, 'default'));
    const isSection = required.has(name) && parts.some(({ type }) => type === 'object');
    const value = withDefault ? withDefault.default : isSection ? {} : undefined;
    return value === undefined ? [] : [{ name, value }];
  });
}
