import { createEnvelopeWriter, createKeyRing, createSigner, createSigningKey, trustedKeyOf } from '@setpoint/protocol';
import { midnight, sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { describe, expect, it } from 'vitest';
import { receive } from './receive.ts';

const key = createSigningKey();
const signer = createSigner(key);
const keys = createKeyRing({ keys: [trustedKeyOf(key, 'authority')] });
const trusting = { service: 'vad', authority: 'config-authority', keys: undefined, now: midnight, applied: undefined };
const second = snapshotOf(2, { threshold: 0.5 });

describe('what arrives as a snapshot', () => {
  it.each([
    ['is applied where nothing is', second, undefined, { kind: 'apply' }],
    ['is applied where it is newer, also with versions missing', snapshotOf(9), second, { kind: 'apply' }],
    ['is applied where its epoch is newer', snapshotOf(1, {}, { epoch: 8 }), second, { kind: 'apply' }],
    ['is a duplicate', second, second, { kind: 'skip', reason: 'duplicate', received: { snapshot: { version: 2 } } }],
    ['is stale', snapshotOf(1), second, { kind: 'skip', reason: 'stale', received: { snapshot: { version: 1 } } }],
    ['is stale by its epoch', snapshotOf(9, {}, { epoch: 6 }), second, { kind: 'skip', reason: 'stale' }],
    [
      'reuses a version',
      snapshotOf(2, { threshold: 0.9 }),
      second,
      { kind: 'refuse', error: { code: 'version_reused' }, stamp: { version: 2 } },
    ],
  ])('%s', (_, incoming, applied, expected) => {
    expect(receive(sealSnapshot(incoming), { ...trusting, applied })).toMatchObject(expected);
  });

  it('keeps the bytes it came as', () => {
    const bytes = sealSnapshot(second);
    const reception = receive(bytes, trusting);
    expect(reception).toMatchObject({ kind: 'apply', received: { snapshot: second, bytes } });
  });

  it('is a deletion where it is empty', () => {
    expect(receive(new Uint8Array(), { ...trusting, keys })).toEqual({ kind: 'deleted' });
  });

  it('is refused where it is of another service, whatever topic it came on', () => {
    const foreign = sealSnapshot(snapshotOf(1, {}, { service: 'asr' }));
    expect(receive(foreign, trusting)).toMatchObject({
      kind: 'refuse',
      error: {
        code: 'message_unexpected',
        message: 'a snapshot of asr came on the topic of vad; it is ignored',
      },
    });
  });

  it('is refused where it is of another authority, also with a signature that is trusted', () => {
    const staging = createEnvelopeWriter({ source: '/authority/staging', signer, now: () => midnight });
    const foreign = staging.seal({ type: 'setpoint.snapshot.v1', subject: 'vad', data: second }).bytes;
    const message =
      'the snapshot comes from /authority/staging, and this service listens to /authority/config-authority; it is ignored';
    const refusal = { kind: 'refuse', error: { code: 'message_unexpected', message } };
    expect(receive(foreign, trusting)).toMatchObject(refusal);
    expect(receive(foreign, { ...trusting, keys })).toMatchObject(refusal);
  });

  it('is taken with the signature of a trusted key', () => {
    expect(receive(sealSnapshot(second, signer), { ...trusting, keys })).toMatchObject({ kind: 'apply' });
  });

  it.each([
    ['unsigned', sealSnapshot(second), 'signature_missing'],
    ['signed by a stranger', sealSnapshot(second, createSigner(createSigningKey())), 'key_unknown'],
    ['torn', sealSnapshot(second, signer).slice(0, 300), 'signature_missing'],
    ['not JSON', Buffer.from('{'), 'signature_missing'],
  ])('is refused where it is %s', (_, bytes, code) => {
    expect(receive(bytes, { ...trusting, keys })).toMatchObject({ kind: 'refuse', error: { code } });
  });

  it('is refused and not thrown at, whatever it is', () => {
    expect(receive(Buffer.from('\xff\xfe'), trusting)).toMatchObject({
      kind: 'refuse',
      error: { code: 'envelope_malformed' },
    });
  });

  it('does not hide a fault that is not the message’s', () => {
    const broken = {
      verify: () => {
        throw new TypeError('a fault of ours');
      },
    };
    expect(() => receive(sealSnapshot(second, signer), { ...trusting, keys: broken })).toThrow('a fault of ours');
  });
});
