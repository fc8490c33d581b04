import {
  type Fault,
  isEqualJson,
  isName,
  isOverlapping,
  type Pointer,
  parsePointer,
  readPointer,
} from '@setpoint/protocol';
import { leavesOf } from '../document/leaf-settings.ts';
import { compose } from './compose.ts';
import type { Layer } from './layer.ts';
import type { NamedText } from './named-texts.ts';
import { type Override, writeSettings } from './overrides.ts';

export type ParsedAssignment =
  | { readonly kind: 'assignment'; readonly service: string; readonly setting: NamedText }
  | { readonly kind: 'fault'; readonly message: string };

/**
 * Reads `<service>/<pointer>=<value>`. A fault does not repeat the value, which may be a secret.
 * @example
 * parseAssignment('vad/threshold=0.7');
 */
export function parseAssignment(text: string): ParsedAssignment {
  const [, service = '', pointer = '', value = ''] = /^([^/=]*)(\/[^=]*)?=(.*)$/s.exec(text) ?? [];
  const told = `--set ${text.split('=', 1)[0]}`;
  const refuse = (why: string): ParsedAssignment => ({
    kind: 'fault',
    message: `${told}: ${why}; write --set <service>/<pointer>=<value>`,
  });
  if (!text.includes('=')) return refuse('there is no "="');
  if (!isName(service)) return refuse('it names no service');
  if (pointer === '' || /~(?![01])/.test(pointer)) return refuse('it names no setting');
  const place = { name: `--set ${service}${pointer}` };
  return { kind: 'assignment', service, setting: { path: parsePointer(pointer), isLoose: false, text: value, place } };
}

/** Warns of what an operator has just set where an argument goes first: it counts once the argument is gone. */
export function hiddenByArguments(
  layers: readonly Layer[],
  before: readonly Override[],
  after: readonly Override[],
): Fault[] {
  const { above } = compose(layers);
  if (above === undefined) return [];
  const made = after.filter((override) => !before.includes(override));
  const set = writeSettings({}, made);
  return leavesOf(above)
    .filter(
      ({ pointer, value }) =>
        made.some((override) => isOverlapping(override.pointer, pointer)) &&
        !isEqualJson(readPointer(set, pointer), value),
    )
    .map(({ pointer }) => ({
      pointer,
      message: `is set by the argument ${nameOf(layers, pointer)}, which goes first; what was set counts once it is gone`,
    }));
}

const nameOf = (layers: readonly Layer[], pointer: Pointer): string | undefined =>
  layers.find(({ name }) => name === 'cli_argument')?.locate(pointer)?.name;
