import type { JsonObject } from '@setpoint/protocol';
import { z } from 'zod';

/**
 * The service of the chaos suite. Its four numbers are always changed together, so that a document of two versions
 * shows; and it refuses, for a reason that no authority knows, what has poison in it.
 */
export const lampSchema = z
  .object({
    number: z.int().default(0),
    twin: z.int().default(0),
    deep: z.object({ number: z.int().default(0), twin: z.int().default(0) }).prefault({}),
    poison: z.boolean().default(false),
  })
  .refine(({ poison }) => !poison, { error: 'is poison', path: ['poison'] });

export type Lamp = z.output<typeof lampSchema>;

/** No operator asks for it. */
export const forgedNumber = -1;

/** What the operator asks for: a whole document made of one number. */
export const lampOf = (number: number, poison = false): JsonObject => ({
  number,
  twin: number,
  deep: { number, twin: number },
  poison,
});

export const isWhole = ({ number, twin, deep }: Lamp): boolean =>
  [twin, deep.number, deep.twin].every((other) => other === number);
