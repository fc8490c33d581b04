import { connect } from '@setpoint/client';
import { z } from 'zod';

const schema = z.object({ celsius: z.number().default(20) });
const options = { service: 'heater', schema, environment: process.env, startTimeoutMs: 500 };

async function heatOnce(): Promise<void> {
  // Closed at the end of the function, whether it returns or throws.
  await using connection = await connect(options);
  connection.bus.onStatus(({ kind }) => {
    if (kind === 'closed') console.log('closed');
  });
  console.log(`heats to ${connection.current.celsius}`);
}

await heatOnce();
console.log('after the scope');
