import type { Broker } from './harness/brokers.ts';
import { schemaFileOf, smallDocument, smallSchema } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { type Part, startPart } from './harness/part.ts';
import { createRows, type Row } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';
import type { AuthorityPart } from './parts/authority.ts';
import type { LoadPart } from './parts/load.ts';

const stores = ['sqlite', 'memory'] as const;
type StoreKind = (typeof stores)[number];

/** Durable changes a second with 256 requests always under way, beside the same without durability. */
export const sustained: Measurement = {
  name: 'sustained',
  async run(broker, { isQuick }) {
    const durationMs = isQuick ? 500 : 1500;
    const rounds = isQuick ? 1 : 2;
    const rows: Row[] = [];
    for (const count of [1, 100]) {
      const services = Array.from({ length: count }, (_, i) => `service-${i}`);
      const what = `${count} ${count === 1 ? 'service' : 'services'}`;
      const engine = await measure(rounds, durationMs, (stack, store) => openEngine(stack, store, services));
      const wire = await measure(rounds, durationMs, (stack, store) => openWire(stack, broker, store, services));
      const row = createRows('3 sustained', broker.name);
      const goal = { unit: '/s', atLeast: 7500 } as const;
      const beside = (samples: readonly number[]) => ({ name: 'memory store', samples });
      rows.push(
        row(`engine alone, ${what}`, engine.sqlite, { ...goal, beside: beside(engine.memory) }),
        row(`over MQTT, signed, ${what}`, wire.sqlite, { ...goal, beside: beside(wire.memory) }),
      );
    }
    return rows;
  },
};

async function measure(
  rounds: number,
  durationMs: number,
  open: (stack: AsyncDisposableStack, store: StoreKind) => Promise<Part>,
): Promise<Record<StoreKind, number[]>> {
  await using stack = new AsyncDisposableStack();
  const [sqlite, memory] = await Promise.all([open(stack, 'sqlite'), open(stack, 'memory')]);
  const run = (part: Part) => async () => [await part.call<number>('run', durationMs)];
  return await interleave(rounds, { sqlite: run(sqlite), memory: run(memory) });
}

const openEngine = async (stack: AsyncDisposableStack, store: StoreKind, services: readonly string[]): Promise<Part> =>
  stack.use(await startPart('engine', { store, services }));

async function openWire(
  stack: AsyncDisposableStack,
  { url, protocolVersion }: Broker,
  store: StoreKind,
  services: readonly string[],
): Promise<Part> {
  const prefix = `load-${store}-${services.length}`;
  const [document, schema] = [smallDocument(), schemaFileOf(smallSchema)];
  const options: AuthorityPart = { url, prefix, store, services, document, schema };
  const authority = stack.use(await startPart('authority', options));
  await authority.call('ready');
  return stack.use(await startPart('load', { url, prefix, services, protocolVersion } satisfies LoadPart));
}
