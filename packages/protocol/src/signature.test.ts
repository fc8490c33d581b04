import { describe, expect, it } from 'vitest';
import { isKeyId, joinSignature, splitSignature } from './signature.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const signature = Uint8Array.from({ length: 64 }, (_, i) => i);
const encoded = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-Pw';

describe('joinSignature', () => {
  it('makes the signature the last member', () => {
    expect(joinSignature('{"a":1}', 'key-1', signature)).toBe(`{"a":1,"signature":"key-1.${encoded}"}`);
  });

  it.each([[''], ['a.b'], ['a"b'], ['x'.repeat(65)]])('refuses the key id %j', (keyId) => {
    expect(() => joinSignature('{"a":1}', keyId, signature)).toThrow(
      expect.objectContaining({ code: 'key_malformed' }),
    );
  });
});

describe('splitSignature', () => {
  const split = (message: string) => splitSignature(Buffer.from(message));

  it('returns the signed text, the key id and the signature', () => {
    const { signed, signature: found } = split(`{"a":"ü","signature":"key-1.${encoded}"}`);
    expect(text(signed)).toBe('{"a":"ü"}');
    expect(found?.keyId).toBe('key-1');
    expect([...(found?.bytes ?? [])]).toEqual([...signature]);
  });

  it('accepts a key id of 64 characters', () => {
    expect(split(`{"a":1,"signature":"${'k'.repeat(64)}.${encoded}"}`).signature?.keyId).toBe('k'.repeat(64));
  });

  it('uses the last of two signatures, so that the first one is part of the signed text', () => {
    const { signed } = split(`{"a":1,"signature":"one.${encoded}","signature":"two.${encoded}"}`);
    expect(text(signed)).toBe(`{"a":1,"signature":"one.${encoded}"}`);
  });

  it('reads a message that is a view into a larger buffer', () => {
    const message = Buffer.from(`##{"a":1,"signature":"key-1.${encoded}"}##`);
    expect(text(splitSignature(message.subarray(2, -2)).signed)).toBe('{"a":1}');
  });

  it.each([
    ['without the member', '{"a":1}'],
    ['that is empty', ''],
    ['with the member elsewhere', `{"signature":"key-1.${encoded}","a":1}`],
    ['with white space after it', `{"a":1,"signature":"key-1.${encoded}"} `],
    ['with a line break after it', `{"a":1,"signature":"key-1.${encoded}"}\n`],
    ['with white space inside the member', `{"a":1,"signature": "key-1.${encoded}"}`],
    ['with white space before the brace', `{"a":1,"signature":"key-1.${encoded}" }`],
    ['with a signature that is too short', `{"a":1,"signature":"key-1.${encoded.slice(1)}"}`],
    ['with a signature that is too long', `{"a":1,"signature":"key-1.${encoded}A"}`],
    ['with padding', `{"a":1,"signature":"key-1.${encoded}=="}`],
    ['with the other base64 alphabet', `{"a":1,"signature":"key-1.${encoded.replace('-', '+')}"}`],
    ['with another spelling of the last character', `{"a":1,"signature":"key-1.${encoded.slice(0, -1)}x"}`],
    ['with a key id that is too long', `{"a":1,"signature":"${'k'.repeat(65)}.${encoded}"}`],
    ['without a key id', `{"a":1,"signature":".${encoded}"}`],
    ['with an escape in the name of the member', `{"a":1,"s\\u0069gnature":"key-1.${encoded}"}`],
  ])('finds no signature in a message %s', (_what, message) => {
    const { signed, signature: found } = split(message);
    expect(found).toBeUndefined();
    expect(text(signed)).toBe(message);
  });
});

describe('isKeyId', () => {
  it('accepts letters, digits, "_" and "-"', () => {
    expect(isKeyId('A_z-09')).toBe(true);
    expect(isKeyId('a b')).toBe(false);
    expect(isKeyId('a\n')).toBe(false);
  });
});
