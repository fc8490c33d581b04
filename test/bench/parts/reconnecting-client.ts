import { subscribe } from 'node:diagnostics_channel';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { connect } from '@setpoint/client';
import type { TrustedKeys } from '@setpoint/protocol';
import { clockMs } from '../harness/clock.ts';
import { smallSchema } from '../harness/documents.ts';
import { servePart, tellEvent } from '../harness/part.ts';
import { connectPlain } from '../harness/plain-client.ts';
import { silentLogger } from '../harness/silent-logger.ts';

export interface ReconnectingClientPart {
  readonly kind: 'plain' | 'setpoint';
  readonly url: string;
  readonly prefix: string;
  readonly trustedKeys: TrustedKeys;
  readonly protocolVersion: 4 | 5;
  /** Of every attempt, for both. Milliseconds. */
  readonly delayMs: number;
}

// Finds its broker again, and tells when it has the document that is retained there.

const stack = new AsyncDisposableStack();
const told = (version: number) => ({ version, atMs: clockMs() });

async function openPlain({ url, prefix, protocolVersion, delayMs }: ReconnectingClientPart): Promise<void> {
  const client = await connectPlain(url, { protocolVersion, reconnectPeriod: delayMs });
  stack.defer(() => client.endAsync(true));
  client.on('error', () => {});
  client.on('message', (_, payload) => tellEvent('received', told(JSON.parse(payload.toString()).data.version)));
  await client.subscribeAsync(`${prefix}/config/stt-worker/snapshot`, { qos: 1 });
}

async function openSetpoint({ url, prefix, trustedKeys, delayMs }: ReconnectingClientPart): Promise<void> {
  subscribe('setpoint.client.receive', (message) =>
    tellEvent('received', told((message as { version: number }).version)),
  );
  // Half of the ceilings: every attempt has the same delay, as those of MQTT.js have.
  const delays = { reconnectMinDelayMs: 2 * delayMs, reconnectMaxDelayMs: 2 * delayMs, random: () => 0.5 };
  const config = stack.use(
    await connect({
      bus: (options) => createMqttBus({ url, clientId: 'reconnecting', ...delays, ...options }),
      prefix,
      trustedKeys,
      service: 'stt-worker',
      schema: smallSchema,
      cacheDir: false,
      logger: silentLogger,
    }),
  );
  config.onChange(({ version }) => tellEvent('applied', told(version)));
}

servePart({
  open: (part: ReconnectingClientPart) => (part.kind === 'plain' ? openPlain(part) : openSetpoint(part)),
  close: () => stack.disposeAsync(),
});
