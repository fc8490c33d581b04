import { appendToken, isJsonObject, type JsonObject, type JsonValue, type Pointer } from '@setpoint/protocol';
import { plainJsonText } from './json-text.ts';
import { numberText } from './number-text.ts';

/** A part of a document as a variable. */
export interface EnvironmentSetting {
  /** `SETPOINT_CFG__<SERVICE>__<PATH>` */
  readonly name: string;
  readonly text: string;
  readonly pointer: Pointer;
}

/**
 * A document as variables, one for each setting: text as it is, lists as JSON. A section with a member that no variable
 * can name, or whose text does not fit into one, is a variable as a whole, as JSON.
 */
export function environmentSettings(
  service: string,
  values: JsonObject,
  fits: (text: string) => boolean,
): EnvironmentSetting[] {
  const name = `SETPOINT_CFG__${variableName(service)}`;
  return settingsWithin(values, '', name, fits) ?? [{ name, text: plainJsonText(values), pointer: '' }];
}

/** Undefined where something in it can't be a variable of its own. */
function settingsWithin(
  section: JsonObject,
  at: Pointer,
  prefix: string,
  fits: (text: string) => boolean,
): EnvironmentSetting[] | undefined {
  const members = Object.entries(section);
  if (members.length === 0 || !areNames(members.map(([key]) => key))) return undefined;
  const found: EnvironmentSetting[] = [];
  for (const [key, value] of members) {
    const [name, pointer] = [`${prefix}__${variableName(key)}`, appendToken(at, key)];
    const inner = isJsonObject(value) ? settingsWithin(value, pointer, name, fits) : undefined;
    const text = textOf(value);
    if (name.length > maxNameLength || !fits(text)) return undefined;
    found.push(...(inner ?? [{ name, text, pointer }]));
  }
  return found;
}

const textOf = (value: JsonValue): string => {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? numberText(value) : plainJsonText(value);
};

/** The keys of a Kubernetes Secret are no longer. */
const maxNameLength = 253;

const variableName = (key: string): string => key.replaceAll('-', '_').toUpperCase();

/** Variables are told apart without their case, and have "_" for "-"; "__" stands between levels. */
const areNames = (keys: readonly string[]): boolean =>
  keys.every((key) => /^[A-Za-z0-9]+([_-][A-Za-z0-9]+)*$/.test(key)) &&
  new Set(keys.map(variableName)).size === keys.length;
