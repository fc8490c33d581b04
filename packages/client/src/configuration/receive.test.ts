import { createEnvelopeWriter, createKeyRing, createSigner, createSigningKey, trustedKeyOf } from '@setpoint/protocol';
import { midnight, sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { describe, expect, it } from 'vitest';
import { receive } from './receive.ts';

const key = createSigningKey();
const signer = createSigner(key);
const keys = createKeyRing({ keys: [trustedKeyOf(key, 'authority')] });
const trusting = { service: 'vad', authority: 'config-authority', keys: undefined, now: midnight, applied: undefined };
const second = snapshotOf(2, { threshold: 0.5 });

describe('receiving a snapshot', () => {
  it.each([
    ['is applied when there is no document yet', second, undefined, { kind: 'apply' }],
    [
      'is applied when it is newer, also when versions are missing in between',
      snapshotOf(9),
      second,
      { kind: 'apply' },
    ],
    ['is applied when its epoch is newer', snapshotOf(1, {}, { epoch: 8 }), second, { kind: 'apply' }],
    [
      'of the version in force is a duplicate',
      second,
      second,
      { kind: 'skip', reason: 'duplicate', received: { snapshot: { version: 2 } } },
    ],
    [
      'of an older version is stale',
      snapshotOf(1),
      second,
      { kind: 'skip', reason: 'stale', received: { snapshot: { version: 1 } } },
    ],
    ['of an older epoch is stale', snapshotOf(9, {}, { epoch: 6 }), second, { kind: 'skip', reason: 'stale' }],
    [
      'with other content under a known version is refused',
      snapshotOf(2, { threshold: 0.9 }),
      second,
      { kind: 'refuse', error: { code: 'version_reused' }, stamp: { version: 2 } },
    ],
  ])('a snapshot %s', (_, incoming, applied, expected) => {
    expect(receive(sealSnapshot(incoming), { ...trusting, applied })).toMatchObject(expected);
  });

  it('a received snapshot keeps the bytes it arrived as', () => {
    const bytes = sealSnapshot(second);
    const reception = receive(bytes, trusting);
    expect(reception).toMatchObject({ kind: 'apply', received: { snapshot: second, bytes } });
  });

  it('an empty message is a deletion', () => {
    expect(receive(new Uint8Array(), { ...trusting, keys })).toEqual({ kind: 'deleted' });
  });

  it('a snapshot of another service is refused, whatever topic it arrived on', () => {
    const foreign = sealSnapshot(snapshotOf(1, {}, { service: 'asr' }));
    expect(receive(foreign, trusting)).toMatchObject({
      kind: 'refuse',
      error: {
        code: 'message_unexpected',
        message: 'a snapshot of asr came on the topic of vad; it is ignored',
      },
    });
  });

  it('a snapshot of another authority is refused, also with a trusted signature', () => {
    const staging = createEnvelopeWriter({ source: '/authority/staging', signer, now: () => midnight });
    const foreign = staging.seal({ type: 'setpoint.snapshot.v1', subject: 'vad', data: second }).bytes;
    const message =
      'the snapshot comes from /authority/staging, and this service listens to /authority/config-authority; it is ignored';
    const refusal = { kind: 'refuse', error: { code: 'message_unexpected', message } };
    expect(receive(foreign, trusting)).toMatchObject(refusal);
    expect(receive(foreign, { ...trusting, keys })).toMatchObject(refusal);
  });

  it('a snapshot with the signature of a trusted key is accepted', () => {
    expect(receive(sealSnapshot(second, signer), { ...trusting, keys })).toMatchObject({ kind: 'apply' });
  });

  it.each([
    ['unsigned', sealSnapshot(second), 'signature_missing'],
    ['signed by a stranger', sealSnapshot(second, createSigner(createSigningKey())), 'key_unknown'],
    ['torn', sealSnapshot(second, signer).slice(0, 300), 'signature_missing'],
    ['not JSON', Buffer.from('{'), 'signature_missing'],
  ])('a snapshot that is %s is refused', (_, bytes, code) => {
    expect(receive(bytes, { ...trusting, keys })).toMatchObject({ kind: 'refuse', error: { code } });
  });

  it('whatever arrives is refused without throwing', () => {
    expect(receive(Buffer.from('\xff\xfe'), trusting)).toMatchObject({
      kind: 'refuse',
      error: { code: 'envelope_malformed' },
    });
  });

  it('an error that the message did not cause is thrown', () => {
    const broken = {
      verify: () => {
        throw new TypeError('a fault of ours');
      },
    };
    expect(() => receive(sealSnapshot(second, signer), { ...trusting, keys: broken })).toThrow('a fault of ours');
  });
});
