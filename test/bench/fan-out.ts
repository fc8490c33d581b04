import { setTimeout as delay } from 'node:timers/promises';
import type { TrustedKeys } from '@setpoint/protocol';
import type { Broker } from './harness/brokers.ts';
import { clockMs } from './harness/clock.ts';
import { schemaFileOf, smallDocument, smallSchema } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { type Part, startPart } from './harness/part.ts';
import { connectPlain } from './harness/plain-client.ts';
import { createRows } from './harness/report.ts';
import { interleave, median } from './harness/statistics.ts';
import type { AuthorityPart } from './parts/authority.ts';
import type { FleetPart } from './parts/fleet.ts';

const instances = 1000;
const processes = 2;
/** Real ones among those that only receive and report. */
const sampled = 20;
/** What the snapshot of the small document takes, envelope and signature included. */
const payloadBytes = 1540;
/** Health reports and convergence have gone by. */
const settleMs = 400;

interface Spread {
  readonly middleMs: number;
  readonly lastMs: number;
}

type Take = () => Promise<Spread>;

/** From the publish of one version to the median and to the last of 1,000 instances. */
export const fanOut: Measurement = {
  name: 'fan-out',
  async run(broker, { isQuick }) {
    const rounds = isQuick ? 3 : 10;
    const all = await compare(broker, rounds, (stack, fleets) =>
      openFleet(stack, broker, { kind: 'setpoint', count: instances }, fleets),
    );
    const few = await compare(broker, rounds, async (stack, fleets) => {
      await openFleet(stack, broker, { kind: 'reporting', count: instances - sampled }, fleets);
      return openFleet(stack, broker, { kind: 'setpoint', count: sampled }, { ...fleets, processes: 1 });
    });
    const row = createRows(`2 fan-out to ${instances}`, broker.name);
    const of = (samples: readonly Spread[], part: keyof Spread): number[] => samples.map((spread) => spread[part]);
    const against = (raw: readonly Spread[], part: keyof Spread) => ({
      beside: { name: 'raw', samples: of(raw, part) },
      maxRatio: 1.2,
    });
    const name = `${sampled} real instances among ${instances - sampled} that only report`;
    return [
      row('raw MQTT.js subscribers: median received', of(all.raw, 'middleMs')),
      row('raw MQTT.js subscribers: last received', of(all.raw, 'lastMs')),
      row(
        'all real instances, on this machine: median applied',
        of(all.real, 'middleMs'),
        against(all.raw, 'middleMs'),
      ),
      row('all real instances, on this machine: last applied', of(all.real, 'lastMs'), against(all.raw, 'lastMs')),
      row(`${name}: median applied`, of(few.real, 'middleMs'), against(few.raw, 'middleMs')),
      row(`${name}: last applied`, of(few.real, 'lastMs'), against(few.raw, 'lastMs')),
    ];
  },
};

let environments = 0;

type OpenReal = (stack: AsyncDisposableStack, fleets: FleetOptions) => Promise<Part[]>;

async function compare(broker: Broker, rounds: number, openReal: OpenReal): Promise<Record<'raw' | 'real', Spread[]>> {
  await using stack = new AsyncDisposableStack();
  const takes = { raw: await openRaw(stack, broker), real: await openSetpoint(stack, broker, openReal) };
  const spreads = { raw: [] as Spread[], real: [] as Spread[] };
  for (const take of Object.values(takes)) await take();
  await delay(settleMs);
  const keep = (name: keyof typeof takes) => async (): Promise<readonly number[]> => {
    spreads[name].push(await takes[name]());
    await delay(settleMs);
    return [];
  };
  await interleave(rounds, { raw: keep('raw'), real: keep('real') });
  return spreads;
}

async function openRaw(stack: AsyncDisposableStack, broker: Broker): Promise<Take> {
  environments += 1;
  // A topic without a retained message: that would count as an arrival.
  const topic = `raw/snapshot-${environments}`;
  const options: FleetOptions = { processes, prefix: '', topic, trustedKeys: undefined };
  const fleet = await openFleet(stack, broker, { kind: 'plain', count: instances }, options);
  const client = await connectPlain(broker.url, { protocolVersion: broker.protocolVersion });
  stack.defer(() => client.endAsync(true));
  const payload = Buffer.alloc(payloadBytes, 'x');
  return async () => {
    const startedAtMs = clockMs();
    client.publish(topic, payload, { qos: 1, retain: true });
    return gather(fleet, startedAtMs);
  };
}

async function openSetpoint(stack: AsyncDisposableStack, broker: Broker, openReal: OpenReal): Promise<Take> {
  environments += 1;
  const prefix = `fleet-${environments}`;
  const options: AuthorityPart = {
    url: broker.url,
    prefix,
    store: 'sqlite',
    services: ['stt-worker'],
    document: smallDocument(),
    schema: schemaFileOf(smallSchema),
    isTellingPublishes: true,
  };
  const authority = stack.use(await startPart('authority', options));
  const trustedKeys = await authority.call<TrustedKeys>('trustedKeys');
  await authority.take('published');
  const topic = `${prefix}/config/stt-worker/snapshot`;
  const fleet = await openReal(stack, { processes, prefix, topic, trustedKeys });
  let count = 0;
  return async () => {
    count += 1;
    const published = authority.take<number>('published');
    await authority.call('change', { service: 'stt-worker', patch: { vad: { level: (count % 1000) / 1000 } } });
    return gather(fleet, await published);
  };
}

type FleetOptions = Pick<FleetPart, 'prefix' | 'topic' | 'trustedKeys'> & { readonly processes: number };

function openFleet(
  stack: AsyncDisposableStack,
  { url, protocolVersion }: Broker,
  { kind, count }: Pick<FleetPart, 'kind' | 'count'>,
  { processes: among, ...options }: FleetOptions,
): Promise<Part[]> {
  const part: FleetPart = { url, protocolVersion, kind, count: count / among, ...options };
  return Promise.all(Array.from({ length: among }, async () => stack.use(await startPart('fleet', part))));
}

async function gather(fleet: readonly Part[], startedAtMs: number): Promise<Spread> {
  const arrivals = (await Promise.all(fleet.map((part) => part.take<number[]>('all arrived')))).flat();
  return { middleMs: median(arrivals) - startedAtMs, lastMs: Math.max(...arrivals) - startedAtMs };
}
