import { describe, expect, it } from 'vitest';
import {
  createKeyRing,
  createSigner,
  createSigningKey,
  isKeyFor,
  parseSigningKey,
  parseTrustedKeys,
  type TrustedKey,
  trustedKeyOf,
} from './keys.ts';

// RFC 8032, 7.1, TEST 1: published, and good for tests only.
const testKey = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  kid: 'test-1',
} as const;
const now = Date.parse('2026-06-01T00:00:00Z');
const refusal = (code: string) => expect.objectContaining({ name: 'SetpointError', code });

describe('createSigner', () => {
  it('produces the signature of the RFC 8032 test vector', () => {
    const signature = createSigner(testKey).sign(new Uint8Array());
    expect(Buffer.from(signature).toString('hex')).toBe(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    );
    expect(createSigner(testKey).keyId).toBe('test-1');
  });
});

describe('createSigningKey', () => {
  it('makes a different key every time, which can sign and be trusted', () => {
    const key = createSigningKey();
    expect(parseSigningKey({ ...key })).toEqual(key);
    expect(key.kid).toMatch(/^[A-Za-z0-9_-]{16}$/);
    expect(createSigningKey().d).not.toBe(key.d);
    const signed = Buffer.from('text');
    const signature = createSigner(key).sign(signed);
    const ring = createKeyRing({ keys: [trustedKeyOf(key, 'authority')] });
    expect(ring.verify({ keyId: key.kid, role: 'authority', signed, signature, now }).kid).toBe(key.kid);
  });
});

describe('trustedKeyOf', () => {
  it('leaves out the private half', () => {
    expect(trustedKeyOf(testKey, 'operator')).toEqual({
      kty: 'OKP',
      crv: 'Ed25519',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
      kid: 'test-1',
      role: 'operator',
    });
  });
});

describe('parseSigningKey', () => {
  it('accepts a private JSON Web Key and drops unknown members', () => {
    expect(parseSigningKey({ ...testKey, alg: 'EdDSA' })).toEqual(testKey);
  });

  it.each([
    ['undefined', undefined],
    ['a public key', { ...testKey, d: undefined }],
    ['another curve', { ...testKey, crv: 'X25519' }],
    ['a key id with a dot', { ...testKey, kid: 'a.b' }],
    ['half a key', { ...testKey, d: 'AAAA' }],
  ])('refuses %s', (_what, json) => {
    expect(() => parseSigningKey(json)).toThrow(refusal('key_malformed'));
  });

  it('Wire-13-Errors-Repeat-Nothing: does not repeat a private key in its error', () => {
    const secret = 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A';
    expect(() => parseSigningKey({ ...testKey, d: `${secret}==`, kid: undefined })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(secret) }),
    );
  });
});

describe('parseTrustedKeys', () => {
  const trusted = trustedKeyOf(testKey, 'authority');

  it('accepts a JWK set that says what each key is trusted for', () => {
    const keys = [
      { ...trusted, services: ['vad', 'asr-*'], expiresAt: '2027-01-01T00:00:00+01:00' },
      { ...trusted, kid: 'test-2', role: 'operator', operator: 'ada' },
    ];
    expect(parseTrustedKeys({ keys })).toEqual({ keys });
  });

  it.each([
    ['a key without a role', { keys: [{ ...trusted, role: undefined }] }],
    ['an unknown role', { keys: [{ ...trusted, role: 'admin' }] }],
    ['an invalid service name', { keys: [{ ...trusted, services: ['Vad'] }] }],
    ['an expiry that is not a time', { keys: [{ ...trusted, expiresAt: 'next year' }] }],
    ['an expiry without a zone', { keys: [{ ...trusted, expiresAt: '2027-01-01T00:00:00' }] }],
    ['a list', [trusted]],
  ])('refuses %s', (_what, json) => {
    expect(() => parseTrustedKeys(json)).toThrow(refusal('key_malformed'));
  });
});

describe('createKeyRing', () => {
  const signed = Buffer.from('text');
  const signature = createSigner(testKey).sign(signed);
  const check = { keyId: 'test-1', role: 'authority', signed, signature, now } as const;
  const ringOf = (more: Partial<TrustedKey> = {}) =>
    createKeyRing({ keys: [{ ...trustedKeyOf(testKey, 'authority'), ...more }] });

  it('names the key that signed', () => {
    expect(ringOf({ operator: 'ada' }).verify(check)).toMatchObject({ kid: 'test-1', operator: 'ada' });
  });

  it.each([
    ['key_unknown', 'a key that is not in the ring', {}, { keyId: 'test-2' }],
    ['key_not_allowed', 'a key of the other role', { role: 'operator' }, {}],
    ['key_expired', 'a key at the moment of its expiry', { expiresAt: '2026-06-01T00:00:00Z' }, {}],
    ['key_expired', 'a key whose expiry cannot be parsed', { expiresAt: 'soon' }, {}],
    ['signature_invalid', 'a text that was not signed', {}, { signed: Buffer.from('texT') }],
    ['signature_invalid', 'a signature of 64 zero bytes', {}, { signature: new Uint8Array(64) }],
    ['signature_invalid', 'a signature that is too short', {}, { signature: new Uint8Array(63) }],
  ] as const)('throws %s for %s', (code, _what, more, other) => {
    expect(() => ringOf(more).verify({ ...check, ...other })).toThrow(refusal(code));
  });

  it('trusts a key until its expiry', () => {
    expect(ringOf({ expiresAt: '2026-06-01T00:00:00.001Z' }).verify(check).kid).toBe('test-1');
  });

  it('holds several keys at once, so that keys can be rotated', () => {
    const next = createSigningKey();
    const ring = createKeyRing({ keys: [trustedKeyOf(testKey, 'authority'), trustedKeyOf(next, 'authority')] });
    expect(ring.verify(check).kid).toBe('test-1');
    expect(ring.verify({ ...check, keyId: next.kid, signature: createSigner(next).sign(signed) }).kid).toBe(next.kid);
  });

  it('refuses two keys with the same id', () => {
    const keys = [trustedKeyOf(testKey, 'authority'), trustedKeyOf(testKey, 'operator')];
    expect(() => createKeyRing({ keys })).toThrow(refusal('key_malformed'));
  });

  it('refuses a public key of the wrong length', () => {
    expect(() => ringOf({ x: 'AAAA' })).toThrow(refusal('key_malformed'));
  });

  it('verifies no signature with a key that is not a point on the curve', () => {
    expect(() => ringOf({ x: `${'_'.repeat(42)}8` }).verify(check)).toThrow(refusal('signature_invalid'));
  });
});

describe('isKeyFor', () => {
  const key = trustedKeyOf(testKey, 'authority');

  it('lets a key without a list of services speak for every service', () => {
    expect(isKeyFor(key, 'vad')).toBe(true);
  });

  it.each([
    [['vad'], 'vad', true],
    [['vad'], 'vad-2', false],
    [['vad'], 'my-vad', false],
    [['vad-*'], 'vad-eu', true],
    [['vad-*'], 'vad', false],
    [['*'], 'anything', true],
    [['asr', 'vad'], 'vad', true],
    [['a*z'], 'abcz', true],
    [[], 'vad', false],
  ])('a key with the services %j may speak for %s: %s', (services, service, allowed) => {
    expect(isKeyFor({ ...key, services }, service)).toBe(allowed);
  });
});
