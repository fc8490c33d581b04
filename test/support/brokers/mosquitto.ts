import { readFile } from 'node:fs/promises';
import type { MqttBus, MqttBusOptions } from '@setpoint/bus/mqtt';
import type { BrokerHarness } from '../../../packages/bus/src/contract.ts';
import { freePort } from '../free-port.ts';
import { answersMqtt } from './answers-mqtt.ts';
import { findMosquittoBinary, mosquittoProcess } from './mosquitto-process.ts';
import { connectTo } from './over-socket.ts';

export interface MosquittoHarness extends BrokerHarness {
  readonly url: string;
  connect(options?: Partial<MqttBusOptions>): MqttBus;
  /** `kill -9`: what was not written is lost. */
  kill(): Promise<void>;
}

/** One Mosquitto that can be switched off and on at one port. */
export interface MosquittoRunner {
  start(options: { readonly keepRetained: boolean }): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Stops it and removes everything of it. */
  remove(): Promise<void>;
}

/**
 * Mosquitto 2 with the product's own `mosquitto.conf`: in a container, else the binary of this machine.
 * `configure` may change the configuration, for a test of what another one does.
 */
export async function openMosquitto(configure = (configuration: string) => configuration): Promise<MosquittoHarness> {
  const file = new URL('../../../mosquitto.conf', import.meta.url);
  const configuration = configure(await readFile(file, 'utf8'));
  const port = await freePort();
  const url = `mqtt://127.0.0.1:${port}`;
  const runner = await findRunner(configuration, port);
  if (!runner)
    throw new Error('there is neither a container engine with eclipse-mosquitto:2 nor a mosquitto binary here');
  const start = async (options: { readonly keepRetained: boolean }): Promise<void> => {
    await runner.start(options);
    await answersMqtt(port);
  };
  await start({ keepRetained: false });
  return {
    name: 'Mosquitto',
    url,
    connect: (options) => connectTo(url, options),
    stop: () => runner.stop(),
    kill: () => runner.kill(),
    start,
    close: () => runner.remove(),
  };
}

/** Whether `openMosquitto` can work here. */
export async function hasMosquitto(): Promise<boolean> {
  const { hasMosquittoImage } = await import('./mosquitto-container.ts');
  return (await hasMosquittoImage()) || (await findMosquittoBinary()) !== undefined;
}

async function findRunner(configuration: string, port: number): Promise<MosquittoRunner | undefined> {
  // testcontainers takes a quarter of a second to load, so it is loaded only where a container is wanted.
  const { hasMosquittoImage, mosquittoContainer } = await import('./mosquitto-container.ts');
  if (await hasMosquittoImage()) return mosquittoContainer(configuration, port);
  const binary = await findMosquittoBinary();
  return binary === undefined ? undefined : mosquittoProcess(binary, configuration, port);
}
