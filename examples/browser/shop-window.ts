import { z } from 'zod';

/** What the page shows. */
export const shopWindow = z.object({
  headline: z.string().min(1).max(80).default('Good morning'),
  accent: z.enum(['teal', 'tomato', 'goldenrod', 'slateblue']).default('teal'),
  isOpen: z.boolean().default(true),
  hours: z.string().default('8 to 18'),
  menu: z
    .array(z.object({ name: z.string(), euros: z.number().nonnegative() }))
    .max(8)
    .default([]),
});
