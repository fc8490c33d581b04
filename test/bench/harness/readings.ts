import { createEnvelopeWriter } from '@setpoint/protocol';
import { z } from 'zod';

/** What a sensor says: a message of ordinary size, 0.5 KB with its envelope. */
export const readingSchema = z.object({
  room: z.string().max(60),
  unit: z.enum(['°C', '%', 'lx']),
  value: z.number().min(-100).max(100_000),
  battery: z.number().min(0).max(1),
  tags: z.array(z.string().max(20)).max(10),
  window: z.object({ count: z.int().min(0), least: z.number(), most: z.number() }),
});

export const readingAt = (i: number): z.output<typeof readingSchema> => ({
  room: 'the kitchen of the house',
  unit: '°C',
  value: 20 + (i % 100) / 10,
  battery: 0.75,
  tags: ['kitchen', 'evening'],
  window: { count: 60, least: 19.5, most: 21.5 },
});

/** What messages come from, whoever publishes them, so that all are of one size. */
export const readingSource = 'bench-sensor';
const writer = createEnvelopeWriter({ source: `/instance/${readingSource}` });

/** The bytes that the messenger of `bench-sensor` publishes for a reading; each with an id of its own. */
export const sealReading = (i: number): Uint8Array =>
  writer.seal({ type: 'setpoint.message.v1', subject: 'bench', data: readingAt(i) }).bytes;
