import type { MqttClient } from 'mqtt';
import { openMessenger } from '../harness/open-messenger.ts';
import { servePart } from '../harness/part.ts';
import { connectPlain } from '../harness/plain-client.ts';
import { readingAt, sealReading } from '../harness/readings.ts';

export interface MessagePublisherPart {
  readonly kind: 'plain' | 'setpoint';
  readonly url: string;
  readonly protocolVersion: 4 | 5;
}

// Publishes one message after the other. The plain one has its bytes ready; the messenger makes them of an object.

const stack = new AsyncDisposableStack();
let publish: (i: number) => Promise<void>;

function publishPlain(client: MqttClient): typeof publish {
  const payload = Buffer.from(sealReading(0));
  return () =>
    new Promise((settle, refuse) => {
      client.publish('bench/plain', payload, { qos: 1 }, (error) => (error ? refuse(error) : settle()));
    });
}

servePart({
  open: async ({ kind, url, protocolVersion }: MessagePublisherPart) => {
    if (kind === 'plain') {
      const client = await connectPlain(url, { protocolVersion });
      stack.defer(() => client.endAsync(true));
      publish = publishPlain(client);
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
