import type { Measurement } from './harness/measurement.ts';
import { startPart } from './harness/part.ts';
import { createRows } from './harness/report.ts';
import { interleave, median } from './harness/statistics.ts';
import type { MessageReceiverPart } from './parts/message-receiver.ts';
import type { Flood } from './parts/message-source.ts';

const count = 10_000;
const warmUps = 4;

/**
 * Messages a second that reach a handler, with the deduplication and the zod schema of `defineTopic`, from a source that
 * is never what limits it. Through a broker, which does, the ratio is nearer to one.
 */
export const clientDispatch: Measurement = {
  name: 'client-dispatch',
  isOnceEnough: true,
  async run(_, { isQuick }) {
    const row = createRows('13 dispatch', 'flood');
    const rows = [];
    for (const qos of [0, 1] as const) {
      await using stack = new AsyncDisposableStack();
      const open = async (kind: MessageReceiverPart['kind']) => {
        const source = stack.use(await startPart('message-source', undefined));
        const part: MessageReceiverPart = { kind, url: await source.call<string>('url'), qos };
        const receiver = stack.use(await startPart('message-receiver', part));
        return async () => {
          const rate = receiver.call<number>('receive', count);
          await source.call('flood', { topic: 'bench/kitchen/reading', qos, count } satisfies Flood);
          return [await rate];
        };
      };
      const takes = {
        plain: await open('plain'),
        zod: await open('plain with zod'),
        setpoint: await open('setpoint'),
      };
      await interleave(warmUps, takes);
      const { plain, zod, setpoint } = await interleave(isQuick ? 5 : 15, takes);
      const beside = { name: 'MQTT.js', samples: plain };
      rows.push(
        row(`MQTT.js + JSON.parse, QoS ${qos}`, plain, { unit: '/s' }),
        row(`MQTT.js + JSON.parse + zod, QoS ${qos}`, zod, { unit: '/s', beside }),
        row(`typed topic, QoS ${qos}`, setpoint, { unit: '/s', beside, atLeast: Math.round(0.8 * median(plain)) }),
      );
    }
    return rows;
  },
};
