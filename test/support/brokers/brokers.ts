import type { BrokerHarness } from '@setpoint/bus/suite';
import { namedMachine, skipLoudly } from '../machine.ts';
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

/**
 * Whether the suites over Mosquitto run on this machine. Says so loudly if they don't.
 * @throws Error where `SETPOINT_TEST_MACHINE` names a machine with Mosquitto and there is none; in CI also where it is not set
 */
export async function isMosquittoHere(): Promise<boolean> {
  if (await hasMosquitto()) return true;
  skipLoudly(
    'no container engine with eclipse-mosquitto:2 and no mosquitto binary: nothing ran over Mosquitto',
    namedMachine() !== 'bare',
  );
  return false;
}

/** Every kind of broker that this machine can run. */
export async function availableBrokers(): Promise<readonly BrokerKind[]> {
  return (await isMosquittoHere()) ? [memory, aedes, mosquitto] : [memory, aedes];
}

/** The kinds that listen on a socket. */
export async function availableSocketBrokers(): Promise<readonly BrokerKind[]> {
  return (await availableBrokers()).filter((kind) => kind !== memory);
}

/** A broker in a process of its own, which a test can freeze. */
export type FreezableBroker = Pick<BrokerProcess, 'url' | 'freeze' | 'thaw' | 'close'>;

export interface FreezableBrokerKind {
  readonly name: string;
  open(): Promise<FreezableBroker>;
}

/** The kinds that SIGSTOP can freeze. */
export async function availableFreezableBrokers(): Promise<readonly FreezableBrokerKind[]> {
  const process: FreezableBrokerKind = { name: aedes.name, open: openBrokerProcess };
  return (await isMosquittoHere()) ? [process, { name: mosquitto.name, open: () => openMosquitto() }] : [process];
}
