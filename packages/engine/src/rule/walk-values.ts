import { formatPointer, type JsonObject, type JsonValue, type Pointer } from '@setpoint/protocol';
import type { Shape } from '../schema/shape.ts';

export type Kind = 'text' | 'number' | 'list' | 'section' | 'other';

/** One value of a document, with what its schema says of it. */
export interface Spot {
  readonly value: JsonValue;
  readonly kind: Kind;
  /** The nearest name around it: that of the list, for an item. */
  readonly name: string;
  /** Empty where no schema speaks of it. */
  readonly parts: readonly JsonObject[];
  pointer(): Pointer;
}

/** Calls `visit` with every value of a document, sections and lists too, from the outside in. */
export function walkValues(document: JsonObject, shape: Shape | undefined, visit: (spot: Spot) => void): void {
  const path: string[] = [];
  const pointer = (): Pointer => formatPointer(path);
  const walk = (value: JsonValue, name: string, here: Shape | undefined): void => {
    const kind = kindOf(value);
    visit({ value, kind, name, parts: here?.parts ?? none, pointer });
    if (kind !== 'list' && kind !== 'section') return;
    for (const [key, member] of Object.entries(value as JsonObject)) {
      path.push(key);
      if (kind === 'list') walk(member, name, here?.item(Number(key)));
      else walk(member, key, here?.member(key));
      path.pop();
    }
  };
  walk(document, '', shape);
}

const none: readonly JsonObject[] = [];

export function kindOf(value: JsonValue): Kind {
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return 'number';
  if (Array.isArray(value)) return 'list';
  return typeof value === 'object' && value !== null ? 'section' : 'other';
}
