import { setTimeout as delay } from 'node:timers/promises';
import type { TrustedKeys } from '@setpoint/protocol';
import type { Broker } from './harness/brokers.ts';
import { clockMs } from './harness/clock.ts';
import { schemaFileOf, smallDocument, smallSchema } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { type Part, startPart } from './harness/part.ts';
import { createRows } from './harness/report.ts';
import { interleave, median } from './harness/statistics.ts';
import type { AuthorityPart } from './parts/authority.ts';
import type { ReconnectingClientPart } from './parts/reconnecting-client.ts';

const prefix = 'reconnect';
/** Of every attempt, without jitter: a difference of 5 ms would not be seen in it. Milliseconds. */
const delayMs = 50;
/** How long the port is shut: the first attempt finds it open, or two have failed. Milliseconds. */
const outages = { 'the first attempt': 30, 'the third attempt': 130 } as const;
const warmUps = 5;

/** From the open port to the retained document, which has changed meanwhile, for clients with the same delays. */
export const clientReconnect: Measurement = {
  name: 'client-reconnect',
  async run(broker, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const { change, trustedKeys } = await openAuthority(stack, broker);
    const open = (kind: ReconnectingClientPart['kind']) => openClient(stack, broker, { kind, trustedKeys, change });
    const [plain, setpoint] = [await open('plain'), await open('setpoint')];
    const row = createRows('17 reconnect', broker.name);
    const rows = [];
    for (const [which, outageMs] of Object.entries(outages)) {
      const applied: number[] = [];
      const takes = {
        plain: async () => [await plain.reconnect(outageMs)],
        setpoint: async () => {
          const receivedMs = await setpoint.reconnect(outageMs);
          applied.push(await setpoint.applied());
          return [receivedMs];
        },
      };
      await interleave(warmUps, takes);
      applied.length = 0;
      const samples = await interleave(isQuick ? 20 : 60, takes);
      const beside = { name: 'MQTT.js', samples: samples.plain };
      const goal = { beside, atMost: Math.round(10 * (median(samples.plain) + 5)) / 10 };
      rows.push(
        row(`MQTT.js, ${which}: port open → retained document`, samples.plain),
        row(`connect, ${which}: port open → retained document verified`, samples.setpoint, goal),
        row(`connect, ${which}: port open → applied`, applied, goal),
      );
    }
    return rows;
  },
};

interface Told {
  readonly version: number;
  readonly atMs: number;
}

/** Makes another version of the document; returns which. */
type Change = () => Promise<number>;

async function openAuthority(stack: AsyncDisposableStack, { url }: Broker) {
  const [document, schema] = [smallDocument(), schemaFileOf(smallSchema)];
  const options: AuthorityPart = { url, prefix, store: 'memory', services: ['stt-worker'], document, schema };
  const authority = stack.use(await startPart('authority', options));
  await authority.call('ready');
  let count = 0;
  const change: Change = () => {
    count += 1;
    const patch = { vad: { level: count / 1000 } };
    return authority.call<number>('change', { service: 'stt-worker', patch });
  };
  return { change, trustedKeys: await authority.call<TrustedKeys>('trustedKeys') };
}

interface Opened {
  readonly kind: ReconnectingClientPart['kind'];
  readonly trustedKeys: TrustedKeys;
  readonly change: Change;
}

async function openClient(
  stack: AsyncDisposableStack,
  { url, protocolVersion }: Broker,
  { kind, trustedKeys, change }: Opened,
) {
  const gate = stack.use(await startPart('gate', url));
  const behind = await gate.call<string>('url');
  const part: ReconnectingClientPart = { kind, url: behind, prefix, trustedKeys, protocolVersion, delayMs };
  const client: Part = stack.use(await startPart('reconnecting-client', part));
  let [present, openAtMs] = [0, 0];
  const sinceOpen = async (event: 'received' | 'applied'): Promise<number> => {
    const { atMs } = await client.take<Told>(event, ({ version }) => version === present);
    return atMs - openAtMs;
  };
  return {
    /** Resolves with the time from the open port to the document. */
    async reconnect(outageMs: number): Promise<number> {
      const shutAtMs = await gate.call<number>('shut');
      present = await change();
      await delay(Math.max(0, shutAtMs + outageMs - clockMs()));
      openAtMs = await gate.call<number>('raise');
      return sinceOpen('received');
    },
    /** Until the same document is in force. */
    applied: () => sinceOpen('applied'),
  };
}
