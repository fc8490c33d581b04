import { connect as openSocket } from 'node:net';
import { type IClientOptions, MqttClient } from 'mqtt';

/** What the baselines use: MQTT.js itself, with Nagle's algorithm off, which it leaves on. */
export async function connectPlain(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const { hostname: host, port } = new URL(url);
  const client = new MqttClient(() => openSocket({ host, port: Number(port), noDelay: true }), {
    protocolVersion: 4,
    clientId: `plain-${process.pid}-${Math.random().toString(36).slice(2, 10)}`,
    ...options,
  });
  await new Promise<void>((settle) => client.once('connect', () => settle()));
  return client;
}
