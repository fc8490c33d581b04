import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { answersMqtt } from '@setpoint/test-support/brokers/answers-mqtt';
import { hasMosquitto, openMosquitto } from '@setpoint/test-support/brokers/mosquitto';
import { findMosquittoBinary, mosquittoProcess } from '@setpoint/test-support/brokers/mosquitto-process';
import { freePort } from '@setpoint/test-support/free-port';
import { clockMs } from './clock.ts';
import { startPart } from './part.ts';

/** A broker in a process of its own. */
export interface Broker extends AsyncDisposable {
  /** To open another one like it. */
  readonly kind: BrokerKind;
  readonly name: string;
  readonly url: string;
  /** What the plain clients speak with it. */
  readonly protocolVersion: 4 | 5;
  /** Kills it and starts it again at once. Resolves with the moment at which its port was open. */
  restart(): Promise<number>;
}

export interface BrokerKind {
  readonly name: string;
  open(): Promise<Broker>;
}

const aedes: BrokerKind = { name: 'aedes', open: openAedes };
const mosquitto: BrokerKind = { name: 'Mosquitto', open: openMosquittoProcess };

/** All that there are on this machine. */
export async function findBrokers(): Promise<readonly BrokerKind[]> {
  if (await hasMosquitto()) return [aedes, mosquitto];
  console.error('without Mosquitto: there is no container engine with eclipse-mosquitto:2 and no mosquitto binary');
  return [aedes];
}

async function openAedes(): Promise<Broker> {
  const port = await freePort();
  const part = await startPart('broker', port);
  return {
    kind: aedes,
    name: 'aedes',
    url: `mqtt://127.0.0.1:${port}`,
    protocolVersion: 4,
    restart: () => part.call<number>('restart', port),
    [Symbol.asyncDispose]: () => part.end(),
  };
}

/** The binary where there is one: a container adds the hop of its port to every message. */
async function openMosquittoProcess(): Promise<Broker> {
  const binary = await findMosquittoBinary();
  if (binary === undefined) return openMosquittoContainer();
  const configuration = await readFile(new URL('../../../mosquitto.conf', import.meta.url), 'utf8');
  const port = await freePort();
  const runner = await mosquittoProcess(binary, { 'mosquitto.conf': configuration }, port);
  await runner.start({ keepRetained: false });
  await answersMqtt(port);
  return {
    kind: mosquitto,
    name: 'Mosquitto',
    url: `mqtt://127.0.0.1:${port}`,
    protocolVersion: 5,
    restart: async () => {
      await runner.kill();
      await runner.start({ keepRetained: true });
      return whenOpen(port);
    },
    [Symbol.asyncDispose]: () => runner.remove(),
  };
}

async function openMosquittoContainer(): Promise<Broker> {
  const harness = await openMosquitto();
  return {
    kind: mosquitto,
    name: 'Mosquitto (container)',
    url: harness.url,
    protocolVersion: 5,
    restart: async () => {
      await harness.kill();
      await harness.start({ keepRetained: true });
      return clockMs();
    },
    [Symbol.asyncDispose]: () => harness.close(),
  };
}

async function whenOpen(port: number): Promise<number> {
  for (;;) {
    const socket = connect({ port, host: '127.0.0.1' });
    const isOpen = await Promise.race([once(socket, 'connect'), once(socket, 'close').then(() => undefined)]).catch(
      () => undefined,
    );
    socket.destroy();
    if (isOpen) return clockMs();
    await delay(1);
  }
}
