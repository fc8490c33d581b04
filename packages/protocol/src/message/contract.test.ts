import { describe, expect, it } from 'vitest';
import { contractSchema } from './contract.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('a contract', () => {
  it('carries any schema unchanged', () => {
    const schema = { type: 'object', properties: { a: { 'x-secret': true } } };
    expect(contractSchema.safeParse({ service: 'vad', digest, schema }).data?.schema).toEqual(schema);
  });

  it.each([
    ['a schema that is not an object', { service: 'vad', digest, schema: true }],
    ['a digest without its kind', { service: 'vad', digest: 'a'.repeat(64), schema: {} }],
    ['no member `service`', { digest, schema: {} }],
  ])('cannot have %s', (_what, contract) => {
    expect(contractSchema.safeParse(contract).success).toBe(false);
  });
});
