import type { Logger } from '@setpoint/participant';
import type { ParticipantConnection } from '../connection.ts';
import { createObserver } from '../observe/observer.ts';
import type { ResolvedOptions } from '../options/resolve-options.ts';
import { ProcessConnection } from './process-connection.ts';
import { rejectOnAbort, resolveAfter } from './resolve-after.ts';

/**
 * Connects for messaging and health alone. Resolves when the broker is reached, or after `startTimeoutMs`: messages wait
 * for the connection anyway.
 * @throws SetpointError `stopped` when the signal aborted
 */
export async function connectMessaging(
  options: ResolvedOptions,
  logger: Logger,
  signal: AbortSignal | undefined,
): Promise<ParticipantConnection> {
  const { service, instance, tracing, startTimeoutMs } = options;
  const observer = createObserver({ service, instance, tracing });
  const connected = Promise.withResolvers<void>();
  const connection = new ProcessConnection({
    options,
    logger,
    isFirst: true,
    config: () => undefined,
    traceparent: () => undefined,
    observe: (bus) => observer.watch(bus),
    onStatus(status) {
      observer.connection(status);
      if (status.kind === 'connected') connected.resolve();
    },
  });
  const { aborted, forget } = rejectOnAbort(signal);
  try {
    await Promise.race([connection.open(), aborted]);
    connection.watchLiveness();
    connection.announce();
    connection.health.report('ready', 'ready');
    connection.start();
    await Promise.race([connected.promise, resolveAfter(startTimeoutMs), aborted]);
  } catch (cause) {
    await connection.stop(() => []);
    throw cause;
  } finally {
    forget();
  }
  if (!connection.isConnected) logger.warn({ service }, 'the broker was not reached yet; messages wait for it');
  return connection.toConnection(() => []);
}
