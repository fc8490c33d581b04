import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { invalidDocuments, validDocuments } from './documents.ts';
import { completeValues, snapshotOf } from './snapshot.ts';

const schema = z.object({
  whisper: z.object({ model: z.enum(['tiny', 'base']), beam: z.int().min(1).max(8).optional() }),
  vad: z.object({ threshold: z.number().min(0).max(1).default(0.5), step: z.number().multipleOf(0.1).optional() }),
  languages: z.array(z.string().length(2)).min(1).max(3),
  owner: z.email().nullable(),
  id: z.uuid(),
  since: z.iso.datetime(),
  day: z.iso.date(),
  host: z.ipv4(),
  link: z.url(),
  code: z.string().regex(/^[A-Z]{3}-\d{2}$/),
  quiet: z.boolean(),
  nothing: z.null(),
  kind: z.literal('lamp'),
  either: z.union([z.number(), z.object({ a: z.string() })]),
  pair: z.tuple([z.string().max(3), z.number().gt(0).lt(1)]),
  rooms: z.record(z.string(), z.int()),
  both: z.object({ x: z.number() }).and(z.object({ y: z.number() })),
  free: z.unknown(),
});

// RFC 6901, 4.
const escapeToken = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

describe('documents', () => {
  it('valid documents pass the schema', () => {
    fc.assert(
      fc.property(validDocuments(schema), (document) => schema.safeParse(document).success),
      { numRuns: 200 },
    );
  });

  it('invalid documents have one fault, at the pointer that they name', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(invalidDocuments(schema), ({ document, pointer, wrong }) => {
        seen.add(wrong);
        const { error } = schema.safeParse(document);
        const places = error?.issues.map(({ path }) => path.map((name) => `/${escapeToken(String(name))}`).join(''));
        expect(new Set(places)).toEqual(new Set([pointer]));
      }),
      { numRuns: 1000, seed: 1 },
    );
    expect([...seen].sort()).toEqual([
      'above the maximum',
      'below the minimum',
      'missing',
      'neither true nor false',
      'none of the choices',
      'not a list',
      'not a multiple',
      'not a number',
      'not a text',
      'not above the minimum',
      'not among the choices',
      'not an object',
      'not below the maximum',
      'not null',
      'not whole',
      'of another form',
      'too few items',
      'too long',
      'too many items',
      'too short',
    ]);
  });

  it('invalid documents of a strict schema may have one unknown member', () => {
    const strict = z.strictObject({ on: z.boolean() });
    const found = fc.sample(invalidDocuments(strict), { numRuns: 50, seed: 1 });
    expect(found).toContainEqual(expect.objectContaining({ pointer: '/not-in-the-schema', wrong: 'unknown' }));
  });

  it('documents satisfy a refinement by trial, and generation gives up on one that nothing satisfies', () => {
    const even = z.object({ n: z.int().refine((n) => n % 2 === 0) });
    fc.assert(fc.property(validDocuments(even), ({ n }) => Number(n) % 2 === 0));
    const never = z.object({ n: z.int().refine(() => false, 'is never right') });
    expect(() => fc.sample(validDocuments(never), 1)).toThrow(
      '1000 documents in a row did not pass the schema (is never right)',
    );
  });

  it('documents stay within bounds of every kind', () => {
    const bounded = z.object({
      low: z.number().min(5),
      high: z.number().max(-5),
      whole: z.int().gt(3).lt(6),
      open: z.number(),
      many: z.array(z.boolean()),
      word: z.string().min(3),
    });
    fc.assert(fc.property(validDocuments(bounded), (document) => bounded.safeParse(document).success));
  });

  it('documents of a recursive schema end at several depths', () => {
    interface Tree {
      name: string;
      children: Tree[];
      next?: Tree | undefined;
    }
    const tree: z.ZodType<Tree> = z.object({
      name: z.string(),
      children: z.array(z.lazy(() => tree)).max(3),
      next: z.lazy(() => tree).optional(),
    });
    const depthOf = ({ children, next }: Tree): number =>
      1 + Math.max(0, ...[...children, ...(next ? [next] : [])].map(depthOf));
    const found = fc.sample(validDocuments(tree), { numRuns: 200, seed: 1 }) as unknown as Tree[];
    expect(found.every((one) => tree.safeParse(one).success)).toBe(true);
    expect([...new Set(found.map(depthOf))].sort()).toEqual([1, 2, 3, 4]);
    const wrong = fc.sample(invalidDocuments(tree), { numRuns: 200, seed: 1 });
    expect(wrong.every(({ document }) => !tree.safeParse(document).success)).toBe(true);
    expect(wrong.some(({ pointer }) => pointer.startsWith('/children/0/next/'))).toBe(true);
  });

  it('documents of mutually recursive schemas, or of any JSON, pass the schema', () => {
    const room = z.object({
      lamps: z.array(z.lazy(() => lamp)).min(1),
      free: z.json(),
      label: z.string().meta({ id: 'Label of a room' }),
    });
    const lamp: z.ZodType = z.object({ rooms: z.record(z.string(), z.union([z.lazy(() => room), z.null()])) });
    fc.assert(fc.property(validDocuments(room), (document) => room.safeParse(document).success));
    fc.assert(fc.property(invalidDocuments(room), ({ document }) => !room.safeParse(document).success));
  });

  it('a schema whose documents cannot end is refused at once', () => {
    const endless: z.ZodType = z.object({ next: z.lazy(() => endless) });
    expect(() => validDocuments(endless)).toThrow('leads back to itself without an end');
  });

  it('documents of a union cover each choice, and invalid ones are wrong within the choice that they name', () => {
    const union = z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('lamp'), brightness: z.int().min(0).max(10) }),
      z.object({ kind: z.enum(['door', 'gate']), open: z.boolean() }),
    ]);
    const found = fc.sample(validDocuments(union), { numRuns: 100, seed: 1 });
    expect(new Set(found.map(({ kind }) => kind))).toEqual(new Set(['lamp', 'door', 'gate']));
    const wrong = fc.sample(invalidDocuments(union), { numRuns: 200, seed: 1 });
    expect(wrong.every(({ document }) => !union.safeParse(document).success)).toBe(true);
    expect(new Set(wrong.map(({ pointer }) => pointer))).toEqual(new Set(['/kind', '/brightness', '/open']));
    const plain = z.union([z.object({ a: z.int() }), z.object({ b: z.string() })]);
    expect(fc.sample(invalidDocuments(plain), 1)).toEqual([
      { document: { 'not-in-the-schema': true }, pointer: '', wrong: 'none of the choices' },
    ]);
  });

  it('invalid documents exist also when every setting has a default', () => {
    const easy = z.object({ n: z.int().default(5), room: z.object({ name: z.string().default('x') }).prefault({}) });
    fc.assert(fc.property(invalidDocuments(easy), ({ document }) => !easy.safeParse(document).success));
  });

  it('a schema must describe an object that can be invalid', () => {
    expect(() => validDocuments(z.string())).toThrow('a document is an object');
    expect(() => fc.sample(invalidDocuments(z.object({})), 1)).toThrow('nothing in this schema');
    const lax = z.object({ n: z.preprocess(() => 1, z.number()) });
    expect(() => fc.sample(invalidDocuments(lax), 1)).toThrow(/accepts whatever is made wrong|nothing in this schema/);
  });
});

describe('a snapshot', () => {
  it('has the values with their defaults and the matching digest', () => {
    const small = z.object({ n: z.int().default(3) });
    expect(snapshotOf(small, {}, { service: 'lamp', version: 4 })).toMatchObject({
      service: 'lamp',
      epoch: 1,
      version: 4,
      values: { n: 3 },
      digest: snapshotOf(small, { n: 3 }).digest,
    });
    expect(() => snapshotOf(small, { n: 'x' as never })).toThrow();
  });

  it('keeps the values as written when the schema transforms them', () => {
    expect(completeValues(z.object({ word: z.string().transform(({ length }) => length) }), { word: 'four' })).toEqual({
      word: 'four',
    });
  });
});
