import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { freePort } from '@setpoint/test-support/free-port';
import { generate, type Packet, parser } from 'mqtt-packet';
import { expect, it } from 'vitest';
import { startEmbeddedBroker } from './embedded-broker.ts';

/** A connection that sends packets and says which came; it answers nothing by itself. */
async function openRaw(port: number, clientId: string) {
  const socket: Socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const packets: Packet[] = [];
  const reader = parser();
  let arrived: (() => void) | undefined;
  reader.on('packet', (packet) => {
    packets.push(packet);
    arrived?.();
  });
  socket.on('data', (bytes) => reader.parse(Buffer.from(bytes)));
  const until = async (cmd: Packet['cmd']): Promise<void> => {
    while (!packets.some((packet) => packet.cmd === cmd)) await new Promise<void>((resolve) => (arrived = resolve));
  };
  socket.write(
    generate({ cmd: 'connect', clientId, protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0 }),
  );
  await until('connack');
  return { socket, until };
}

it('Isolation-30-Deaf-Subscribers: 13 hostile connections do not end the broker, and an honest pair gets its messages', async () => {
  const port = await freePort();
  const broker = await startEmbeddedBroker('127.0.0.1', port);
  const [sender, receiver] = ['sender', 'receiver'].map((clientId) => createMqttBus({ url: broker.url, clientId }));
  const sockets: Socket[] = [];
  try {
    await Promise.all([sender?.start(), receiver?.start()]);
    const waits: number[] = [];
    let received: ((at: number) => void) | undefined;
    await receiver?.subscribe('honest', () => received?.(performance.now())).ready;

    const deaf = await openRaw(port, 'deaf');
    sockets.push(deaf.socket);
    deaf.socket.write(
      generate({
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: [
          { topic: 'noise', qos: 0 },
          { topic: 'honest', qos: 0 },
        ],
      }),
    );
    await deaf.until('suback');
    deaf.socket.pause();
    const gone = once(deaf.socket, 'close');

    const publish = (topic: string, size: number, messageId: number): Buffer =>
      generate({ cmd: 'publish', topic, payload: 'x'.repeat(size), qos: 1, messageId, retain: false, dup: false });
    const noise = Buffer.concat(Array.from({ length: 300 }, (_, i) => publish('noise', 60_000, i + 1)));
    const burst = Buffer.concat(Array.from({ length: 20_000 }, (_, i) => publish('nobody/here', 1, i + 1)));
    for (let i = 0; i < 12; i += 1) {
      const { socket } = await openRaw(port, `hostile-${i}`);
      sockets.push(socket);
      socket.write(i < 4 ? noise : burst);
    }

    let isGone = false;
    void gone.then(() => (isGone = true));
    deaf.socket.resume();
    deaf.socket.pause();
    for (let i = 0; i < 50 || (!isGone && i < 2_000); i += 1) {
      const sentAt = performance.now();
      const arrived = new Promise<number>((resolve) => (received = resolve));
      await sender?.publish('honest', String(i), { qos: 0 });
      waits.push((await arrived) - sentAt);
    }
    const again = await openRaw(port, 'again');
    sockets.push(again.socket);
    // Without isolation the wait is the whole time until the deaf one is thrown out: 2 seconds and more.
    expect(waits.toSorted((a, b) => a - b).at(-1)).toBeLessThan(1_900);
  } finally {
    for (const socket of sockets) socket.destroy();
    await Promise.all([sender?.stop(), receiver?.stop()]);
    await broker.stop();
  }
});
