// What a user's schema becomes in the types: check-packed.ts compiles this against the packed packages and never runs it.
import { connect, defineTopic } from '@setpoint/client';
import { createFakeAuthority, createFaultyBus } from '@setpoint/testing';
import { validDocuments } from '@setpoint/testing/documents';
import { z } from 'zod';

const schema = z.object({
  vad: z.object({ threshold: z.number().default(0.5) }).prefault({}),
  since: z.string().transform((text) => new Date(text)),
});
const broker = createFaultyBus();
await using authority = await createFakeAuthority({ bus: broker.connect(), service: 'stt-worker', schema });
await authority.publish({ since: '2030-01-01' });

await using config = await connect({ bus: broker.connect, service: 'stt-worker', schema });
const threshold: number = config.current.vad.threshold;
const since: Date = config.current.since;
// @ts-expect-error a number is no text
const text: string = config.current.vad.threshold;
config.onChange(({ current }) => void current.since.getTime());

const measured = defineTopic('room/{room}/measured', z.object({ at: z.string().transform((text) => new Date(text)) }));
await measured.publish(config.messenger, { room: 'hall' }, { at: '2030-01-01' });
// @ts-expect-error what is published has yet to be transformed
await measured.publish(config.messenger, { room: 'hall' }, { at: new Date() });
measured.subscribe(config.messenger, ({ at }, { params }) => [at.getTime(), params.room.length]);

export const all = [threshold, since, text, validDocuments(schema)];
