import type { Bus } from '@setpoint/bus';
import { guardLogger, type Logger } from '@setpoint/participant';
import type { z } from 'zod';
import { createDefaultLogger } from '#runtime/default-logger';
import type { Connection, OpenOptions, ParticipantConnection } from '../connection.ts';
import type { ConnectOptions, MessagingConnectOptions } from '../options/connect-options.ts';
import { type ResolvedOptions, resolveOptions } from '../options/resolve-options.ts';
import { additionalOptions } from './additional-documents.ts';
import { connectMessaging } from './messaging-connection.ts';
import { Session } from './session.ts';

/**
 * Connects a service to its configuration. Resolves when there is a document to run on: the live one, else the last
 * good one on disk, else the schema's defaults, as `withoutSnapshot` says. Later versions are applied as they come.
 *
 * Without a schema it connects for messaging and health alone, and resolves when the broker is reached or after
 * `startTimeoutMs`.
 * @throws SetpointError `options_invalid`; `no_configuration` when there is no document to run on; `stopped` when
 * `signal` aborted
 * @see docs/protocol.md#8-what-a-client-does
 * @example
 * await using config = await connect({ url: 'mqtt://127.0.0.1:1883', service: 'stt-worker', schema });
 * config.current.vad.threshold;
 * @example
 * await using participant = await connect({ url: 'mqtt://127.0.0.1:1883', service: 'lamp' });
 * await participant.messenger.publish('lamp/on', { on: true });
 */
export function connect<Schema extends z.ZodType>(
  options: ConnectOptions<Schema>,
): Promise<Connection<z.output<Schema>>>;
export function connect(options: MessagingConnectOptions): Promise<ParticipantConnection>;
export async function connect(
  options: ConnectOptions | MessagingConnectOptions,
): Promise<Connection<unknown> | ParticipantConnection> {
  const resolved = resolveOptions(options);
  const logger = await openLogger(resolved, options.logger);
  if (hasSchema(options)) return connectDocument(options, resolved, logger, true);
  return connectMessaging(resolved, logger, options.signal);
}

const hasSchema = (options: ConnectOptions | MessagingConnectOptions): options is ConnectOptions =>
  options.schema !== undefined;

async function openLogger({ instance }: ResolvedOptions, logger: Logger | undefined): Promise<Logger> {
  return guardLogger(logger ?? (await createDefaultLogger(instance)));
}

async function connectDocument<Schema extends z.ZodType>(
  options: ConnectOptions<Schema>,
  resolved: ResolvedOptions,
  logger: Logger,
  isFirst: boolean,
): Promise<Connection<z.output<Schema>>> {
  const session = new Session<z.output<Schema>>({
    options: resolved,
    schema: options.schema as z.ZodType<z.output<Schema>>,
    logger,
    connectAdditional: (bus, additional) => connectAdditional({ ...options, logger }, bus, additional),
    isFirst,
  });
  try {
    await session.start(options.signal);
  } catch (cause) {
    await session.stop();
    throw cause;
  }
  return session.connection;
}

async function connectAdditional<Schema extends z.ZodType>(
  first: ConnectOptions & { readonly logger: Logger },
  bus: Bus,
  additional: OpenOptions<Schema> & { readonly instance: string },
): Promise<Connection<z.output<Schema>>> {
  const options = additionalOptions(first, bus, additional);
  return connectDocument(options, resolveOptions(options), first.logger, false);
}
