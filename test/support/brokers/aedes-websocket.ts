import type { BrokerHarness } from '@setpoint/bus/suite';
import { Aedes, type AedesOptions } from 'aedes';
import { freePort } from '../free-port.ts';
import { testCertificate } from '../tls.ts';
import { connectTo } from './over-socket.ts';
import { openWebSocketDoor, type WebSocketDoor, type WebSocketDoorOptions } from './websocket-door.ts';

type WebSocketBrokerOptions = Pick<AedesOptions, 'authenticate'> & WebSocketDoorOptions;

export type WebSocketHarness = BrokerHarness & { readonly url: string };

/** An aedes behind a WebSocket that a suite can switch off and on; it comes back without its retained messages. */
export async function openWebSocketHarness(options: WebSocketBrokerOptions = {}): Promise<WebSocketHarness> {
  const port = await freePort();
  const url = `${options.secure ? 'wss' : 'ws'}://127.0.0.1:${port}/mqtt`;
  let running: WebSocketDoor | undefined = await openWebSocketBroker({ ...options, port });
  const stop = async (): Promise<void> => {
    await running?.[Symbol.asyncDispose]();
    running = undefined;
  };
  return {
    name: 'aedes over WebSocket',
    url,
    connect: (busOptions) => connectTo(url, { ...(options.secure && { tls: { ca: testCertificate } }), ...busOptions }),
    stop,
    start: async () => {
      running ??= await openWebSocketBroker({ ...options, port });
    },
    close: stop,
  };
}

/** aedes behind a WebSocket. */
export async function openWebSocketBroker({
  secure = false,
  port = 0,
  ...hooks
}: WebSocketBrokerOptions = {}): Promise<WebSocketDoor> {
  const broker = await Aedes.createBroker(hooks);
  const door = await openWebSocketDoor({ secure, port }, (stream) => broker.handle(stream));
  return {
    port: door.port,
    paths: door.paths,
    async [Symbol.asyncDispose]() {
      await Promise.all([door[Symbol.asyncDispose](), new Promise<void>((settle) => broker.close(settle))]);
    },
  };
}
