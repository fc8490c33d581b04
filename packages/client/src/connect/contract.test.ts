import { digestOf } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { deriveContract } from './contract.ts';

describe('the contract', () => {
  it("the contract is the JSON Schema of the schema's input, with its digest and annotations", () => {
    const schema = z.object({
      threshold: z.number().min(0).max(1).default(0.5),
      token: z.string().meta({ 'x-secret': true }),
      path: z.string().meta({ 'x-restart-required': true }),
    });
    const contract = deriveContract('vad', schema);
    expect(contract).toMatchObject({
      service: 'vad',
      schema: {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        required: ['token', 'path'],
        properties: {
          threshold: { type: 'number', minimum: 0, maximum: 1, default: 0.5 },
          token: { type: 'string', 'x-secret': true },
          path: { type: 'string', 'x-restart-required': true },
        },
      },
    });
    expect(contract.digest).toBe(digestOf(contract.schema));
  });

  it('the contract describes the document, not the result of a transform', () => {
    const schema = z.object({ at: z.iso.datetime().transform((text) => new Date(text)) });
    expect(deriveContract('vad', schema).schema).toMatchObject({ properties: { at: { type: 'string' } } });
  });

  it('the contract accepts anything for a type that JSON lacks', () => {
    expect(deriveContract('vad', z.object({ at: z.date() })).schema).toMatchObject({ properties: { at: {} } });
  });

  it("the contract's digest is that of the schema as it is sent, with its annotations", () => {
    const { digest, schema } = deriveContract('vad', z.object({ at: z.string().meta({ examples: [new Date(0)] }) }));
    expect(digest).toBe(digestOf(JSON.parse(JSON.stringify(schema))));
  });

  it('the contract is the same for the same schema', () => {
    const make = () => deriveContract('vad', z.object({ a: z.string(), b: z.int() })).digest;
    expect(make()).toBe(make());
  });

  it('a schema that JSON Schema cannot express is refused', () => {
    const ambiguous = z.object({ a: z.string().meta({ id: 'same' }), b: z.number().meta({ id: 'same' }) });
    expect(() => deriveContract('vad', ambiguous)).toThrow(
      expect.objectContaining({
        code: 'options_invalid',
        message: expect.stringMatching(/^the schema can't be announced: /),
      }),
    );
  });
});
