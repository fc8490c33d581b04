import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { generate } from 'mqtt-packet';

const patienceMs = 20_000;

/** Resolves when a broker at this port answers a CONNECT; an engine's port accepts connections before the broker does. */
export async function answersMqtt(port: number): Promise<void> {
  const signal = AbortSignal.timeout(patienceMs);
  while (!(await answersOnce(port, signal))) {
    signal.throwIfAborted();
    await delay(20);
  }
}

async function answersOnce(port: number, signal: AbortSignal): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    socket.write(generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: 'probe' }));
    const [answer] = await Promise.race([once(socket, 'data', { signal }), once(socket, 'close').then(() => [])]);
    socket.end(generate({ cmd: 'disconnect' }));
    return answer !== undefined;
  } catch {
    return false;
  } finally {
    socket.destroySoon();
  }
}
