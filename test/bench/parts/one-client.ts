import { setTimeout as delay } from 'node:timers/promises';
import { servePart } from '../harness/part.ts';

export interface OneClientPart {
  readonly kind: 'plain' | 'plain with zod' | 'setpoint';
  readonly url: string;
  readonly prefix: string;
  /** The packages as they are published, in JavaScript: their folder under node_modules. */
  readonly packages: string;
  readonly trustedKeys: unknown;
  readonly protocolVersion: 4 | 5;
}

// A process that does nothing but hold one connection. What it needs is imported when it is known, and nothing else.

const settleMs = 1500;
let keep: unknown;
let firstDocumentMs = 0;

async function openPlain(options: OneClientPart): Promise<void> {
  const { connectPlain } = await import('../harness/plain-client.ts');
  const schema = options.kind === 'plain' ? undefined : (await import('../harness/documents.ts')).smallSchema;
  const client = await connectPlain(options.url, { protocolVersion: options.protocolVersion });
  const first = Promise.withResolvers<void>();
  client.on('message', (_, payload) => {
    const { data } = JSON.parse(payload.toString());
    keep = [client, schema ? schema.parse(data.values) : data.values];
    first.resolve();
  });
  await client.subscribeAsync(`${options.prefix}/config/stt-worker/snapshot`, { qos: 1 });
  await first.promise;
}

async function openSetpoint({ url, prefix, packages, trustedKeys }: OneClientPart): Promise<void> {
  const [{ connect }, { smallSchema }] = await Promise.all([
    import(`${packages}/client/dist/index.js`),
    import('../harness/documents.ts'),
  ]);
  keep = await connect({ url, prefix, service: 'stt-worker', schema: smallSchema, trustedKeys, cacheDir: false });
}

servePart({
  open: async (options: OneClientPart) => {
    await (options.kind === 'setpoint' ? openSetpoint(options) : openPlain(options));
    firstDocumentMs = performance.now();
  },
  /** After a while and a collection of garbage. */
  measure: async () => {
    await delay(settleMs);
    for (let i = 0; i < 3; i += 1) globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    return { rssMb: rss / 2 ** 20, heapMb: heapUsed / 2 ** 20, firstDocumentMs };
  },
  /** So that nothing of it is collected before. */
  kept: () => keep !== undefined,
});
