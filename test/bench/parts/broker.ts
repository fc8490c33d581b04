import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { clockMs } from '../harness/clock.ts';
import { servePart } from '../harness/part.ts';

// aedes in a process of its own, so that the broker does not share a loop with what is measured.

interface Running {
  readonly aedes: Aedes;
  readonly server: Server;
  readonly sockets: Set<Socket>;
}

let running: Running | undefined;

async function start(port: number): Promise<Running> {
  const aedes = await Aedes.createBroker({ drainTimeout: 2000 });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  server.listen({ port, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  return { aedes, server, sockets };
}

/** As a kill does it: no DISCONNECT, and all that was kept is lost. */
async function kill(): Promise<void> {
  if (!running) return;
  const { aedes, server, sockets } = running;
  const closed = once(server, 'close');
  server.close();
  for (const socket of sockets) socket.resetAndDestroy();
  await closed;
  aedes.close();
}

servePart({
  open: async (port: number) => {
    running = await start(port);
  },
  /** Returns when its port was open again. */
  restart: async (port: number) => {
    await kill();
    running = await start(port);
    return clockMs();
  },
});
