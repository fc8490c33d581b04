import { createMqttBus, type MqttBus } from '@setpoint/bus/mqtt';
import { session } from '@setpoint/test-support/heard';
import { clockMs } from './harness/clock.ts';
import type { Measurement } from './harness/measurement.ts';
import { createRows } from './harness/report.ts';

const clients = 1000;
/** Opened so many at a time: what is measured is coming back. */
const batch = 100;

/** From the open port of a restarted broker to the last of a thousand clients that is connected again. */
export const thousandClients: Measurement = {
  name: 'thousand-clients',
  async run(broker, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const buses: MqttBus[] = [];
    stack.defer(async () => void (await Promise.all(buses.map((bus) => bus.stop({ abrupt: true })))));
    for (let begin = 0; begin < clients; begin += batch) {
      const opened = Array.from({ length: batch }, async (_, offset) => {
        const { url, protocolVersion } = broker;
        const bus = createMqttBus({ url, clientId: `client-${begin + offset}`, protocolVersion });
        buses.push(bus);
        const { ready } = bus.subscribe('all/+', () => undefined);
        await bus.start();
        await ready;
      });
      await Promise.all(opened);
    }
    const samples: number[] = [];
    for (let round = 1; round <= (isQuick ? 1 : 5); round += 1) {
      const back = Promise.all(buses.map((bus) => session(bus, round + 1)));
      const openMs = await broker.restart();
      await back;
      samples.push(clockMs() - openMs);
    }
    return [
      createRows('21 a thousand clients', broker.name)(`${clients} clients: broker open → all back`, samples, {
        atMost: 3000,
      }),
    ];
  },
};
