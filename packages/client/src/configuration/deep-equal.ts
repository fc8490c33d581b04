/**
 * Compares documents deeply: plain values, lists, objects, dates, maps, sets, bytes, and objects with `toJSON`. A value of
 * any other kind equals only itself, unless `otherwise` decides.
 */
export function isDeepEqual(a: unknown, b: unknown, otherwise: () => boolean = () => false): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof Map && b instanceof Map) return isDeepEqual([...a], [...b], otherwise);
  if (a instanceof Set && b instanceof Set) return isDeepEqual([...a], [...b], otherwise);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return isDeepEqual([...a], [...b]);
  if (a instanceof RegExp && b instanceof RegExp) return String(a) === String(b);
  if (!Array.isArray(a) && !isPlain(a)) {
    return hasToJson(a) && hasToJson(b) ? isDeepEqual(a.toJSON(), b.toJSON(), otherwise) : otherwise();
  }
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every(
    (name) => Object.hasOwn(b, name) && isDeepEqual(Reflect.get(a, name), Reflect.get(b, name), otherwise),
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** URLs and decimal numbers have it, for example. */
const hasToJson = (value: object): value is { toJSON(): unknown } =>
  'toJSON' in value && typeof value.toJSON === 'function';
