import type { Fault } from '@setpoint/protocol';
import { longestTimerMs } from './lane.ts';
import { isWithin, refuseOptions, unknownMembers } from './wrong-options.ts';

/** How often what goes wrong: each a probability from 0 to 1, asked for every message. What is left out never happens. */
export interface Faults {
  /** A QoS 0 message is lost, in either direction. */
  readonly drop?: number;
  /** The broker loses a QoS 1 message on its way to a client, as one with a full queue does. */
  readonly overflow?: number;
  /** The connection is cut under the message: it is lost with the session, at any QoS. */
  readonly cut?: number;
  /** The message comes twice. */
  readonly duplicate?: number;
  /** The message is late, and those after it wait for it. */
  readonly delay?: number;
  /** The message is late, and those after it overtake it. */
  readonly reorder?: number;
  /** The most that a message is late. From 0 to 2147483647. Milliseconds. @default 1000 */
  readonly maxDelayMs?: number;
  /** A subscriber is given one of the last retained messages of a topic instead of the last one. */
  readonly staleRetained?: number;
}

export interface FaultyBusOptions {
  /** Decides everything; the same seed, the same faults. A whole number. @default a new one, that the log names */
  readonly seed?: number;
  /** @default nothing goes wrong */
  readonly faults?: Faults;
}

const most: Readonly<Record<keyof Faults, number>> = {
  drop: 1,
  overflow: 1,
  cut: 1,
  duplicate: 1,
  delay: 1,
  reorder: 1,
  maxDelayMs: longestTimerMs,
  staleRetained: 1,
};

/** @throws SetpointError `options_invalid` with every fault */
export function checkFaultyBusOptions(options: FaultyBusOptions): void {
  const { seed, faults } = options;
  const isSeed = seed === undefined || Number.isSafeInteger(seed);
  refuseOptions('createFaultyBus', [
    ...unknownMembers(options, ['seed', 'faults']),
    ...(isSeed ? [] : [{ pointer: '/seed', message: `must be a whole number, and is ${String(seed)}` }]),
    ...(faults === undefined ? [] : wrongFaults(faults, '/faults')),
  ]);
}

/** @throws SetpointError `options_invalid` with every fault */
export function checkFaults(faults: Faults): void {
  refuseOptions('setFaults', wrongFaults(faults));
}

function wrongFaults(faults: Faults, at = ''): readonly Fault[] {
  if (typeof faults !== 'object' || faults === null) {
    return [{ pointer: at, message: `must be an object of faults, and is ${String(faults)}` }];
  }
  return Object.entries(faults).flatMap(([name, value]) => {
    if (!Object.hasOwn(most, name)) return unknownMembers({ [name]: value }, Object.keys(most), at);
    const limit = most[name as keyof Faults];
    if (value === undefined || isWithin(value, 0, limit)) return [];
    return [{ pointer: `${at}/${name}`, message: `must be 0 to ${limit}, and is ${String(value)}` }];
  });
}
