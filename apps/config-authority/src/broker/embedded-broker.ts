import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { SetpointError } from '@setpoint/protocol';
import { Aedes } from 'aedes';

/** An MQTT broker inside this process, for one machine. It keeps nothing: retained messages come back from the store. */
export interface EmbeddedBroker {
  /** Where a client on this machine finds it. */
  readonly url: string;
  stop(): Promise<void>;
}

/** A subscriber that reads nothing for this long is disconnected. Milliseconds. */
const drainTimeoutMs = 2000;

/** What may wait for one connection to read it. Past it the connection is closed. Bytes. */
const maxUnreadBytes = 16 * 1_048_576;
/** How often that is looked at. Milliseconds. */
const lookMs = 100;
/** Connections at once; any more are closed as they come. */
const maxConnections = 20_000;

/** @throws SetpointError `options_invalid` when the port can't be had */
export async function startEmbeddedBroker(host: string, port: number): Promise<EmbeddedBroker> {
  // Without a limit of messages that are being delivered: with one, whatever a subscriber does not read holds up everybody,
  // and when it is disconnected, those that waited meanwhile are released by recursion, which overflows the stack.
  const aedes = await Aedes.createBroker({ drainTimeout: drainTimeoutMs, concurrency: 0 });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  server.maxConnections = maxConnections;
  const looking = setInterval(() => {
    for (const socket of sockets) if (socket.writableLength > maxUnreadBytes) socket.destroy();
  }, lookMs).unref();
  await listen(server, host, port);
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return {
    url: `mqtt://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`,
    async stop() {
      clearInterval(looking);
      server.close();
      await new Promise<void>((settle) => aedes.close(() => settle()));
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  const listening = once(server, 'listening');
  server.listen(port, host);
  try {
    await listening;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'is taken' : `can't be listened on (${code})`;
    const cure =
      'stop what uses it, set SETPOINT_BROKER_HOST and SETPOINT_BROKER_PORT, or use that broker with SETPOINT_MQTT_URL';
    throw new SetpointError('options_invalid', `port ${port} on ${host} ${why}; ${cure}`, { cause });
  }
}
