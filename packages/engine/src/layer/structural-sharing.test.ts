import type { JsonObject, JsonValue } from '@setpoint/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { share } from './structural-sharing.ts';

it('keeps what is equal, and says the same', () => {
  const before = { a: { x: 1 }, b: [{ y: 1 }, { y: 2 }], c: { d: {} } } as const;
  const after = structuredClone(before) as unknown as Record<string, JsonValue>;
  expect(share(before as unknown as JsonObject, after)).toBe(before);
  const changed = share(before as unknown as JsonObject, { ...after, c: { d: { e: 1 } } }) as typeof before;
  expect(changed).toEqual({ ...after, c: { d: { e: 1 } } });
  expect(changed.a).toBe(before.a);
  expect(changed.b).toBe(before.b);
  const longer = share(before.b as unknown as JsonValue, [{ y: 1 }, { y: 3 }, { y: 2 }]) as JsonValue[];
  expect(longer).toEqual([{ y: 1 }, { y: 3 }, { y: 2 }]);
  expect(longer[0]).toBe(before.b[0]);
});

it('is what was read, whatever was there before', () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(value, value, fc.boolean(), (before, after, isCopy) => {
      const read = (isCopy ? structuredClone(before) : after) as JsonValue;
      const shared = share(before as JsonValue, read);
      expect(JSON.stringify(shared)).toBe(JSON.stringify(read));
    }),
  );
});
