import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { isOutside } from './schema-places.ts';

const schema = z.object({
  vad: z.object({ threshold: z.number().default(0.5) }).prefault({}),
  words: z.array(z.object({ text: z.string() })).optional(),
  voice: z.union([z.literal('none'), z.object({ name: z.string() })]).readonly(),
  extra: z.looseObject({ a: z.number() }),
  strict: z.strictObject({ a: z.number() }),
  limits: z.record(z.string(), z.number()),
  prepared: z.preprocess((value) => value, z.object({ a: z.number() })),
  upper: z.string().transform((text) => text.toUpperCase()),
  any: z.any(),
});

describe('places of a schema', () => {
  it.each([
    '/nope',
    '/vad/nope',
    '/vad/threshold/deep',
    '/words/first',
    '/words/0/nope',
    '/voice/nope',
    '/strict/b',
    '/extra/a/b',
    '/upper/x',
    '/constructor',
  ])('isOutside is true for %s', (pointer) => {
    expect(isOutside(schema, pointer)).toBe(true);
  });

  it.each([
    '',
    '/vad',
    '/vad/threshold',
    '/words/0/text',
    '/voice/name',
    '/extra/b/c',
    '/limits/x',
    '/prepared/b',
    '/any/x/y',
  ])('isOutside is false for "%s"', (pointer) => {
    expect(isOutside(schema, pointer)).toBe(false);
  });

  it('isOutside looks at what a schema makes of a document when asked for that side', () => {
    const made = z.object({
      text: z.string().transform((text) => ({ text })),
      count: z.string().pipe(z.coerce.number()),
      list: z.array(z.object({ name: z.string() })),
    });
    const places = ['/text/text', '/text/x', '/count', '/list/0/name', '/nope', '/count/x', '/list/0/nope'];
    expect(places.filter((pointer) => isOutside(made, pointer, 'out'))).toEqual(['/nope', '/count/x', '/list/0/nope']);
    expect(isOutside(made, '/text/text', 'in')).toBe(true);
    const other = z.object({ a: z.number() }).transform(({ a }) => ({ b: a }));
    expect([isOutside(other, '/b', 'out'), isOutside(other, '/b', 'in')]).toEqual([false, true]);
  });
});
