import { type Digest, digestOf, type JsonValue } from '@setpoint/protocol';

/** Remembers which request was sent under which idempotency key, to detect a key that is used for two requests. */
export interface IdempotencyKeys {
  /** Whether another request used this key before. Remembers this request otherwise. */
  isReused(key: string, request: object): boolean;
}

/** Remembers the last `capacity` keys. A forgotten key counts as new. */
export function createIdempotencyKeys(capacity = 10_000): IdempotencyKeys {
  const digests = new Map<string, Digest>();
  return {
    isReused(key, request) {
      const digest = digestOf(request as JsonValue);
      const known = digests.get(key);
      if (known !== undefined) return known !== digest;
      digests.set(key, digest);
      const oldest = digests.keys().next().value;
      if (digests.size > capacity && oldest !== undefined) digests.delete(oldest);
      return false;
    },
  };
}
