import { connect } from '@setpoint/client';

const common = { environment: process.env };
await using porch = await connect({ ...common, service: 'porch' });
const fan = await connect({ ...common, service: 'fan', instance: 'fan-1' });
console.log(`the fan says of itself: ${fan.health().state}`);

const hasEnded = Promise.withResolvers<void>();
// Every process publishes its health, retained, on a topic of its own; for a process that died the broker publishes "offline".
await porch.messenger.subscribe<{ state: string }>('system/health/fan-1', ({ data }) => {
  console.log(`the fan is ${data.state}`);
  if (data.state === 'offline') hasEnded.resolve();
}).ready;

await fan.stop();
await hasEnded.promise;
