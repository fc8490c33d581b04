import { once } from 'node:events';
import { createServer as createPlainServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createRequire } from 'node:module';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { testCertificate, testKey } from '../tls.ts';

/** Where WebSockets come in that speak MQTT. */
export interface WebSocketDoor extends AsyncDisposable {
  readonly port: number;
  /** The path and query of every connection, in order. */
  readonly paths: readonly string[];
}

export interface WebSocketDoorOptions {
  readonly secure?: boolean;
  /** @default one that is free */
  readonly port?: number;
}

/** What is used of `ws`, which comes with MQTT.js. */
interface WebSocketModule {
  readonly WebSocketServer: new (
    options: object,
  ) => {
    on(event: 'connection', listener: (socket: unknown, request: { url: string }) => void): void;
    readonly clients: Set<{ terminate(): void }>;
  };
  createWebSocketStream(socket: unknown): Duplex;
}

const ofMqtt = createRequire(createRequire(import.meta.url).resolve('mqtt'));
const { WebSocketServer, createWebSocketStream } = ofMqtt('ws') as WebSocketModule;

/** Hands every WebSocket that wants the subprotocol of MQTT to a broker, as a stream. */
export async function openWebSocketDoor(
  { secure = false, port = 0 }: WebSocketDoorOptions,
  enter: (stream: Duplex) => void,
): Promise<WebSocketDoor> {
  const server = secure ? createSecureServer({ cert: testCertificate, key: testKey }) : createPlainServer();
  const paths: string[] = [];
  const sockets = new WebSocketServer({
    server,
    handleProtocols: (protocols: Set<string>) => protocols.has('mqtt') && 'mqtt',
  });
  sockets.on('connection', (socket, { url }) => {
    paths.push(url);
    const stream = createWebSocketStream(socket);
    stream.on('error', () => {});
    enter(stream);
  });
  server.on('tlsClientError', () => {});
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    paths,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** One in front of a broker that has none: `mqtt://…`. */
export function openWebSocketBridge(url: string): Promise<WebSocketDoor> {
  const { hostname, port } = new URL(url);
  return openWebSocketDoor({}, (stream) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    socket.on('error', () => {});
    socket.on('close', () => stream.destroy());
    stream.on('close', () => socket.destroy());
    socket.pipe(stream).pipe(socket);
  });
}
