import type { Pointer } from '@setpoint/protocol';

/** Does a place contain one of these, lie in one, or is it one? Answered without comparing it with each. */
export function createOverlapTest(pointers: readonly Pointer[]): (pointer: Pointer) => boolean {
  if (pointers.length === 0) return () => false;
  const places = new Set(pointers);
  const around = new Set(pointers.flatMap(placesAround));
  return (pointer) => places.has(pointer) || around.has(pointer) || placesAround(pointer).some((at) => places.has(at));
}

/** Does a place lie in one of these, or is it one? */
export function createWithinTest(pointers: readonly Pointer[]): (pointer: Pointer) => boolean {
  const places = new Set(pointers);
  return (pointer) => places.size > 0 && (places.has(pointer) || placesAround(pointer).some((at) => places.has(at)));
}

/** The places that a place lies in, the nearest first; the whole document is the last. */
export function placesAround(pointer: Pointer): Pointer[] {
  const around: Pointer[] = [];
  for (let end = pointer.lastIndexOf('/'); end >= 0; end = end === 0 ? -1 : pointer.lastIndexOf('/', end - 1)) {
    around.push(pointer.slice(0, end));
  }
  return around;
}
