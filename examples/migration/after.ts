import { connect, defineTopic } from '@setpoint/client';
import { z } from 'zod';

const schema = z.object({ target: z.number().default(20) });
const readings = defineTopic('sensor/{room}/celsius', z.object({ celsius: z.number() }));
const valves = defineTopic('valve/{room}/state', z.object({ isOpen: z.boolean() }));

await using connection = await connect({ service: 'thermostat', schema, environment: process.env });
const { messenger } = connection;
console.log(`target ${connection.current.target}`);
const changed = Promise.withResolvers<void>();
connection.on('/target', ({ value }) => {
  console.log(`target ${value}`);
  changed.resolve();
});

const switched = Promise.withResolvers<void>();
await valves.subscribe(messenger, ({ isOpen }, { params }) => {
  console.log(`${params.room} ${isOpen ? 'opens' : 'closes'}`);
  switched.resolve();
}).ready;
await readings.subscribe(messenger, ({ celsius }, { params }) =>
  valves.publish(messenger, params, { isOpen: celsius < connection.current.target }),
).ready;
await messenger.reply('thermostat/ask', () => ({ target: connection.current.target })).ready;

await readings.publish(messenger, { room: 'kitchen' }, { celsius: 17 });
await switched.promise;
const { target } = await messenger.request<{ target: number }>('thermostat/ask', {});
console.log(`asked: ${target}`);
await changed.promise;
