import { randomUUID } from 'node:crypto';
import type { MqttClient } from 'mqtt';
import { openMessenger } from '../harness/open-messenger.ts';
import { servePart } from '../harness/part.ts';
import { connectPlain } from '../harness/plain-client.ts';
import { readingAt, sealReading } from '../harness/readings.ts';

export interface MessagePublisherPart {
  readonly kind: 'plain' | 'stringified' | 'setpoint';
  readonly url: string;
  readonly protocolVersion: 4 | 5;
}

// Publishes one message after the other. The plain one has its bytes ready; the others make them of an object.

const stack = new AsyncDisposableStack();
let publish: (i: number) => Promise<void>;

function publishPlain(client: MqttClient, payloadOf: (i: number) => Buffer): typeof publish {
  return (i) =>
    new Promise((settle, refuse) => {
      client.publish('bench/plain', payloadOf(i), { qos: 1 }, (error) => (error ? refuse(error) : settle()));
    });
}

/** What whoever sends objects by MQTT.js writes: an envelope with a fresh id and the time. */
function stringified(i: number): Buffer {
  const envelope = { ...form, id: randomUUID(), time: new Date().toISOString(), data: readingAt(i) };
  return Buffer.from(JSON.stringify(envelope));
}
const ready = Buffer.from(sealReading(0));
const form: object = JSON.parse(String(ready));

servePart({
  open: async ({ kind, url, protocolVersion }: MessagePublisherPart) => {
    if (kind !== 'setpoint') {
      const client = await connectPlain(url, { protocolVersion });
      stack.defer(() => client.endAsync(true));
      publish = publishPlain(client, kind === 'plain' ? () => ready : stringified);
      return;
    }
    const messenger = await openMessenger(stack, url);
    publish = async (i) => {
      const { status } = await messenger.publish('bench/setpoint', readingAt(i));
      if (status !== 'sent') throw new Error(`the message was ${status}`);
    };
  },
  /** Returns what each took, from the call to the broker's acknowledgement. Milliseconds. */
  publish: async (count: number) => {
    const tookMs: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const startedAt = performance.now();
      await publish(i);
      tookMs.push(performance.now() - startedAt);
    }
    return tookMs;
  },
  close: () => stack.disposeAsync(),
});
