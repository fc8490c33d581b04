import { connect } from '@setpoint/client';

await using connection = await connect({ service: 'bell', environment: process.env });
const { messenger } = connection;

const rung = Promise.withResolvers<void>();
const subscription = messenger.subscribe<{ door: string; times: number }>('bell/rings', ({ data }) => {
  console.log(`it rang at the ${data.door} door`);
  if (data.times === 2) rung.resolve();
});
await subscription.ready;

await messenger.publish('bell/rings', { door: 'front', times: 1 });
await messenger.publish('bell/rings', { door: 'back', times: 2 });
await rung.promise;
console.log(`received ${subscription.stats().received}`);
