import type { MqttBus } from '@setpoint/bus/mqtt';
import { connect } from '@setpoint/client';

await using connection = await connect({ service: 'meter', environment: process.env });

// Connected by a URL, the bus has the MQTT.js client, with all its events and properties. Read it and listen to it, but publish and
// subscribe through the messenger or the bus, which restore subscriptions after a loss.
const { client } = connection.bus as MqttBus;
if (!client) throw new Error('there is no client before the first attempt to connect');

const sentAtMs = new Map<number, number>();
const measured = Promise.withResolvers<void>();
client.on('packetsend', (packet) => {
  if (packet.cmd === 'publish' && packet.messageId !== undefined) sentAtMs.set(packet.messageId, performance.now());
});
client.on('packetreceive', (packet) => {
  if (packet.cmd !== 'puback' || packet.messageId === undefined) return;
  const sinceMs = sentAtMs.get(packet.messageId);
  sentAtMs.delete(packet.messageId);
  if (sinceMs === undefined) return;
  console.error(`acknowledged after ${(performance.now() - sinceMs).toFixed(1)} ms`);
  measured.resolve();
});

await connection.messenger.publish('meter/reading', { watts: 1200 });
await measured.promise;
console.log(`MQTT.js is connected: ${client.connected}, keepalive ${client.options.keepalive} s`);
