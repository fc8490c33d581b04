import type { Measurement } from './harness/measurement.ts';
import { startPart } from './harness/part.ts';
import { createRows, type Row } from './harness/report.ts';
import { interleave, median } from './harness/statistics.ts';
import type { MessageReceiverPart } from './parts/message-receiver.ts';
import type { Flood, MessageSourcePart } from './parts/message-source.ts';

const count = 10_000;
const warmUps = 4;

/**
 * Messages a second that reach a handler, with the deduplication and the zod schema of `defineTopic`: through the broker,
 * and from a source that is never what limits it. All of them come at once, and none may be lost, although the default
 * queue holds a tenth of them.
 */
export const clientDispatch: Measurement = {
  name: 'client-dispatch',
  isOnceEnough: true,
  async run({ url, name }, { isQuick }) {
    const rounds = isQuick ? 5 : 15;
    return [
      ...(await measure(url, name, 0, rounds)),
      ...(await measure(url, name, 1, rounds)),
      ...(await measure(undefined, 'no broker', 0, rounds)),
      ...(await measure(undefined, 'no broker', 1, rounds)),
    ];
  },
};

async function measure(brokerUrl: string | undefined, broker: string, qos: 0 | 1, rounds: number): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const open = async (kind: MessageReceiverPart['kind'], root: string) => {
    const source = stack.use(await startPart('message-source', { brokerUrl } satisfies MessageSourcePart));
    const part: MessageReceiverPart = { kind, url: await source.call<string>('url'), root, qos };
    const receiver = stack.use(await startPart('message-receiver', part));
    const flood: Flood = { topic: `${root}/kitchen/reading`, qos, count };
    return async () => {
      const rate = receiver.call<number>('receive', count);
      await source.call('flood', flood);
      return [await rate];
    };
  };
  const takes = {
    plain: await open('plain', 'plain'),
    zod: await open('plain with zod', 'zod'),
    setpoint: await open('setpoint', 'setpoint'),
  };
  await interleave(warmUps, takes);
  const { plain, zod, setpoint } = await interleave(rounds, takes);
  const row = createRows('16 dispatch', broker);
  const beside = { name: 'MQTT.js', samples: plain };
  return [
    row(`MQTT.js + JSON.parse, QoS ${qos}`, plain, { unit: '/s' }),
    row(`MQTT.js + JSON.parse + zod, QoS ${qos}`, zod, { unit: '/s', beside }),
    row(`typed topic, QoS ${qos}`, setpoint, { unit: '/s', beside, atLeast: Math.round(0.8 * median(plain)) }),
  ];
}
