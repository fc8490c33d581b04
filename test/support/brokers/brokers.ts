import type { BrokerHarness } from '../../../packages/bus/src/contract.ts';
import { openAedes } from './aedes.ts';
import { type BrokerProcess, openBrokerProcess } from './broker-process.ts';
import { openMemory } from './memory.ts';
import { hasMosquitto, openMosquitto } from './mosquitto.ts';

export type { BrokerHarness };

export interface BrokerKind {
  readonly name: string;
  open(): Promise<BrokerHarness>;
}

const memory: BrokerKind = { name: 'memory', open: () => openMemory() };
const aedes: BrokerKind = { name: 'aedes', open: () => openAedes() };
const mosquitto: BrokerKind = { name: 'Mosquitto', open: () => openMosquitto() };

/** Whether suites over Mosquitto run here. Says so loudly where they don't; in CI it has to be there. */
export async function isMosquittoHere(): Promise<boolean> {
  if (await hasMosquitto()) return true;
  const why =
    'SKIPPED: no container engine with eclipse-mosquitto:2 and no mosquitto binary: nothing ran over Mosquitto';
  if (process.env.CI === 'true') throw new Error(why);
  console.warn(`\n*** ${why} ***\n`);
  return false;
}

/** Every broker that there is on this machine. */
export async function availableBrokers(): Promise<readonly BrokerKind[]> {
  return (await isMosquittoHere()) ? [memory, aedes, mosquitto] : [memory, aedes];
}

/** Those with a socket. */
export async function availableSocketBrokers(): Promise<readonly BrokerKind[]> {
  return (await availableBrokers()).filter((kind) => kind !== memory);
}

/** A broker in another process than the test's, which can be frozen. */
export type FreezableBroker = Pick<BrokerProcess, 'url' | 'freeze' | 'thaw' | 'close'>;

export interface FreezableBrokerKind {
  readonly name: string;
  open(): Promise<FreezableBroker>;
}

/** Those that can be stopped by SIGSTOP. */
export async function availableFreezableBrokers(): Promise<readonly FreezableBrokerKind[]> {
  const process: FreezableBrokerKind = { name: aedes.name, open: openBrokerProcess };
  return (await isMosquittoHere()) ? [process, { name: mosquitto.name, open: () => openMosquitto() }] : [process];
}
