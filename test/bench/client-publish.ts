import type { Measurement } from './harness/measurement.ts';
import { startPart } from './harness/part.ts';
import { createRows } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';
import type { MessagePublisherPart } from './parts/message-publisher.ts';

/** Messages that one round publishes, one after the other. */
const stride = 25;
const warmUps = 40;

/** From the call of `publish` to the broker's acknowledgement, QoS 1, messages of one size. */
export const clientPublish: Measurement = {
  name: 'client-publish',
  async run({ url, protocolVersion, name }, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const open = async (kind: MessagePublisherPart['kind']) => {
      const part: MessagePublisherPart = { kind, url, protocolVersion };
      const publisher = stack.use(await startPart('message-publisher', part));
      return () => publisher.call<number[]>('publish', stride);
    };
    const takes = { plain: await open('plain'), setpoint: await open('setpoint') };
    await interleave(warmUps, takes);
    const samples = await interleave(isQuick ? 40 : 200, takes);
    const row = createRows('12 publish', name);
    const beside = { name: 'MQTT.js', samples: samples.plain };
    return [
      row('MQTT.js, bytes ready: publish → acknowledged', samples.plain),
      row('messenger, of an object: publish → sent', samples.setpoint, { beside, maxRatio: 1.15 }),
    ];
  },
};
