import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as pageBytes from './bytes.browser.ts';
import * as nodeBytes from './bytes.ts';
import * as pageCrypto from './crypto.browser.ts';
import * as nodeCrypto from './crypto.ts';

// What a page runs on is held against what Node runs on: no message may mean another thing there.

/** Any text, half surrogate pairs and the marks of byte order included. */
const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '\ufeffa', '\ud800', 'a\udfff', '\u0000'));
const bytes = fc.uint8Array({ maxLength: 400 });
const plain = (given: Uint8Array): number[] => [...given];

describe('the byte functions for browsers', () => {
  it('Client-12-Browser: encode any text in UTF-8 exactly as Node does', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(plain(pageBytes.toUtf8(text))).toEqual(plain(nodeBytes.toUtf8(text)));
      }),
    );
    expect(plain(pageBytes.toUtf8('é\ud800'))).toEqual([0xc3, 0xa9, 0xef, 0xbf, 0xbd]);
  });

  it('Client-12-Browser: encode and decode base64url exactly as Node does', () => {
    fc.assert(
      fc.property(bytes, (given) => {
        const text = pageBytes.toBase64Url(given);
        expect(text).toBe(nodeBytes.toBase64Url(given));
        expect(plain(pageBytes.fromBase64Url(text))).toEqual(plain(given));
      }),
    );
    expect(pageBytes.toBase64Url(Uint8Array.of(0xfb, 0xff, 0xfe, 0x00))).toBe('-__-AA');
  });

  it('Client-12-Browser: ignore the same leftover bits at the end of a non-canonical base64url text as Node does', () => {
    const sloppy = fc.string({ unit: fc.constantFrom(...'AQgw-_z9'), minLength: 86, maxLength: 86 });
    fc.assert(
      fc.property(sloppy, (text) => {
        expect(plain(pageBytes.fromBase64Url(text))).toEqual(plain(nodeBytes.fromBase64Url(text)));
      }),
    );
  });

  it('Client-12-Browser: cut the same head and tail as Node does, also from a view into a larger buffer', () => {
    fc.assert(
      fc.property(bytes, fc.nat(20), fc.nat(500), (given, start, length) => {
        const part = given.subarray(start);
        expect(pageBytes.tailAsLatin1(part, length)).toBe(nodeBytes.tailAsLatin1(part, length));
        const head = Math.min(length, part.length);
        expect(plain(pageBytes.headWith(part, head, 125))).toEqual(plain(nodeBytes.headWith(part, head, 125)));
        expect(plain(pageBytes.headWith(part, head, 125))).toEqual([...part.subarray(0, head), 125]);
      }),
    );
  });
});

describe('the crypto functions for browsers', () => {
  it('Client-12-Browser: compute the same SHA-256 as Node', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom('hex' as const, 'base64url' as const), (text, encoding) => {
        expect(pageCrypto.sha256(text, encoding)).toBe(nodeCrypto.sha256(text, encoding));
      }),
    );
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(pageCrypto.sha256('abc', 'hex')).toBe(abc);
  });

  it('Client-12-Browser: sign exactly as Node does, and each verifies the signatures of the other', () => {
    fc.assert(
      fc.property(fc.constantFrom(nodeCrypto, pageCrypto), bytes, (maker, message) => {
        const key = maker.generateKey();
        const signature = pageCrypto.importSecretKey(key)(message);
        expect(plain(signature)).toEqual(plain(nodeCrypto.importSecretKey(key)(message)));
        expect(pageCrypto.importPublicKey(key.x)(message, signature)).toBe(true);
        expect(nodeCrypto.importPublicKey(key.x)(message, signature)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('Client-12-Browser: verify no signature that Node refuses', () => {
    const { x, d } = nodeCrypto.generateKey();
    const message = nodeBytes.toUtf8('what was signed');
    const signature = nodeCrypto.importSecretKey({ x, d })(message);
    const spoiled = fc.oneof(
      fc.nat(511).map((bit) => signature.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))),
      fc.nat(63).map((length) => signature.subarray(0, length)),
      fc.uint8Array({ minLength: 64, maxLength: 65 }),
      fc.constant(Uint8Array.of(...signature, 0)),
      fc.constant(withGroupOrderAdded(signature)),
    );
    fc.assert(
      fc.property(spoiled, (other) => {
        expect(pageCrypto.importPublicKey(x)(message, other)).toBe(false);
        expect(nodeCrypto.importPublicKey(x)(message, other)).toBe(false);
      }),
      { numRuns: 200 },
    );
    expect(pageCrypto.importPublicKey(x)(nodeBytes.toUtf8('what was sighed'), signature)).toBe(false);
  });

  it.each([
    ['a key that is too short', 'AAAA'],
    ['no key at all', ''],
  ])('Client-12-Browser: refuse %s as a public key', (_what, x) => {
    expect(() => pageCrypto.importPublicKey(x)).toThrow();
    expect(() => nodeCrypto.importPublicKey(x)).toThrow();
  });

  it('Client-12-Browser: verify no signature with a key that is not a point on the curve', () => {
    const x = `${'_'.repeat(42)}8`;
    const signature = new Uint8Array(64);
    expect(pageCrypto.importPublicKey(x)(new Uint8Array(), signature)).toBe(false);
    expect(nodeCrypto.importPublicKey(x)(new Uint8Array(), signature)).toBe(false);
  });
});

/** The same signature in another spelling, which RFC 8032 forbids: anyone could make one of one that they saw. */
function withGroupOrderAdded(signature: Uint8Array): Uint8Array {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const scalar = signature.subarray(32).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n) + order;
  const spelled = Uint8Array.from({ length: 32 }, (_, at) => Number((scalar >> BigInt(8 * at)) & 255n));
  return Uint8Array.of(...signature.subarray(0, 32), ...spelled);
}
