import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { MqttBus, MqttBusOptions } from '@setpoint/bus/mqtt';
import type { BrokerHarness } from '@setpoint/bus/suite';
import { Aedes, type AedesOptions } from 'aedes';
import { freePort } from '../free-port.ts';
import { connectTo } from './over-socket.ts';

/** Hooks that refuse or drop: aedes' own, which hold for every start of the broker. */
export type AedesHooks = Pick<
  AedesOptions,
  'preConnect' | 'authenticate' | 'authorizePublish' | 'authorizeSubscribe' | 'authorizeForward'
>;

export interface AedesHarness extends BrokerHarness {
  readonly url: string;
  /** The broker of now. */
  readonly broker: Aedes;
  connect(options?: Partial<MqttBusOptions>): MqttBus;
}

interface Running {
  readonly broker: Aedes;
  readonly server: Server;
  readonly sockets: Set<Socket>;
}

/** aedes in this process, as the authority embeds it. */
export async function openAedes(hooks: AedesHooks = {}): Promise<AedesHarness> {
  const port = await freePort();
  const url = `mqtt://127.0.0.1:${port}`;
  let running = await run(port, hooks, undefined);
  return {
    name: 'aedes',
    url,
    get broker() {
      return running.broker;
    },
    connect: (options) => connectTo(url, options),
    stop: () => end(running),
    start: async ({ keepRetained }) => {
      if (running.server.listening) return;
      running = await run(port, hooks, keepRetained ? persistenceOf(running.broker) : undefined);
    },
    close: () => end(running),
  };
}

async function run(port: number, hooks: AedesHooks, persistence: unknown): Promise<Running> {
  const broker = await Aedes.createBroker({
    ...hooks,
    drainTimeout: 2000,
    ...(persistence === undefined ? {} : { persistence }),
  });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    broker.handle(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { broker, server, sockets };
}

async function end({ broker, server, sockets }: Running): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  await new Promise<void>((resolve) => broker.close(resolve));
  for (const socket of sockets) socket.destroy();
  await closed;
}

// aedes keeps retained messages in memory, so a restart that keeps them is one that hands them over.
function persistenceOf(broker: Aedes): unknown {
  return 'persistence' in broker ? broker.persistence : undefined;
}
