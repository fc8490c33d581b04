import { connect, defineTopic } from '@setpoint/client';
import { z } from 'zod';
import { createBatcher } from './batcher.ts';

const settings = z.object({
  maxItems: z.number().int().min(1).default(10),
  maxDelayMs: z.number().int().min(1).default(50),
});
const readings = defineTopic('sensor/{sensor}/readings', z.object({ celsius: z.array(z.number()) }));

await using connection = await connect({
  service: 'thermometer',
  schema: settings,
  environment: process.env,
  startTimeoutMs: 500,
});
const { messenger } = connection;

let received = 0;
const allReceived = Promise.withResolvers<void>();
await readings.subscribe(messenger, ({ celsius }, { params }) => {
  console.log(`${celsius.length} readings of the ${params.sensor}`);
  received += celsius.length;
  if (received === 23) allReceived.resolve();
}).ready;

const batcher = createBatcher<number>({
  ...connection.current,
  send: (celsius) => readings.publish(messenger, { sensor: 'cellar' }, { celsius: [...celsius] }),
});
// Two batches are sent because they are full, the third one because of its age.
for (let n = 0; n < 23; n++) await batcher.add(20 + n / 10);
await allReceived.promise;
