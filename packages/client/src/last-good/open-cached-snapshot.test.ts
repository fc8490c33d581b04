import { createEnvelopeWriter, createKeyRing, createSigner, createSigningKey, trustedKeyOf } from '@setpoint/protocol';
import { midnight, sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { describe, expect, it } from 'vitest';
import { joinChecksum, splitChecksum } from '../last-good/open-cached-snapshot.ts';
import { openCachedSnapshot } from './open-cached-snapshot.ts';

const key = createSigningKey();
const keys = createKeyRing({ keys: [trustedKeyOf(key, 'authority')] });
const options = { service: 'vad', authority: 'config-authority', keys: undefined, now: midnight };
const snapshot = snapshotOf(2, { threshold: 0.5 });
const bytes = sealSnapshot(snapshot);
const signed = sealSnapshot(snapshot, createSigner(key));
const text = String(bytes);

describe('the last good snapshot on disk', () => {
  it('the last good snapshot on disk is the one that was received', () => {
    expect(openCachedSnapshot(bytes, options)).toEqual({ snapshot, bytes });
    expect(openCachedSnapshot(signed, { ...options, keys })).toEqual({ snapshot, bytes: signed });
  });

  it.each<[string, Uint8Array, object, string]>([
    ['empty', new Uint8Array(), {}, 'the file is empty'],
    ['torn', bytes.slice(0, 200), {}, 'not JSON'],
    ['of another service', sealSnapshot(snapshotOf(1, {}, { service: 'asr' })), {}, 'a snapshot of asr came'],
    [
      'of another authority',
      createEnvelopeWriter({ source: '/authority/other', now: () => midnight }).seal({
        type: 'setpoint.snapshot.v1',
        subject: 'vad',
        data: snapshot,
      }).bytes,
      {},
      'the snapshot comes from /authority/other, and this service listens to /authority/config-authority',
    ],
    [
      'changed, where nothing is signed',
      Buffer.from(text.replace('0.5', '0.6')),
      {},
      'its values do not have its digest',
    ],
    ['changed although signed', Buffer.from(String(signed).replace('0.5', '0.6')), { keys }, 'signature'],
    ['unsigned although keys are trusted', bytes, { keys }, 'no signature'],
    ['of an earlier format', Buffer.from(text.replace('snapshot.v1', 'snapshot.v0')), {}, 'snapshot.v0'],
  ])('a last good snapshot on disk that is %s is refused with the reason', (_, file, more, reason) => {
    expect(() => openCachedSnapshot(file, { ...options, ...more })).toThrow(reason);
  });

  it('a last good snapshot with a checksum is the one that was received, and still a message in JSON', () => {
    const file = joinChecksum(bytes);
    expect(openCachedSnapshot(file, options)).toEqual({ snapshot, bytes: new Uint8Array(bytes) });
    expect(JSON.parse(Buffer.from(file).toString()).data).toEqual(snapshot);
    expect(splitChecksum(file)).toEqual({ bytes: new Uint8Array(bytes), isDamaged: false });
    expect(joinChecksum(Buffer.from(`${text}\n`)).length).toBe(bytes.length + 1);
  });

  it.each([
    ['version', '"version":2', '"version":9'],
    ['epoch', '"epoch":7', '"epoch":8'],
    ['list of secrets', '"secrets":[]', '"secrets":["/a"]'],
  ])(
    'a last good snapshot whose %s was changed is refused by its checksum, also without trusted keys',
    (_, from, to) => {
      const file = Buffer.from(Buffer.from(joinChecksum(bytes)).toString().replace(from, to));
      expect(() => openCachedSnapshot(file, options)).toThrow(
        'the snapshot on disk is damaged: it is not as it was written',
      );
    },
  );

  it('a last good snapshot with a checksum is refused when any byte of the message was changed', () => {
    const file = joinChecksum(bytes);
    for (let at = 0; at < bytes.length - 1; at++) {
      const damaged = Uint8Array.from(file);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(() => openCachedSnapshot(damaged, options)).toThrow(expect.objectContaining({ name: 'SetpointError' }));
    }
  });

  it('a signed last good snapshot is refused when any byte was changed', () => {
    for (let at = 0; at < signed.length; at++) {
      const damaged = Uint8Array.from(signed);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(() => openCachedSnapshot(damaged, { ...options, keys })).toThrow(
        expect.objectContaining({ name: 'SetpointError' }),
      );
    }
  });
});
