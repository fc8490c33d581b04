import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkPolicyValues } from './check-policy-values.ts';
import { type PolicyOptions, resolvePolicy } from './policy.ts';

const schema = z
  .object({
    a: z.number().max(9).default(1),
    vad: z.looseObject({ threshold: z.number().default(0.5) }).prefault({}),
    list: z.array(z.number()).default([1, 2]),
    pair: z.tuple([z.number(), z.number()]).optional(),
    ports: z.record(z.string(), z.int()).nullable().default({}),
    asked: z
      .string()
      .refine(async (text) => text !== 'no')
      .default('yes'),
    either: z.union([z.object({ n: z.number() }), z.string()]).optional(),
    made: z.string().transform(Number).pipe(z.number()).optional(),
    read: z.preprocess(Number, z.number()).optional(),
  })
  .readonly();

const check = (options: PolicyOptions): void =>
  checkPolicyValues(
    resolvePolicy(options, () => undefined),
    schema,
  );
const override = (pointer: string, value: unknown): void =>
  check({ overrides: { allow: [pointer], values: { [pointer]: value as never } } });

describe('values that this machine puts into documents', () => {
  it.each([
    ['fits', '/a', 3],
    ['is in a place that the schema leaves open', '/vad/other', 'x'],
    ['is an entry of a record', '/ports/8080', 1],
    ['is a whole list', '/list', [7]],
    ['has no place in the schema, which the first document reports', '/b', 1],
    ['is checked asynchronously, which the first document reports', '/asked', 'no'],
    ['depends on the document, which reports it', '/either/n', 'x'],
    ['is the input of a transform', '/made', '7'],
    ['is read by a preprocess function', '/read', '7'],
  ])('accepts a value that %s', (_, pointer, value) => {
    expect(() => override(pointer, value)).not.toThrow();
  });

  it.each([
    ['does not fit', '/a', 'tiger', /overrides \/a Invalid input: expected number/],
    ['is out of bounds', '/a', 10, /overrides \/a Too big/],
    ['does not fit further down', '/vad/threshold', null, /overrides \/vad\/threshold Invalid input/],
    ['does not fit in a record', '/ports/8080', 'x', /overrides \/ports\/8080 Invalid input/],
    ['is an item of a list', '/list/5', 9, /overrides \/list\/5 is in a list/],
    ['is at the end of a list', '/list/-', 9, /overrides \/list\/- is in a list/],
    ['is an item of a tuple', '/pair/0', 9, /overrides \/pair\/0 is in a list/],
    ['is not the input of its transform', '/made', 7, /overrides \/made Invalid input/],
  ])('refuses a value that %s', (_, pointer, value, message) => {
    expect(() => override(pointer, value)).toThrow(message);
  });

  it('refuses all wrong values at once, under the option they came from, without repeating them', () => {
    const picky = z.object({ a: z.string().refine(() => false, { error: ({ input }) => `${input} is no good` }) });
    const options: PolicyOptions = {
      boot: { '/a': { default: 'tiger-one' } },
      overrides: { allow: ['/a'], values: { '/a': 'tiger-two' } },
    };
    const message = '/a *** REDACTED *** is no good';
    expect(() =>
      checkPolicyValues(
        resolvePolicy(options, () => undefined),
        picky,
      ),
    ).toThrow(
      expect.objectContaining({
        code: 'options_invalid',
        message: `connect was called with wrong options: boot ${message}; overrides ${message}`,
        faults: [
          { pointer: '/boot', message },
          { pointer: '/overrides', message },
        ],
      }),
    );
  });
});
