// MQTT_URL=mqtt://localhost node minimal.ts
import { connect } from '@setpoint/client';
import { z } from 'zod';

const schema = z.object({ brightness: z.number().min(0).max(10).default(5) });

const connection = await connect({ service: 'lamp', schema, environment: process.env, startTimeoutMs: 500 });
console.log(`brightness ${connection.current.brightness}`);

const result = await connection.messenger.publish('lamp/hall/state', { isOn: true });
// Without a connection the result is "queued" at once, and its outcome resolves later.
const { status } = result.status === 'queued' ? await result.outcome : result;
console.log(`published: ${status}`);

await connection.stop();
