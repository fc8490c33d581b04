export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [key: string]: JsonValue };

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Documents nest no deeper than this, so that no reader's recursion can be made to overflow. */
export const maxDepth = 64;

/**
 * Says why a parsed value is not a safe document, or undefined. `__proto__` is refused as a member name because
 * merging it in JavaScript would reach the prototype, and a reader in another language could not see why.
 */
export function findUnsafeJson(value: unknown, depth = 0): string | undefined {
  // JSON can write 1e400; as a double it would be infinite, and null in every message that repeats it.
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'has a number that is too large';
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth >= maxDepth) return `nests deeper than ${maxDepth} levels`;
  // Every message is walked through, so no list is made of its members with their names.
  if (Array.isArray(value)) {
    for (const item of value) {
      const found = findUnsafeJson(item, depth + 1);
      if (found) return found;
    }
    return undefined;
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return 'has a member named "__proto__"';
    const found = findUnsafeJson((value as JsonObject)[key], depth + 1);
    if (found) return found;
  }
  return undefined;
}

/** Freezes a document and everything in it, and returns it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || !(Array.isArray(value) || isPlain(value))) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}

/** Equal as JSON: members in any order, lists in order. */
export function isEqualJson(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => isEqualJson(item, b[i]))
    );
  }
  const [left, right] = [a as JsonObject, b as JsonObject];
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isEqualJson(left[key], right[key]))
  );
}

/** A date, a map or bytes that a schema made of a value have an inside that freezing does not reach, or refuses. */
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};
