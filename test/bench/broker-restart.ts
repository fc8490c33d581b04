import { setTimeout as delay } from 'node:timers/promises';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { createOperator } from '@setpoint/client/operator';
import type { TrustedKeys } from '@setpoint/protocol';
import type { Broker, BrokerKind } from './harness/brokers.ts';
import { schemaFileOf, smallDocument, smallSchema } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { type Part, startPart } from './harness/part.ts';
import { createRows } from './harness/report.ts';
import type { AuthorityPart } from './parts/authority.ts';
import type { ServicePart } from './parts/service.ts';

/** A connection younger than this makes the next loss a repeated one, with longer delays. Milliseconds. */
const stableAfterMs = 10_500;
/** Environments that grow stable together and are broken one after the other. */
const environments = 8;

interface Environment {
  readonly broker: Broker;
  /** A change at this moment, by the authority itself or by an operator; resolves with when it was applied. */
  change(by: Writer): Promise<number>;
}

type Writer = 'authority' | 'operator';

/** From the open port of a broker that was killed to a value, written then, applied; all settings as they are. */
export const brokerRestart: Measurement = {
  name: 'broker-restart',
  async run({ kind }, { isQuick }) {
    const samples: Record<Writer, number[]> = { authority: [], operator: [] };
    await using stack = new AsyncDisposableStack();
    const opened = Array.from({ length: isQuick ? 4 : environments }, (_, i) =>
      openEnvironment(stack, kind, `restart-${i}`),
    );
    const all = await Promise.all(opened);
    for (let round = 0; round < (isQuick ? 1 : 3); round += 1) {
      await delay(stableAfterMs);
      for (const [i, environment] of all.entries()) {
        const by: Writer = (i + round) % 2 === 0 ? 'authority' : 'operator';
        const openAtMs = await environment.broker.restart();
        samples[by].push((await environment.change(by)) - openAtMs);
      }
    }
    const row = createRows('4 broker killed and started', kind.name);
    return [
      row('port open → written by the authority → applied', samples.authority, { atMost: 100 }),
      row('port open → asked by an operator → applied', samples.operator),
    ];
  },
};

async function openEnvironment(stack: AsyncDisposableStack, kind: BrokerKind, prefix: string): Promise<Environment> {
  const broker = stack.use(await kind.open());
  const { url } = broker;
  const [document, schema] = [smallDocument(), schemaFileOf(smallSchema)];
  const options: AuthorityPart = { url, prefix, store: 'sqlite', services: ['stt-worker'], document, schema };
  const authority = stack.use(await startPart('authority', options));
  const trustedKeys = await authority.call<TrustedKeys>('trustedKeys');
  const part: ServicePart = { url, prefix, service: 'stt-worker', size: 'small', trustedKeys };
  const service = stack.use(await startPart('service', part));
  const bus = stack.use(createMqttBus({ url, clientId: `operator-${prefix}` }));
  await bus.start();
  const operator = createOperator({ bus, name: 'ann', prefix });
  let count = 0;
  const ask: Record<Writer, (level: number) => Promise<number>> = {
    authority: (level) => authority.call<number>('change', { service: 'stt-worker', patch: { vad: { level } } }),
    operator: async (level) => {
      const { version } = await operator.request('stt-worker', { op: 'merge', patch: { vad: { level } } });
      return version;
    },
  };
  await ask.operator(0.9).then((version) => whenApplied(service, version));
  return {
    broker,
    async change(by) {
      count += 1;
      return whenApplied(service, await ask[by](count / 1000));
    },
  };
}

async function whenApplied(service: Part, version: number): Promise<number> {
  const { atMs } = await service.take<{ version: number; atMs: number }>('applied', (told) => told.version >= version);
  return atMs;
}
