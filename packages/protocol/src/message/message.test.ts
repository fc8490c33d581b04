import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEnvelopeWriter } from '../envelope/write-envelope.ts';
import { createKeyRing, createSigner, trustedKeyOf } from '../keys.ts';
import { SetpointError } from '../problem.ts';
import { messageSchemas, openMessage, parseData, tryOpenMessage } from './message.ts';

// RFC 8032, 7.1, TEST 1: published, and good for tests only.
const testKey = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  kid: 'test-1',
} as const;
const now = Date.parse('2026-06-01T00:00:00Z');
const authority = createKeyRing({ keys: [trustedKeyOf(testKey, 'authority')] });
const operator = createKeyRing({ keys: [{ ...trustedKeyOf(testKey, 'operator'), operator: 'ada' }] });
const refusal = (code: string) => expect.objectContaining({ name: 'SetpointError', code });

const signed = createEnvelopeWriter({ source: '/authority/main', signer: createSigner(testKey), now: () => now });
const unsigned = createEnvelopeWriter({ source: '/authority/main', now: () => now });
const digest = `sha256:${'a'.repeat(64)}`;

const snapshot = {
  service: 'vad',
  epoch: 1,
  version: 1,
  digest,
  previous: null,
  values: { threshold: 0.5 },
  restartRequired: [],
  secrets: [],
  author: 'ada',
  reason: '',
  committedAt: '2026-06-01T00:00:00.000Z',
};
const request = { service: 'vad', op: 'merge', patch: { threshold: 0.6 }, author: 'ada' };
const result = {
  status: 'applied',
  service: 'vad',
  epoch: 1,
  version: 2,
  changed: [],
  restartRequired: [],
  warnings: [],
};
const keepalive = { instance: 'vad-1', session: 's1', sequence: 0, intervalMs: 5000 };

const sealWith = (writer: typeof signed, type: string, data: object, subject = 'vad') =>
  writer.seal({ type, subject, data }).bytes;

describe('openMessage', () => {
  it('opens a message of the requested type', () => {
    const bytes = sealWith(signed, 'setpoint.snapshot.v1', snapshot);
    const { data, envelope, signedBy } = openMessage('setpoint.snapshot.v1', bytes, { keys: authority, now });
    expect(data).toEqual(snapshot);
    expect(envelope.source).toBe('/authority/main');
    expect(signedBy).toEqual({ keyId: 'test-1', operator: undefined });
  });

  it('refuses a message of another type', () => {
    const bytes = sealWith(unsigned, 'setpoint.request.v1', request);
    expect(() => openMessage('setpoint.result.v1', bytes, { now })).toThrow(
      new SetpointError(
        'message_unexpected',
        'expected a setpoint.result.v1, received a message of type setpoint.request.v1',
      ),
    );
  });

  it('demands an operator key for requests and an authority key for snapshots and results', () => {
    const open = (
      type: 'setpoint.snapshot.v1' | 'setpoint.result.v1' | 'setpoint.request.v1',
      data: object,
      keys = operator,
    ) => openMessage(type, sealWith(signed, type, data), { keys, now });
    expect(open('setpoint.request.v1', request).signedBy).toEqual({ keyId: 'test-1', operator: 'ada' });
    expect(() => open('setpoint.snapshot.v1', snapshot)).toThrow(refusal('key_not_allowed'));
    expect(() => open('setpoint.result.v1', result)).toThrow(refusal('key_not_allowed'));
    expect(() => open('setpoint.request.v1', request, authority)).toThrow(refusal('key_not_allowed'));
  });

  it.each([
    ['setpoint.contract.v1', { service: 'vad', digest, schema: { type: 'object' } }],
    [
      'setpoint.health.v1',
      {
        instance: 'vad-1',
        service: 'vad',
        session: 's1',
        ok: true,
        state: 'ready',
        event: 'ready',
        startedAt: '2026-06-01T00:00:00Z',
      },
    ],
    ['setpoint.keepalive.v1', keepalive],
    [
      'setpoint.convergence.v1',
      {
        service: 'vad',
        epoch: 1,
        version: 1,
        digest,
        instances: { applied: 1, pending: 0, rejected: 0, restartPending: 0, offline: 0 },
        stragglers: [],
        since: '2026-06-01T00:00:00Z',
        convergedAt: null,
      },
    ],
  ] as const)('accepts a %s without a signature even when keys are given', (type, data) => {
    expect(openMessage(type, sealWith(unsigned, type, data), { keys: authority, now }).data).toEqual(data);
  });

  it('Wire-12-Unknown-Ignored: drops unknown members of data, and keeps every member of a document', () => {
    const values = { any: { thing: [1] } };
    const more = { ...snapshot, values, previous: { version: 1, digest, later: 1 }, later: true };
    const bytes = sealWith(unsigned, 'setpoint.snapshot.v1', more);
    expect(openMessage('setpoint.snapshot.v1', bytes, { now }).data).toEqual({
      ...snapshot,
      values,
      previous: { version: 1, digest },
    });
  });

  it('names every fault with its pointer', () => {
    const bytes = sealWith(unsigned, 'setpoint.result.v1', { ...result, version: -1, warnings: [{ 'a/b': 1 }] });
    const { faults } = catchError(() => openMessage('setpoint.result.v1', bytes, { now }));
    expect(faults.map(({ pointer }) => pointer)).toEqual(['/version', '/warnings/0/pointer', '/warnings/0/message']);
  });

  it('names only the first hundred faults of a message with more', () => {
    const bytes = sealWith(unsigned, 'setpoint.result.v1', { ...result, changed: Array(50_000).fill(1) });
    const { faults, message } = catchError(() => openMessage('setpoint.result.v1', bytes, { now }));
    expect(faults).toHaveLength(100);
    expect(message).toMatch(/; and 49900 more$/);
    expect(message.length).toBeLessThan(10_000);
  });

  it('Wire-09-One-Service: refuses data that names another service than the subject', () => {
    for (const [type, data] of [
      ['setpoint.snapshot.v1', snapshot],
      ['setpoint.request.v1', request],
      ['setpoint.result.v1', result],
    ] as const) {
      const keys = type === 'setpoint.request.v1' ? operator : authority;
      expect(() => openMessage(type, sealWith(signed, type, data, 'asr'), { keys, now })).toThrow(
        refusal('message_unexpected'),
      );
    }
  });

  it('Wire-09-One-Service: accepts any subject of a keepalive, since its data names no service', () => {
    const bytes = sealWith(unsigned, 'setpoint.keepalive.v1', keepalive, 'vad');
    expect(openMessage('setpoint.keepalive.v1', bytes, { now }).envelope.subject).toBe('vad');
  });

  it('Wire-11-Bounded-Size: applies the given size limit', () => {
    const bytes = sealWith(unsigned, 'setpoint.result.v1', result);
    expect(() => openMessage('setpoint.result.v1', bytes, { now, maxEnvelopeBytes: 100 })).toThrow(
      refusal('message_too_large'),
    );
  });
});

describe('parseData', () => {
  it('returns the data of an envelope that is already open', () => {
    const { envelope } = openMessage('setpoint.request.v1', sealWith(unsigned, 'setpoint.request.v1', request), {
      now,
    });
    expect(parseData('setpoint.request.v1', envelope)).toEqual(request);
  });
});

describe('Wire-02-Only-Known-Errors: openMessage', () => {
  const types = Object.keys(messageSchemas) as (keyof typeof messageSchemas)[];
  const throwsOnlyKnown = (bytes: Uint8Array): void => {
    for (const type of types) {
      try {
        openMessage(type, bytes, { now });
      } catch (error) {
        expect(error).toBeInstanceOf(SetpointError);
      }
    }
  };

  /** A message that createEnvelopeWriter would refuse to write. */
  const written = (type: string, data: object): Uint8Array => {
    const { bytes } = unsigned.seal({ type, subject: 'vad', data: { here: true } });
    return Buffer.from(
      Buffer.from(bytes)
        .toString()
        .replace('{"here":true}', () => JSON.stringify(data)),
    );
  };

  it('throws only known errors for random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), throwsOnlyKnown));
  });

  it('throws only known errors for any JSON as data', () => {
    const data = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }));
    fc.assert(
      fc.property(data, fc.constantFrom(...types), (value, type) => {
        throwsOnlyKnown(written(type, value));
      }),
    );
  });

  it('throws only known errors for any JSON in place of any member of a valid message', () => {
    const good: [string, object][] = [
      ['setpoint.snapshot.v1', snapshot],
      ['setpoint.request.v1', request],
      ['setpoint.result.v1', { ...result, original: result, diff: [], log: [] }],
      ['setpoint.keepalive.v1', { ...keepalive, recent: {} }],
    ];
    const place = fc
      .constantFrom(...good)
      .chain(([type, data]) =>
        fc.record({ type: fc.constant(type), data: fc.constant(data), member: fc.constantFrom(...Object.keys(data)) }),
      );
    const json = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' });
    fc.assert(
      fc.property(place, json, ({ type, data, member }, value) => {
        throwsOnlyKnown(written(type, { ...data, [member]: value }));
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['a pointer of a megabyte', '/a'.repeat(500_000)],
    ['a pointer of nothing but escapes', `/${'~0'.repeat(500_000)}`],
    ['a pointer that is wrong at its end', `/${'~0'.repeat(500_000)}~`],
  ])('throws only known errors for %s', (_what, pointer) => {
    const data = { ...result, changed: [pointer] };
    throwsOnlyKnown(
      createEnvelopeWriter({ source: '/a', maxEnvelopeBytes: 2e6 }).seal({
        type: 'setpoint.result.v1',
        subject: 'vad',
        data,
      }).bytes,
    );
  });

  it.each([
    ['letters', 'a'.repeat(20_000_000)],
    ['escapes', '~0'.repeat(10_000_000)],
  ] as const)(
    'opens a message with a pointer of %s that is longer than any stack, when the limit allows it',
    (_what, token) => {
      const data = { ...result, changed: [`/${token}`] };
      const writer = createEnvelopeWriter({ source: '/a', maxEnvelopeBytes: 3e7 });
      const bytes = sealWith(writer, 'setpoint.result.v1', data);
      expect(openMessage('setpoint.result.v1', bytes, { now, maxEnvelopeBytes: 3e7 }).data.changed).toHaveLength(1);
    },
  );

  it('throws only known errors for results nested inside results', () => {
    const nested = (depth: number): object =>
      JSON.parse(`${'{"original":'.repeat(depth)}{}${'}'.repeat(depth)}`) as object;
    throwsOnlyKnown(written('setpoint.result.v1', nested(60)));
    throwsOnlyKnown(written('setpoint.result.v1', nested(5000)));
  });
});

function catchError(action: () => unknown): SetpointError {
  try {
    action();
  } catch (error) {
    return error as SetpointError;
  }
  throw new Error('nothing was thrown');
}

describe('tryOpenMessage', () => {
  it('returns undefined for a message that cannot be opened, and rethrows an error of our own code', () => {
    const broken = Buffer.from('no message');
    expect(tryOpenMessage('setpoint.health.v1', broken, { now: 0 })).toBeUndefined();
    expect(() => tryOpenMessage('setpoint.health.v1', undefined as never, { now: 0 })).toThrow(TypeError);
  });
});
