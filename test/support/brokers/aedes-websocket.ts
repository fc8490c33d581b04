import { once } from 'node:events';
import { createServer as createPlainServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Aedes, type AedesOptions } from 'aedes';
import { testCertificate, testKey } from '../tls.ts';

export interface WebSocketBroker extends AsyncDisposable {
  readonly port: number;
  /** The path and query of every connection, in order. */
  readonly paths: readonly string[];
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

/** aedes behind a WebSocket that wants the subprotocol of MQTT. */
export async function openWebSocketBroker({
  secure = false,
  ...hooks
}: Pick<AedesOptions, 'authenticate'> & { secure?: boolean } = {}): Promise<WebSocketBroker> {
  const broker = await Aedes.createBroker(hooks);
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
    broker.handle(stream);
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    paths,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      await new Promise<void>((settle) => broker.close(settle));
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await closed;
    },
  };
}
