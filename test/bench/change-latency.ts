import { createMqttBus } from '@setpoint/bus/mqtt';
import { createOperator, type Operator } from '@setpoint/client/operator';
import { createSigner, createSigningKey, type TrustedKeys, trustedKeyOf } from '@setpoint/protocol';
import type { Broker } from './harness/brokers.ts';
import { clockMs } from './harness/clock.ts';
import { schemaFileOf, smallDocument, smallSchema } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { type Part, startPart } from './harness/part.ts';
import { connectPlain } from './harness/plain-client.ts';
import { createRows } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';
import type { AuthorityPart } from './parts/authority.ts';
import type { ServicePart } from './parts/service.ts';

type Take = (round: number) => Promise<readonly number[]>;

const perRound = 50;
const warmUps = 100;

/** From the request of an operator to the document in force in the service, one change after the other. */
export const changeLatency: Measurement = {
  name: 'change-latency',
  async run(broker, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const takes = {
      raw: await openRaw(stack, broker),
      minimal: await openMinimal(stack, broker),
      setpoint: await openSetpoint(stack, broker, false),
      signed: await openSetpoint(stack, broker, true),
    };
    for (const take of Object.values(takes)) for (let i = 0; i < warmUps; i += perRound) await take(-1);
    const samples = await interleave(isQuick ? 4 : 20, takes);
    const row = createRows('1 change', broker.name);
    const beside = { name: 'minimal loop', samples: samples.minimal };
    return [
      row('raw retained publish → receive', samples.raw),
      row('minimal loop: zod, 1 durable insert, publish', samples.minimal),
      row('request → applied, snapshot signed and verified', samples.setpoint, { beside, maxRatio: 1.15 }),
      row('request → applied, request signed and verified too', samples.signed, { beside }),
    ];
  },
};

async function openRaw(stack: AsyncDisposableStack, { url, protocolVersion }: Broker): Promise<Take> {
  const receiver = stack.use(await startPart('plain-receiver', { url, protocolVersion, topics: ['raw/snapshot'] }));
  const client = await connectPlain(url, { protocolVersion });
  stack.defer(() => client.endAsync(true));
  const document = smallDocument();
  return sequence(async (id) => {
    const text = JSON.stringify({ id, document });
    const startedAtMs = clockMs();
    const published = client.publishAsync('raw/snapshot', text, { qos: 1, retain: true });
    const received = await receiver.take<{ id: string; atMs: number }>('received', (told) => told.id === id);
    await published;
    return received.atMs - startedAtMs;
  });
}

async function openMinimal(stack: AsyncDisposableStack, { url, protocolVersion }: Broker): Promise<Take> {
  stack.use(await startPart('minimal-authority', { url, protocolVersion }));
  const receiver = stack.use(await startPart('plain-receiver', { url, protocolVersion, topics: ['minimal/snapshot'] }));
  const client = await connectPlain(url, { protocolVersion });
  stack.defer(() => client.endAsync(true));
  await client.subscribeAsync('minimal/result', { qos: 1 });
  return sequence(async (id, i) => {
    const answered = new Promise<void>((settle) => client.once('message', () => settle()));
    const startedAtMs = clockMs();
    client.publish('minimal/request', JSON.stringify({ id, level: levelOf(i) }), { qos: 1 });
    const received = await receiver.take<{ id: string; atMs: number }>('received', (told) => told.id === id);
    await answered;
    return received.atMs - startedAtMs;
  });
}

async function openSetpoint(stack: AsyncDisposableStack, { url }: Broker, isSigned: boolean): Promise<Take> {
  const prefix = isSigned ? 'signed' : 'unsigned';
  const key = createSigningKey();
  const options: AuthorityPart = {
    url,
    prefix,
    store: 'sqlite',
    services: ['stt-worker'],
    document: smallDocument(),
    schema: schemaFileOf(smallSchema),
    operatorKeys: isSigned ? { keys: [trustedKeyOf(key, 'operator')] } : undefined,
  };
  const authority = stack.use(await startPart('authority', options));
  const trustedKeys = await authority.call<TrustedKeys>('trustedKeys');
  const service = { url, prefix, service: 'stt-worker', size: 'small', trustedKeys } satisfies ServicePart;
  const receiver = stack.use(await startPart('service', service));
  const bus = stack.use(createMqttBus({ url, clientId: `operator-${prefix}` }));
  await bus.start();
  const operator = createOperator({ bus, name: 'ann', prefix, ...(isSigned && { signer: createSigner(key) }) });
  return sequence((_, i) => changeOnce(operator, receiver, levelOf(i)));
}

async function changeOnce(operator: Operator, service: Part, level: number): Promise<number> {
  const startedAtMs = clockMs();
  const { status, version } = await operator.request('stt-worker', { op: 'merge', patch: { vad: { level } } });
  if (status !== 'applied') throw new Error(`the request was ${status}`);
  const applied = await service.take<{ version: number; atMs: number }>('applied', (told) => told.version === version);
  return applied.atMs - startedAtMs;
}

/** Another one each time, within the bounds of the schema. */
const levelOf = (i: number): number => (i % 1000) / 1000;

function sequence(change: (id: string, i: number) => Promise<number>): Take {
  let count = 0;
  return async () => {
    const samples: number[] = [];
    for (let i = 0; i < perRound; i += 1) {
      count += 1;
      samples.push(await change(`c${count}`, count));
    }
    return samples;
  };
}
