import { createEnvelopeWriter, requestType } from '@setpoint/protocol';
import type { MqttClient } from 'mqtt';
import { servePart } from '../harness/part.ts';
import { connectPlain } from '../harness/plain-client.ts';

export interface LoadPart {
  readonly url: string;
  readonly prefix: string;
  readonly services: readonly string[];
  readonly protocolVersion: 4 | 5;
}

// Operators who ask as fast as they are answered: so many requests are always under way.

const connections = 4;
const inFlight = 256;
const clients: MqttClient[] = [];
let options: LoadPart;
let sequence = 0;
let applied = 0;
let others = 0;
let isRunning = false;
/** Requests that are not answered yet, once no more are asked. */
let open = 0;
let drained: (() => void) | undefined;
const writer = createEnvelopeWriter({ source: '/operator/load' });

function ask(client: MqttClient): void {
  const { services, prefix } = options;
  sequence += 1;
  const service = services[sequence % services.length] ?? '';
  const level = (Math.floor(sequence / services.length) % 1000) / 1000;
  const data = { service, author: 'load', op: 'merge', patch: { vad: { level } } };
  const { bytes } = writer.seal({ type: requestType, subject: service, data });
  client.publish(`${prefix}/config/${service}/request`, bytes as Buffer, { qos: 1 });
}

servePart({
  open: async (given: LoadPart) => {
    options = given;
    for (let i = 0; i < connections; i += 1) {
      clients.push(await connectPlain(given.url, { protocolVersion: given.protocolVersion }));
    }
    const [listener] = clients;
    listener?.on('message', (_, payload) => {
      if (payload.includes('"status":"applied"')) applied += 1;
      else others += 1;
      const client = clients[sequence % connections];
      if (isRunning && client) ask(client);
      else if (!isRunning) open -= 1;
      if (open === 0) drained?.();
    });
    await listener?.subscribeAsync(`${given.prefix}/config/+/result/load`, { qos: 1 });
  },
  /** Changes a second over so many milliseconds, after half a second of running in. */
  run: async (durationMs: number) => {
    isRunning = true;
    open = inFlight;
    for (let i = 0; i < inFlight; i += 1) {
      const client = clients[i % connections];
      if (client) ask(client);
    }
    await after(500);
    const [before, startedAt] = [applied, performance.now()];
    await after(durationMs);
    const perSecond = ((applied - before) * 1000) / (performance.now() - startedAt);
    isRunning = false;
    const allAnswered = new Promise<void>((settle) => {
      drained = settle;
    });
    await Promise.race([allAnswered, after(5000)]);
    if (others > 0) throw new Error(`${others} requests were not applied`);
    return perSecond;
  },
  close: () => Promise.all(clients.map((client) => client.endAsync(true))).then(() => undefined),
});

const after = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms));
