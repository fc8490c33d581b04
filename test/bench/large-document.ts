import { createMqttBus } from '@setpoint/bus/mqtt';
import { createOperator } from '@setpoint/client/operator';
import { compileSchema, createEngine, type Engine, resolve, type Store } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import {
  changedPointers,
  createEnvelopeWriter,
  createKeyRing,
  createSigner,
  createSigningKey,
  deepFreeze,
  digestOf,
  type JsonObject,
  openMessage,
  type TrustedKeys,
  trustedKeyOf,
} from '@setpoint/protocol';
import { validate } from '../../packages/engine/src/schema/validate.ts';
import type { Broker } from './harness/brokers.ts';
import { clockMs } from './harness/clock.ts';
import { fileLayer, largeDocument, largeSchema, schemaFileOf } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { startPart } from './harness/part.ts';
import { createRows } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';
import type { AuthorityPart } from './parts/authority.ts';
import type { ServicePart } from './parts/service.ts';

type Stage = (i: number) => unknown;

const service = 'stt-worker';
const warmUps = 5;

/** A document of 1 MB and 1,100 entries of which one changes: every stage by itself, and the whole way. */
export const largeDocumentChange: Measurement = {
  name: 'large-document',
  async run(broker, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const stages = { ...(await createStages()), 'the whole way: request → applied': await openWholeWay(stack, broker) };
    const takes = Object.fromEntries(Object.entries(stages).map(([name, stage]) => [name, timed(stage)]));
    await interleave(warmUps, takes);
    const samples = await interleave(isQuick ? 10 : 40, takes);
    const row = createRows('6 document of 1 MB, 1,100 entries', broker.name);
    return Object.entries(samples).map(([name, taken]) => row(name, taken));
  },
};

/** A stage says itself what it took, or is timed. */
const timed = (stage: Stage) => async (): Promise<readonly number[]> => {
  count += 1;
  const startedAt = performance.now();
  const took = await stage(count);
  return [typeof took === 'number' ? took : performance.now() - startedAt];
};

let count = 0;

async function createStages(): Promise<Record<string, Stage>> {
  const document = largeDocument() as JsonObject;
  const schema = compileSchema(schemaFileOf(largeSchema));
  const layers = [fileLayer(document)];
  const key = createSigningKey();
  const writer = createEnvelopeWriter({ source: '/authority/bench', signer: createSigner(key) });
  const keys = createKeyRing({ keys: [trustedKeyOf(key, 'authority')] });
  const engine = await openEngine(createMemoryStore(), document);
  const { snapshot } = engine.current(service) ?? raise('the service is not there');
  const draft = { type: 'setpoint.snapshot.v1', subject: service, data: snapshot };
  const { bytes } = writer.seal(draft);
  const other = JSON.parse(JSON.stringify(document));
  other.entries['entry-5'].weight = 0.1;
  return {
    'resolve: file and defaults': () => void resolve({ schema, layers, overrides: [] }),
    'validate: unknown names and JSON Schema': () =>
      void validate(document, { own: schema, contracts: [], isSecret: () => false }),
    digest: () => void digestOf(document),
    'decide: all of it, memory store': (i) => changeOf(engine, i).then(() => undefined),
    'seal and sign': () => void writer.seal(draft),
    'open and verify': () => void openMessage('setpoint.snapshot.v1', bytes, { keys, now: Date.now() }),
    'validate in the service: zod': () => void largeSchema.parse(document),
    'what changed': () => void changedPointers(document, other),
    'freeze (a copy)': () => {
      const copy = JSON.parse(JSON.stringify(document));
      const startedAt = performance.now();
      deepFreeze(copy);
      return performance.now() - startedAt;
    },
  };
}

async function openEngine(store: Store, document: JsonObject): Promise<Engine> {
  const engine = await createEngine({ store });
  const layers = [fileLayer(document)];
  await engine.loadSources(service, { layers, schema: compileSchema(schemaFileOf(largeSchema)) });
  return engine;
}

const patchOf = (i: number): JsonObject => ({ entries: { 'entry-5': { weight: (i % 1000) / 1000 } } });

async function changeOf(engine: Engine, i: number): Promise<void> {
  const request = { service, author: 'bench', op: 'merge', patch: patchOf(i) } as const;
  const { status } = await engine.request(request, `bench-${i}`, { requester: 'bench' });
  if (status !== 'applied') throw new Error(`the change was ${status}`);
}

async function openWholeWay(stack: AsyncDisposableStack, { url }: Broker): Promise<Stage> {
  const prefix = 'large';
  const [document, schema] = [largeDocument(), schemaFileOf(largeSchema)];
  const options: AuthorityPart = { url, prefix, store: 'sqlite', services: [service], document, schema };
  const authority = stack.use(await startPart('authority', options));
  await authority.call('ready');
  const trustedKeys = await authority.call<TrustedKeys>('trustedKeys');
  const receiver = stack.use(
    await startPart('service', { url, prefix, service, size: 'large', trustedKeys } satisfies ServicePart),
  );
  const bus = stack.use(createMqttBus({ url, clientId: 'operator-large' }));
  await bus.start();
  const operator = createOperator({ bus, name: 'ann', prefix });
  return async (i) => {
    const startedAtMs = clockMs();
    const { version } = await operator.request(service, { op: 'merge', patch: patchOf(i) });
    const { atMs } = await receiver.take<{ version: number; atMs: number }>(
      'applied',
      (told) => told.version === version,
    );
    return atMs - startedAtMs;
  };
}

function raise(message: string): never {
  throw new Error(message);
}
