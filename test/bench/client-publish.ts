import type { Measurement } from './harness/measurement.ts';
import { startPart } from './harness/part.ts';
import { createRows } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';
import type { MessagePublisherPart } from './parts/message-publisher.ts';

/** Messages that one round publishes, one after the other. */
const stride = 25;
const warmUps = 40;
const rounds = 40;

type Kind = MessagePublisherPart['kind'];
const kinds: readonly (readonly Kind[])[] = [
  ['plain', 'stringified', 'setpoint'],
  ['setpoint', 'stringified', 'plain'],
];

/**
 * From the call of `publish` to the broker's acknowledgement, QoS 1, messages of one size. On two idle cores a client that
 * takes 3 µs between an acknowledgement and the next message finds the broker's core asleep, which costs ten times as much.
 */
export const clientPublish: Measurement = {
  name: 'client-publish',
  async run({ url, protocolVersion, name }, { isQuick }) {
    const samples: Record<Kind, number[]> = { plain: [], stringified: [], setpoint: [] };
    for (let pair = 0; pair < (isQuick ? 2 : 8); pair += 1) {
      await using stack = new AsyncDisposableStack();
      const open = async (kind: Kind) => {
        const publisher = stack.use(await startPart('message-publisher', { kind, url, protocolVersion }));
        return () => publisher.call<number[]>('publish', stride);
      };
      // Whichever is opened first may be nearer to the broker, by the core that it gets.
      const takes: Partial<Record<Kind, () => Promise<number[]>>> = {};
      for (const kind of kinds[pair % 2] ?? []) takes[kind] = await open(kind);
      const both = takes as Required<typeof takes>;
      await interleave(warmUps, both);
      const taken = await interleave(rounds, both);
      for (const kind of kinds[0] ?? []) samples[kind].push(...taken[kind]);
    }
    const row = createRows('15 publish', name);
    const beside = { name: 'MQTT.js', samples: samples.plain };
    return [
      row('MQTT.js, bytes ready: publish → acknowledged', samples.plain),
      row('MQTT.js, of an object by JSON.stringify, with id and time', samples.stringified, { beside }),
      row('messenger, of an object: publish → sent', samples.setpoint, { beside, maxRatio: 1.15 }),
    ];
  },
};
