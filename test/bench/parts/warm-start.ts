import { connect } from '@setpoint/client';
import type { TrustedKeys } from '@setpoint/protocol';
import { smallSchema } from '../harness/documents.ts';
import { servePart } from '../harness/part.ts';
import { connectPlain } from '../harness/plain-client.ts';
import { silentLogger } from '../harness/silent-logger.ts';
import { openTemporaryFolder } from '../harness/temporary-folder.ts';

export interface WarmStartPart {
  readonly url: string;
  readonly prefix: string;
  readonly trustedKeys: TrustedKeys;
  readonly protocolVersion: 4 | 5;
}

// Starts in a process whose code is loaded and warm.

const stack = new AsyncDisposableStack();
let options: WarmStartPart;
let cacheDir: string;

async function startPlain(): Promise<number> {
  const startedAt = performance.now();
  const client = await connectPlain(options.url, { protocolVersion: options.protocolVersion });
  const first = Promise.withResolvers<void>();
  client.once('message', () => first.resolve());
  client.subscribe(`${options.prefix}/config/stt-worker/snapshot`, { qos: 1 });
  await first.promise;
  const tookMs = performance.now() - startedAt;
  await client.endAsync(true);
  return tookMs;
}

async function startSetpoint(cache: string | false): Promise<number> {
  const { url, prefix, trustedKeys } = options;
  const startedAt = performance.now();
  const config = await connect({
    url,
    prefix,
    trustedKeys,
    service: 'stt-worker',
    schema: smallSchema,
    cacheDir: cache,
    logger: silentLogger,
  });
  const tookMs = performance.now() - startedAt;
  if (config.state !== 'live') throw new Error(`started on ${config.state}`);
  await config.stop();
  return tookMs;
}

servePart({
  open: async (given: WarmStartPart) => {
    options = given;
    cacheDir = await openTemporaryFolder(stack);
  },
  plain: startPlain,
  setpoint: () => startSetpoint(false),
  cached: () => startSetpoint(cacheDir),
  close: () => stack.disposeAsync(),
});
