import { createEnvelopeWriter, type Signer, snapshotType } from '@setpoint/protocol';
import { createTestKeys, snapshotOf } from '@setpoint/testing';
import { forgedNumber, lampOf, lampSchema } from './lamp.ts';
import type { Forgery } from './schedule.ts';

/** Right in every part, newer than any, and of nobody who is trusted: who shows it has believed a stranger. */
const snapshot = snapshotOf(lampSchema, lampOf(forgedNumber), { service: 'lamp', epoch: 1_900_000_000, version: 1000 });

const seal = (signer?: Signer): Uint8Array =>
  createEnvelopeWriter({ source: '/authority/config-authority', signer }).seal({
    type: snapshotType,
    subject: 'lamp',
    data: snapshot,
  }).bytes;

const byStranger = seal(createTestKeys().signer);

/** What a stranger publishes on the snapshot topic. */
export const forgeries: Readonly<Record<Forgery, string | Uint8Array>> = {
  garbage: 'this is no message',
  unsigned: seal(),
  foreign_key: byStranger,
  half: byStranger.subarray(0, 200),
};
