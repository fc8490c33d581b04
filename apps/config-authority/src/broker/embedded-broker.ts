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

/** A subscriber that reads nothing for this long is thrown out: until then it holds up the others. Milliseconds. */
const drainTimeoutMs = 2000;

/** @throws SetpointError `options_invalid` when the port can't be had */
export async function startEmbeddedBroker(host: string, port: number): Promise<EmbeddedBroker> {
  const aedes = await Aedes.createBroker({ drainTimeout: drainTimeoutMs });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  await listen(server, host, port);
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return {
    url: `mqtt://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`,
    async stop() {
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
