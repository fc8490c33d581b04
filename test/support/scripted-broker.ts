import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { generate, type IConnectPacket, type Packet, parser } from 'mqtt-packet';

/** What a test's broker does with one packet; it answers through `client`. */
export type Script = (packet: Packet, client: ScriptedClient) => void;

export interface ScriptedClient {
  /** Counts connections from 1. */
  readonly connection: number;
  readonly version: number;
  send(packet: Packet): void;
  hangUp(): void;
}

export interface ScriptedBroker {
  readonly url: string;
  readonly port: number;
  /** Every CONNECT that came, in order. */
  readonly connects: readonly IConnectPacket[];
  /** Every packet that came, in order, each with the number of its connection. */
  readonly received: readonly { readonly connection: number; readonly packet: Packet }[];
  close(): Promise<void>;
}

/** A broker that does what a script says, for behaviour that no broker shows on request. */
export async function openScriptedBroker(script: Script): Promise<ScriptedBroker> {
  const connects: IConnectPacket[] = [];
  const received: { connection: number; packet: Packet }[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    connections += 1;
    const connection = connections;
    let version = 4;
    const client: ScriptedClient = {
      connection,
      get version() {
        return version;
      },
      send: (packet) => {
        if (socket.writable) socket.write(generate(packet, { protocolVersion: version }));
      },
      hangUp: () => socket.destroy(),
    };
    const reader = parser();
    reader.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        connects.push(packet);
        version = packet.protocolVersion ?? 4;
      }
      received.push({ connection, packet });
      if (!socket.destroyed) script(packet, client);
    });
    socket.on('data', (bytes: Buffer) => reader.parse(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    connects,
    received,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Answers as a broker that allows everything and forwards nothing. */
export const agree: Script = (packet, client) => {
  switch (packet.cmd) {
    case 'connect':
      client.send({ cmd: 'connack', sessionPresent: false, returnCode: 0, reasonCode: 0 });
      break;
    case 'publish':
      if (packet.qos === 1) client.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0 });
      break;
    case 'subscribe':
      client.send({
        cmd: 'suback',
        messageId: packet.messageId ?? 0,
        granted: packet.subscriptions.map(({ qos }) => qos),
      });
      break;
    case 'unsubscribe':
      client.send({ cmd: 'unsuback', messageId: packet.messageId ?? 0, granted: packet.unsubscriptions.map(() => 0) });
      break;
    case 'pingreq':
      client.send({ cmd: 'pingresp' });
      break;
    default:
  }
};
