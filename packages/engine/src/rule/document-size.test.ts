import type { JsonObject } from '@setpoint/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sizeOf } from './document-size.ts';

it('is the size of the document as JSON, also asked twice', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (document) => {
      const size = Buffer.byteLength(JSON.stringify(document));
      expect(sizeOf(document as JsonObject)).toBe(size);
      expect(sizeOf(document as JsonObject)).toBe(size);
    }),
  );
});
