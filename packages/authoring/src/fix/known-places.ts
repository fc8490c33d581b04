import type { Shape } from '@setpoint/engine/internal';
import { appendToken, type Pointer } from '@setpoint/protocol';

const maxDepth = 12;
const maxPlaces = 5000;

/** Where a schema declares settings, by their name; maps and lists are not looked into, and of a large schema only a part. */
export function findKnownPlaces(shape: Shape): ReadonlyMap<string, readonly Pointer[]> {
  const places = new Map<string, Pointer[]>();
  let count = 0;
  const walk = (here: Shape, at: Pointer, depth: number): void => {
    for (const name of here.names) {
      if (count >= maxPlaces) return;
      count += 1;
      const pointer = appendToken(at, name);
      places.set(name, [...(places.get(name) ?? []), pointer]);
      const member = here.member(name);
      if (member && depth < maxDepth) walk(member, pointer, depth + 1);
    }
  };
  walk(shape, '', 0);
  return places;
}
