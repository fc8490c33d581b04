import { readFile } from 'node:fs/promises';
import type { MqttBus, MqttBusOptions } from '@setpoint/bus/mqtt';
import type { BrokerHarness } from '@setpoint/bus/suite';
import { freePort } from '../free-port.ts';
import { mayUseBinary, mayUseContainers } from '../machine.ts';
import { answersMqtt } from './answers-mqtt.ts';
import { findMosquittoBinary, mosquittoProcess } from './mosquitto-process.ts';
import type { MosquittoFiles, MosquittoRunner } from './mosquitto-runner.ts';
import { connectTo } from './over-socket.ts';

export interface MosquittoHarness extends BrokerHarness {
  readonly url: string;
  connect(options?: Partial<MqttBusOptions>): MqttBus;
  /** `kill -9`: what was not written is lost. */
  kill(): Promise<void>;
  /** SIGSTOP: its sockets stay, the system accepts new ones for it, and nothing is answered. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): Promise<void>;
  /** Replaces one of its files, and has it read its configuration, passwords and rights again. */
  rewrite(name: string, text: string): Promise<void>;
  /** Where it has a file of this name, such as a plugin. */
  locate(name: string): Promise<string>;
}

/**
 * Mosquitto 2 with the product's own `mosquitto.conf`: in a container, else the binary of this machine.
 * `configure` may change the configuration, for a test of what another one does; `files` lie beside it.
 */
export async function openMosquitto(
  configure = (configuration: string) => configuration,
  files: MosquittoFiles = {},
): Promise<MosquittoHarness> {
  const file = new URL('../../../mosquitto.conf', import.meta.url);
  const configuration = configure(await readFile(file, 'utf8'));
  const port = await freePort();
  const url = `mqtt://127.0.0.1:${port}`;
  const runner = await findRunner({ ...files, 'mosquitto.conf': configuration }, port);
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
    freeze: () => runner.signal('SIGSTOP'),
    thaw: () => runner.signal('SIGCONT'),
    rewrite: async (name, text) => {
      await runner.write(name, text);
      await runner.signal('SIGHUP');
    },
    locate: (name) => runner.locate(name),
    start,
    close: () => runner.remove(),
  };
}

/** Whether `openMosquitto` can work on this machine. */
export async function hasMosquitto(): Promise<boolean> {
  return (await findContainers()) !== undefined || (await findBinary()) !== undefined;
}

async function findRunner(files: MosquittoFiles, port: number): Promise<MosquittoRunner | undefined> {
  const containers = await findContainers();
  if (containers) return containers.mosquittoContainer(files, port);
  const binary = await findBinary();
  return binary === undefined ? undefined : mosquittoProcess(binary, files, port);
}

async function findContainers(): Promise<typeof import('./mosquitto-container.ts') | undefined> {
  if (!mayUseContainers()) return undefined;
  // testcontainers takes a quarter of a second to load, so it is loaded only where a container is wanted.
  const containers = await import('./mosquitto-container.ts');
  return (await containers.hasMosquittoImage()) ? containers : undefined;
}

async function findBinary(): Promise<string | undefined> {
  return mayUseBinary() ? findMosquittoBinary() : undefined;
}
