import { randomUUID as newId } from 'node:crypto';
import { connect } from '@setpoint/client';
import { createEnvelopeWriter, healthType, type TrustedKeys } from '@setpoint/protocol';
import { clockMs } from '../harness/clock.ts';
import { smallSchema } from '../harness/documents.ts';
import { servePart, tellEvent } from '../harness/part.ts';
import { connectPlain } from '../harness/plain-client.ts';
import { silentLogger } from '../harness/silent-logger.ts';

export interface FleetPart {
  readonly url: string;
  readonly count: number;
  /** `reporting`: a plain one that answers each snapshot with a health report, as an instance does. */
  readonly kind: 'setpoint' | 'plain' | 'reporting';
  readonly topic: string;
  readonly protocolVersion: 4 | 5;
  readonly prefix: string;
  readonly trustedKeys: TrustedKeys | undefined;
}

// Many instances of one service in one process: real connections that verify, validate and apply, or plain MQTT.js
// subscribers. Without the copy on disk: a thousand machines do not share one disk.

const stack = new AsyncDisposableStack();
const batch = 25;
let arrivals: number[] = [];

function arrived(count: number): void {
  arrivals.push(clockMs());
  if (arrivals.length < count) return;
  tellEvent('all arrived', arrivals);
  arrivals = [];
}

async function openPlain({ url, topic, count, protocolVersion }: FleetPart): Promise<void> {
  const client = await connectPlain(url, { protocolVersion });
  stack.defer(() => client.endAsync(true));
  client.on('message', () => arrived(count));
  await client.subscribeAsync(topic, { qos: 1 });
}

/** Costs the broker and the authority what an instance costs them, and this machine no verifying. */
async function openReporting({ url, prefix, topic, count, protocolVersion }: FleetPart): Promise<void> {
  const client = await connectPlain(url, { protocolVersion });
  stack.defer(() => client.endAsync(true));
  opened += 1;
  const instance = `reporting-${process.pid}-${opened}`;
  const report = sealReport(instance);
  client.on('message', () => {
    arrived(count);
    client.publish(`${prefix}/system/health/${instance}`, report as Buffer, { qos: 1, retain: true });
  });
  await client.subscribeAsync(topic, { qos: 1 });
}

let opened = 0;

function sealReport(instance: string): Uint8Array {
  const data = {
    instance,
    service: 'stt-worker',
    session: newId(),
    ok: true,
    state: 'ready',
    event: 'config_applied',
    startedAt: new Date().toISOString(),
  };
  return createEnvelopeWriter({ source: `/instance/${instance}` }).seal({
    type: healthType,
    subject: 'stt-worker',
    data,
  }).bytes;
}

async function openInstance({ url, prefix, count, trustedKeys }: FleetPart): Promise<void> {
  const config = await connect({
    url,
    prefix,
    service: 'stt-worker',
    schema: smallSchema,
    cacheDir: false,
    logger: silentLogger,
    startTimeoutMs: 20_000,
    ...(trustedKeys && { trustedKeys }),
  });
  stack.use(config);
  config.onChange(() => arrived(count));
}

servePart({
  open: async (options: FleetPart) => {
    const openOne = { plain: openPlain, reporting: openReporting, setpoint: openInstance }[options.kind];
    for (let i = 0; i < options.count; i += batch) {
      await Promise.all(Array.from({ length: Math.min(batch, options.count - i) }, () => openOne(options)));
    }
  },
  close: () => stack.disposeAsync(),
});
