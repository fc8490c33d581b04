import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { generate, type Packet, parser } from 'mqtt-packet';
import { servePart } from '../harness/part.ts';
import { sealReading } from '../harness/readings.ts';

export interface Flood {
  readonly topic: string;
  readonly qos: 0 | 1;
  readonly count: number;
}

export interface MessageSourcePart {
  /** Publishes there; without it this is as much of a broker itself as one client needs that only receives. */
  readonly brokerUrl: string | undefined;
}

// Its messages are made beforehand, so that it is never what has to keep up. It speaks MQTT 3.1.1, as aedes does.

let url: string;
let client: Socket;

function answer(socket: Socket, packet: Packet): void {
  const write = (reply: Packet): void => void socket.write(generate(reply));
  switch (packet.cmd) {
    case 'connect':
      return write({ cmd: 'connack', returnCode: packet.protocolVersion === 4 ? 0 : 1, sessionPresent: false });
    case 'subscribe':
      client = socket;
      return write({
        cmd: 'suback',
        messageId: packet.messageId as number,
        granted: packet.subscriptions.map(({ qos }) => qos),
      });
    case 'publish':
      if (packet.qos === 1) write({ cmd: 'puback', messageId: packet.messageId as number });
      return;
    case 'pingreq':
      return write({ cmd: 'pingresp' });
    default:
  }
}

async function serve(): Promise<void> {
  const server = createServer({ noDelay: true }, (socket) => {
    const packets = parser({ protocolVersion: 4 });
    packets.on('packet', (packet: Packet) => answer(socket, packet));
    packets.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => packets.parse(bytes));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function publishTo(brokerUrl: string): Promise<void> {
  url = brokerUrl;
  const { hostname: host, port } = new URL(brokerUrl);
  client = connect({ host, port: Number(port), noDelay: true });
  const clientId = `source-${process.pid}`;
  client.write(generate({ cmd: 'connect', protocolVersion: 4, clientId, clean: true, keepalive: 0 }));
  await once(client, 'data');
  // Acknowledgements, which nobody reads.
  client.resume();
}

servePart({
  open: ({ brokerUrl }: MessageSourcePart) => (brokerUrl === undefined ? serve() : publishTo(brokerUrl)),
  /** Where its messages can be had. */
  url: () => url,
  /** Makes the messages, and sends them all at once. */
  flood: ({ topic, qos, count }: Flood) => {
    const packets = Array.from({ length: count }, (_, i) =>
      generate({
        cmd: 'publish',
        topic,
        payload: Buffer.from(sealReading(i)),
        qos,
        ...(qos === 1 && { messageId: i + 1 }),
        dup: false,
        retain: false,
      }),
    );
    client.write(Buffer.concat(packets));
  },
});
