import { type Digest, digestOf, type JsonValue } from '@setpoint/protocol';

/** What was asked under which id, so that one id for two requests is found out. */
export interface AskedBefore {
  /** Was something else asked under this id? Remembers what is asked now. */
  isAnother(id: string, question: object): boolean;
}

/** Remembers the last `capacity` ids; one that is forgotten counts as the same request. */
export function createAskedBefore(capacity = 10_000): AskedBefore {
  const digests = new Map<string, Digest>();
  return {
    isAnother(id, question) {
      const digest = digestOf(question as JsonValue);
      const known = digests.get(id);
      if (known !== undefined) return known !== digest;
      digests.set(id, digest);
      if (digests.size > capacity) digests.delete(digests.keys().next().value as string);
      return false;
    },
  };
}
