import {
  appendToken,
  isEqualJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
  parsePointer,
} from '@setpoint/protocol';
import type { Shape } from '../schema/shape.ts';
import type { Place } from './layer.ts';

/** A value that knows, with everything in it, where it stands. */
export type Placed = PlacedScalar | PlacedList | PlacedSection;

export interface PlacedScalar {
  readonly kind: 'scalar';
  readonly place: Place;
  readonly value: null | boolean | number | string;
}

export interface PlacedList {
  readonly kind: 'list';
  readonly place: Place;
  readonly items: readonly Placed[];
}

export interface PlacedSection {
  readonly kind: 'section';
  readonly place: Place;
  readonly members: ReadonlyMap<string, Placed>;
}

/** The value with one place for all of it. */
export function placeAll(value: JsonValue, place: Place): Placed {
  if (Array.isArray(value)) return { kind: 'list', place, items: value.map((item) => placeAll(item, place)) };
  if (!isJsonObject(value)) return { kind: 'scalar', place, value: value as PlacedScalar['value'] };
  const members = Object.entries(value).map(([key, member]) => [key, placeAll(member, place)] as const);
  return { kind: 'section', place, members: new Map(members) };
}

function jsonOf(placed: Placed): JsonValue {
  switch (placed.kind) {
    case 'scalar':
      return placed.value;
    case 'list':
      return placed.items.map(jsonOf);
    case 'section':
      return documentOf(placed);
  }
}

export function documentOf({ members }: PlacedSection): JsonObject {
  const document: Record<string, JsonValue> = {};
  for (const [key, member] of members) document[key] = jsonOf(member);
  return document;
}

/** Where the value at `pointer`, or the nearest one around it, stands. */
export function locateIn(root: Placed, pointer: Pointer): Place {
  let here = root;
  for (const token of parsePointer(pointer)) {
    const next = here.kind === 'list' ? here.items[Number(token)] : here.kind === 'section' && here.members.get(token);
    if (!next) break;
    here = next;
  }
  return here.place;
}

/**
 * `upper` laid over `lower`: sections merge and anything else replaces, but in lists whose schema names a merge key
 * the items with the same key merge, and others come after those of `lower`.
 */
export function mergePlaced(lower: Placed, upper: Placed, shapes: readonly Shape[]): Placed {
  if (lower.kind === 'section' && upper.kind === 'section') return mergeSections(lower, upper, shapes);
  const key = lower.kind === 'list' && upper.kind === 'list' ? mergeKeyOf(shapes) : undefined;
  if (key === undefined) return upper;
  return mergeLists(lower as PlacedList, upper as PlacedList, key, shapes);
}

function mergeSections(lower: PlacedSection, upper: PlacedSection, shapes: readonly Shape[]): PlacedSection {
  const members = new Map(lower.members);
  for (const [name, member] of upper.members) {
    const under = lower.members.get(name);
    members.set(name, under ? mergePlaced(under, member, membersNamed(shapes, name)) : member);
  }
  return { ...upper, members };
}

function mergeLists(lower: PlacedList, upper: PlacedList, key: string, shapes: readonly Shape[]): PlacedList {
  const items = [...lower.items];
  for (const item of upper.items) {
    const id = idOf(item, key);
    const at = id === undefined ? -1 : items.findIndex((other) => isEqualJson(idOf(other, key), id));
    if (at < 0) items.push(item);
    else items[at] = mergePlaced(items[at] as Placed, item, itemsAt(shapes, at));
  }
  return { ...upper, items };
}

function idOf(item: Placed, key: string): JsonValue | undefined {
  const member = item.kind === 'section' ? item.members.get(key) : undefined;
  return member?.kind === 'scalar' ? member.value : undefined;
}

const mergeKeyOf = (shapes: readonly Shape[]): string | undefined =>
  shapes
    .flatMap(({ parts }) => parts)
    .map((part) => part['x-merge-key'])
    .find((key) => typeof key === 'string');

/** What schemas say of a member. */
export const membersNamed = (shapes: readonly Shape[], name: string): Shape[] =>
  shapes.flatMap((shape) => shape.member(name) ?? []);

/** What schemas say of an item. */
export const itemsAt = (shapes: readonly Shape[], index: number): Shape[] =>
  shapes.flatMap((shape) => shape.item(index) ?? []);

/** Each scalar replaced by what `change` makes of it; what is not changed keeps its identity. */
export function mapScalars(
  placed: Placed,
  shapes: readonly Shape[],
  change: (scalar: PlacedScalar, at: Pointer, shapes: readonly Shape[]) => Placed,
  at: Pointer = '',
): Placed {
  if (placed.kind === 'scalar') return change(placed, at, shapes);
  if (placed.kind === 'list') {
    const items = placed.items.map((item, i) => mapScalars(item, itemsAt(shapes, i), change, appendToken(at, i)));
    return items.every((item, i) => item === placed.items[i]) ? placed : { ...placed, items };
  }
  const members = [...placed.members].map(
    ([name, member]) => [name, mapScalars(member, membersNamed(shapes, name), change, appendToken(at, name))] as const,
  );
  return members.every(([name, member]) => member === placed.members.get(name))
    ? placed
    : { ...placed, members: new Map(members) };
}
