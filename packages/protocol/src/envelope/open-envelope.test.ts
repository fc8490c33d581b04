import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKeyRing, createSigner, trustedKeyOf } from '../keys.ts';
import { SetpointError } from '../problem.ts';
import { openEnvelope } from './open-envelope.ts';
import { createEnvelopeWriter } from './write-envelope.ts';

// RFC 8032, 7.1, TEST 1: published, and good for tests only.
const testKey = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  kid: 'test-1',
} as const;
const now = Date.parse('2026-06-01T00:00:00Z');
const keys = createKeyRing({ keys: [trustedKeyOf(testKey, 'authority')] });
const refusal = (code: string) => expect.objectContaining({ name: 'SetpointError', code });

const members = {
  specversion: '1.0',
  id: '0190b5a2-0000-7000-8000-000000000001',
  source: '/authority/main',
  type: 'setpoint.snapshot.v1',
  time: '2026-06-01T00:00:00.000Z',
  subject: 'vad',
  datacontenttype: 'application/json',
  data: { threshold: 0.5 },
};
const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const open = (bytes: Uint8Array) => openEnvelope(bytes, { role: 'authority', now });
const openSigned = (bytes: Uint8Array) => openEnvelope(bytes, { keys, role: 'authority', now });
const writer = createEnvelopeWriter({
  source: '/authority/main',
  signer: createSigner(testKey),
  now: () => now,
  newId: () => '0190b5a2-0000-7000-8000-000000000001',
});
const draft = { type: 'setpoint.snapshot.v1', subject: 'vad', data: { threshold: 0.5 } };
const sealed = writer.seal(draft).bytes;

describe('createEnvelopeWriter', () => {
  it('writes a message as exactly these bytes', () => {
    const unsigned = createEnvelopeWriter({ source: '/authority/main', now: () => now, newId: () => 'id-1' });
    expect(Buffer.from(unsigned.seal(draft).bytes).toString()).toBe(
      '{"specversion":"1.0","id":"id-1","source":"/authority/main","type":"setpoint.snapshot.v1","time":"2026-06-01T00:00:00.000Z","subject":"vad","datacontenttype":"application/json","data":{"threshold":0.5}}',
    );
  });

  it('writes the optional members before data, and the signature last', () => {
    const { bytes } = writer.seal({ ...draft, id: 'id-2', correlationid: 'id-1', traceparent: '00-1', replyto: 'a/b' });
    expect(Buffer.from(bytes).toString()).toMatch(
      /"datacontenttype":"application\/json","correlationid":"id-1","traceparent":"00-1","replyto":"a\/b","data":\{"threshold":0\.5\},"signature":"test-1\.[A-Za-z0-9_-]{86}"\}$/,
    );
  });

  it('gives every message a fresh UUIDv7 and the current time', () => {
    const { seal } = createEnvelopeWriter({ source: '/instance/vad-1' });
    const [first, second] = [seal(draft), seal(draft)];
    expect(first.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(second.id).not.toBe(first.id);
    expect(first.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('Wire-11-Bounded-Size: refuses to write a message over the limit, and names its size and the limit', () => {
    const { seal } = createEnvelopeWriter({ source: '/a', newId: () => 'id', now: () => now, maxEnvelopeBytes: 200 });
    const exact = { type: 't', subject: 's', data: { text: 'x'.repeat(40) } };
    expect(seal(exact).bytes).toHaveLength(200);
    expect(() => seal({ ...exact, data: { text: 'x'.repeat(41) } })).toThrow(
      new SetpointError(
        'message_too_large',
        'the t of s is 201 bytes, 200 is the limit; make the document smaller or raise the limit on every side',
      ),
    );
  });

  it('writes messages of up to 1 MiB by default', () => {
    const { seal } = createEnvelopeWriter({ source: '/a' });
    expect(() => seal({ ...draft, data: { text: 'x'.repeat(1_048_000) } })).not.toThrow();
    expect(() => seal({ ...draft, data: { text: 'x'.repeat(1_048_576) } })).toThrow(refusal('message_too_large'));
  });
});

describe('openEnvelope', () => {
  it('opens a signed message and names the key that signed it', () => {
    expect(openSigned(sealed)).toEqual({ envelope: members, signedBy: { keyId: 'test-1', operator: undefined } });
  });

  it('accepts an unsigned message when no keys are given', () => {
    expect(open(sealed)).toEqual({ envelope: members });
    expect(open(bytesOf(members))).toEqual({ envelope: members });
  });

  it('Wire-12-Unknown-Ignored: drops unknown extensions', () => {
    expect(open(bytesOf({ ...members, partitionkey: 'a', dataschema: 'b' }))).toEqual({ envelope: members });
  });

  it('keeps known extensions', () => {
    const known = { ...members, correlationid: 'id-0', traceparent: '00-1', replyto: 'a/b' };
    expect(open(bytesOf(known)).envelope).toEqual(known);
  });

  it.each([
    ['specversion', '0.3'],
    ['id', ''],
    ['id', 7],
    ['id', 'x'.repeat(513)],
    ['source', undefined],
    ['type', null],
    ['time', '2026-06-01'],
    ['time', '2026-06-01T00:00Z'],
    ['time', '2026-06-01T00:00:00+02:00'],
    ['time', '2026-06-01T00:00:00'],
    ['time', '2026-13-01T00:00:00Z'],
    ['time', '2026-06-01T25:00:00Z'],
    ['subject', undefined],
    ['datacontenttype', 'text/plain'],
    ['correlationid', null],
    ['traceparent', 1],
    ['replyto', ''],
    ['data', undefined],
    ['data', null],
    ['data', []],
    ['data', 'text'],
  ])('refuses a message whose %s is %j', (member, value) => {
    expect(() => open(bytesOf({ ...members, [member]: value }))).toThrow(refusal('envelope_malformed'));
  });

  it.each([
    ['an empty message', Buffer.from('')],
    ['half a message', Buffer.from('{"specversion":"1.0"')],
    ['a list', Buffer.from('[]')],
    ['a text', Buffer.from('"text"')],
    ['null', Buffer.from('null')],
    ['bytes that are not UTF-8', Buffer.concat([bytesOf(members).subarray(0, -1), Buffer.from([0xc3, 0x28, 0x7d])])],
    ['a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytesOf(members)])],
    ['UTF-16', Buffer.from(JSON.stringify(members), 'utf16le')],
    ['a million open brackets', Buffer.from('['.repeat(1_000_000))],
  ])('refuses %s as malformed', (_what, bytes) => {
    expect(() => open(bytes)).toThrow(refusal('envelope_malformed'));
  });

  it.each([
    ['is nested too deeply', `{"a":${'['.repeat(64)}${']'.repeat(64)}}`],
    ['has a member named "__proto__"', '{"a":{"__proto__":{"admin":true}}}'],
    ['has a number that a double cannot hold', '{"a":1e999}'],
  ])('refuses data that %s', (_what, data) => {
    const text = JSON.stringify({ ...members, data: 0 }).replace('"data":0', `"data":${data}`);
    expect(() => open(Buffer.from(text))).toThrow(refusal('envelope_malformed'));
  });

  it('Wire-13-Errors-Repeat-Nothing: does not repeat the text that it could not parse', () => {
    const broken = Buffer.from('{"specversion":"1.0","data":{"password":"hunter2"');
    expect(() => open(broken)).toThrow(new SetpointError('envelope_malformed', 'not JSON in UTF-8 (49 bytes)'));
  });

  it('refuses an unsigned message when keys are given', () => {
    expect(() => openSigned(bytesOf(members))).toThrow(refusal('signature_missing'));
  });

  it('checks the signature before it parses anything', () => {
    const json = Buffer.from('this is not JSON}');
    const forged = Buffer.from(`this is not JSON,"signature":"test-1.${'A'.repeat(86)}"}`);
    expect(() => openSigned(forged)).toThrow(refusal('signature_invalid'));
    const signature = Buffer.from(createSigner(testKey).sign(json)).toString('base64url');
    const signed = Buffer.from(`this is not JSON,"signature":"test-1.${signature}"}`);
    expect(() => openSigned(signed)).toThrow(refusal('envelope_malformed'));
  });

  it('refuses a message signed with a key of another role', () => {
    expect(() => openEnvelope(sealed, { keys, role: 'operator', now })).toThrow(refusal('key_not_allowed'));
  });

  it('Wire-09-One-Service: refuses a message signed with a key for another service', () => {
    const narrow = createKeyRing({ keys: [{ ...trustedKeyOf(testKey, 'authority'), services: ['asr-*'] }] });
    expect(() => openEnvelope(sealed, { keys: narrow, role: 'authority', now })).toThrow(refusal('key_not_allowed'));
  });

  it('names the operator that the signing key is bound to', () => {
    const bound = createKeyRing({ keys: [{ ...trustedKeyOf(testKey, 'operator'), operator: 'ada' }] });
    const opened = openEnvelope(sealed, { keys: bound, role: 'operator', now });
    expect(opened.signedBy).toEqual({ keyId: 'test-1', operator: 'ada' });
  });

  it('Wire-11-Bounded-Size: refuses a message over the limit before parsing it', () => {
    expect(() => open(Buffer.alloc(16_777_217, 0x20))).toThrow(
      new SetpointError('message_too_large', 'the message is 16777217 bytes, 16777216 is the limit'),
    );
    const limited = { role: 'authority', now, maxEnvelopeBytes: 10 } as const;
    expect(() => openEnvelope(sealed, limited)).toThrow(refusal('message_too_large'));
  });

  it('opens a large message from a writer whose limit was raised', () => {
    const padded = Buffer.concat([bytesOf(members), Buffer.alloc(4_000_000, 0x20)]);
    expect(open(padded).envelope).toEqual(members);
  });
});

describe('Wire-03-Every-Bit-Signed: openEnvelope', () => {
  const refusals = ['signature_missing', 'signature_invalid', 'key_unknown'];
  const codeOf = (bytes: Uint8Array): string => {
    try {
      openSigned(bytes);
      return 'opened';
    } catch (error) {
      return (error as SetpointError).code;
    }
  };

  it('refuses a signed message with any single bit flipped', () => {
    const outcomes = new Set<string>();
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Uint8Array.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      outcomes.add(codeOf(changed));
    }
    expect([...outcomes].sort()).toEqual(['key_unknown', 'signature_invalid', 'signature_missing']);
  });

  it('refuses a signed message cut short at its end or its start', () => {
    for (let length = 0; length < sealed.length; length++) {
      expect(refusals).toContain(codeOf(sealed.subarray(0, length)));
      if (length > 0) expect(refusals).toContain(codeOf(sealed.subarray(length)));
    }
  });

  it('refuses a signed message with bytes inserted, removed or replaced anywhere', () => {
    const cut = fc.nat(sealed.length);
    fc.assert(
      fc.property(cut, cut, fc.uint8Array({ maxLength: 8 }), (a, b, inserted) => {
        const changed = Buffer.concat([sealed.subarray(0, Math.min(a, b)), inserted, sealed.subarray(Math.max(a, b))]);
        if (changed.equals(sealed)) return;
        expect(refusals).toContain(codeOf(changed));
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses the signature of one message on another', () => {
    const other = writer.seal({ ...draft, data: { threshold: 0.6 } }).bytes;
    const tail = Buffer.from(sealed).subarray(Buffer.from(sealed).indexOf(',"signature":'));
    const head = Buffer.from(other).subarray(0, Buffer.from(other).indexOf(',"signature":'));
    expect(codeOf(Buffer.concat([head, tail]))).toBe('signature_invalid');
  });
});

describe('Wire-02-Only-Known-Errors: openEnvelope', () => {
  const throwsOnlyKnown = (bytes: Uint8Array): void => {
    for (const opening of [open, openSigned]) {
      try {
        opening(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(SetpointError);
      }
    }
  };

  it('throws only known errors for random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), throwsOnlyKnown), { numRuns: 2000 });
  });

  it('throws only known errors for any JSON in place of a message or of one of its members', () => {
    const json = fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' });
    fc.assert(
      fc.property(json, fc.constantFrom(...Object.keys(members)), (value, member) => {
        throwsOnlyKnown(bytesOf(value));
        throwsOnlyKnown(bytesOf({ ...members, [member]: value }));
      }),
      { numRuns: 2000 },
    );
  });

  it('throws only known errors when bytes of a valid message are changed', () => {
    const source = bytesOf(members);
    const change = fc.record({ at: fc.nat(source.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 10 }), (changes) => {
        const changed = Buffer.from(source);
        for (const { at, byte } of changes) changed[at] = byte;
        throwsOnlyKnown(changed);
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['deep nesting in data', `{"data":${'{"a":'.repeat(100_000)}0${'}'.repeat(100_000)}}`],
    ['deep nesting in an extension', `{"x":${'['.repeat(400_000)}${']'.repeat(400_000)}}`],
    ['a number of a million digits', `{"data":{"a":${'9'.repeat(1_000_000)}}}`],
    ['lone surrogates', '{"data":{"\\ud800":"\\udfff"},"id":"\\ud800"}'],
    ['names of what every object has', '{"constructor":1,"toString":2,"__proto__":{"data":{}},"hasOwnProperty":3}'],
  ])('throws only known errors for %s', (_what, text) => {
    throwsOnlyKnown(Buffer.from(text));
    throwsOnlyKnown(Buffer.from(`${JSON.stringify(members).slice(0, -1)},${text.slice(1)}`));
  });
});

describe('the data that createEnvelopeWriter accepts', () => {
  const write = (data: unknown) =>
    createEnvelopeWriter({ source: '/instance/a' }).seal({ type: 'a.v1', subject: 'vad', data: data as object }).bytes;
  const nested = (levels: number): object => {
    let inner = {};
    for (let level = 1; level < levels; level += 1) inner = { inner };
    return inner;
  };
  const circular: { self?: unknown } = {};
  circular.self = circular;

  class Reading {
    readonly celsius = 21;
  }
  class Masked {
    // What is written is not what is there.
    readonly #own = circular;
    readonly own = this.#own;
    toJSON() {
      return { own: 'masked' };
    }
  }

  it.each([
    ['undefined', undefined, 'is missing'],
    ['null', null, 'is null'],
    ['a text', 'a', 'is a string'],
    ['a number', 5, 'is a number'],
    ['a bigint', 10n, 'is a bigint'],
    ['a function', () => 1, 'is a function'],
    ['a symbol', Symbol('a'), 'is a symbol'],
    ['a list', [1, 2], 'is a list'],
    ['a date', new Date(0), 'does not become an object'],
    ['an invalid date', new Date(Number.NaN), 'does not become an object'],
    ['an object whose toJSON returns a list', { toJSON: () => [1] }, 'does not become an object'],
    ['an object whose toJSON returns undefined', { toJSON: () => undefined }, 'does not become an object'],
    ['a map', new Map([['a', 1]]), 'is a Map, whose content JSON leaves out'],
    ['a set', new Set([1]), 'is a Set, whose content JSON leaves out'],
    ['a promise', Promise.resolve({}), 'is a Promise, whose content JSON leaves out'],
    ['a String object', Object('a'), 'is a String, whose content JSON leaves out'],
    ['an object with a bigint member', { a: 10n }, 'can not be written as JSON: Do not know how to serialize a BigInt'],
    ['a circular object', circular, 'can not be written as JSON: Converting circular structure to JSON'],
    [
      'an object whose toJSON throws',
      {
        toJSON() {
          throw new Error('not now');
        },
      },
      'can not be written as JSON: not now',
    ],
    [
      'an object with a getter that throws',
      {
        get a(): never {
          throw new Error('not now');
        },
      },
      'can not be written as JSON: not now',
    ],
    ['an object nested 65 levels deep', nested(65), 'nests deeper than 64 levels'],
    ['an object with a member named __proto__', JSON.parse('{"a":{"__proto__":{}}}'), 'has a member named "__proto__"'],
  ])('refuses %s as data', (_, data, fault) => {
    expect(() => write(data)).toThrow(
      expect.objectContaining({
        code: 'message_invalid',
        message: `the data of the a.v1 of vad ${fault}; give an object that JSON can write`,
        faults: [{ pointer: '', message: fault }],
      }),
    );
  });

  it.each([
    ['an object', { a: [1, { b: null }] }, { a: [1, { b: null }] }],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['an instance of a class', new Reading(), { celsius: 21 }],
    ['an object with toJSON', new Masked(), { own: 'masked' }],
    [
      'an object with a toJSON member and a date',
      { deep: new Masked(), at: new Date(0) },
      { deep: { own: 'masked' }, at: '1970-01-01T00:00:00.000Z' },
    ],
    ['an object nested 64 levels deep', nested(64), nested(64)],
  ])('accepts %s as data', (_, data, read) => {
    expect(open(write(data)).envelope.data).toEqual(read);
  });

  it('writes no message that openEnvelope would refuse', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, maxDepth: 4 }),
        (data) => {
          let bytes: Uint8Array;
          try {
            bytes = write(data);
          } catch (error) {
            expect(error).toMatchObject({ code: 'message_invalid' });
            return;
          }
          expect(open(bytes).envelope.data).toEqual(JSON.parse(JSON.stringify(data)));
        },
      ),
    );
  });
});
