import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '@setpoint/test-support/free-port';
import { clockMs } from '../harness/clock.ts';
import { servePart } from '../harness/part.ts';

// A port in front of a broker that can be closed, with all that goes through it, while the broker keeps what it has.

let broker: URL;
let port: number;
let server: Server;
const sockets = new Set<Socket>();

function pass(near: Socket): void {
  const far = connect({ host: broker.hostname, port: Number(broker.port), noDelay: true });
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    sockets.add(from);
    from.pipe(to);
    from.on('error', () => {});
    from.once('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  }
}

async function raise(): Promise<number> {
  server = createServer({ noDelay: true }, pass);
  server.listen({ port, host: '127.0.0.1' });
  await once(server, 'listening');
  return clockMs();
}

servePart({
  open: async (url: string) => {
    broker = new URL(url);
    port = await freePort();
    await raise();
  },
  url: () => `mqtt://127.0.0.1:${port}`,
  /** Breaks every connection; returns when. */
  shut: async () => {
    const closed = once(server, 'close');
    server.close();
    const atMs = clockMs();
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
    return atMs;
  },
  /** Returns when it was open. */
  raise,
});
