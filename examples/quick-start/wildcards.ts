import { connect } from '@setpoint/client';

await using connection = await connect({ service: 'house', environment: process.env });
const { messenger } = connection;

const last = Promise.withResolvers<void>();
// "+" matches one level, "#" the level before it and everything below. Every handler whose filter matches is called.
await messenger.subscribe('room/+/light', (_, topic) => console.log(`+ ${topic}`)).ready;
await messenger.subscribe('room/#', (_, topic) => {
  console.log(`# ${topic}`);
  if (topic === 'room') last.resolve();
}).ready;

for (const topic of ['room/hall/light', 'room/hall/light/left', 'room']) await messenger.publish(topic, {});
await last.promise;
