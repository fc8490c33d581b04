import { describe, expect, it } from 'vitest';
import { contractSchema } from './contract.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('a contract', () => {
  it('carries a schema as it is, whatever is in it', () => {
    const schema = { type: 'object', properties: { a: { 'x-secret': true } } };
    expect(contractSchema.safeParse({ service: 'vad', digest, schema }).data?.schema).toEqual(schema);
  });

  it.each([
    ['a schema that is no object', { service: 'vad', digest, schema: true }],
    ['a digest without its kind', { service: 'vad', digest: 'a'.repeat(64), schema: {} }],
    ['no service', { digest, schema: {} }],
  ])('can not have %s', (_what, contract) => {
    expect(contractSchema.safeParse(contract).success).toBe(false);
  });
});
