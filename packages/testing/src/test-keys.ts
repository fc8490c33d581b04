import { createSigner, createSigningKey, type Signer, type TrustedKeys, trustedKeyOf } from '@setpoint/protocol';

/** Keys of one test. */
export interface TestKeys {
  /** What the fake authority signs with. */
  readonly signer: Signer;
  /** What `connect` believes. */
  readonly trustedKeys: TrustedKeys;
}

/** Makes a key pair for an authority. */
export function createTestKeys(): TestKeys {
  const key = createSigningKey();
  return { signer: createSigner(key), trustedKeys: { keys: [trustedKeyOf(key, 'authority')] } };
}
