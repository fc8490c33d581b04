import { type Fault, SetpointError } from '@setpoint/protocol';

/** @throws SetpointError `options_invalid` with every fault, where there is one */
export function refuseOptions(caller: string, faults: readonly Fault[]): void {
  if (faults.length === 0) return;
  const text = faults.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`).join('; ');
  throw new SetpointError('options_invalid', `${caller} was called with wrong options: ${text}`, { faults });
}

/** A fault for every member that is none of `names`: a misspelt option would do nothing, and a test would not see it. */
export function unknownMembers(given: object, names: readonly string[], at = ''): readonly Fault[] {
  const known = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return Object.keys(given)
    .filter((name) => !names.includes(name))
    .map((name) => ({ pointer: `${at}/${name}`, message: `is unknown, there are ${known}` }));
}

export const isWithin = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && value >= least && value <= most;
