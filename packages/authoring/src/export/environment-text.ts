import type { ExportSource } from '@setpoint/engine';
import { appendToken, isJsonObject, type JsonObject, type JsonValue, type Pointer } from '@setpoint/protocol';
import { numberText, plainJsonText } from './json-text.ts';
import { commentLines, createOriginOf, headerLines, originText } from './origin-text.ts';
import { yamlText } from './yaml-text.ts';

/** The variables of a service as a dotenv file. */
export function dotenvText(source: ExportSource): string {
  const originOf = createOriginOf(source.explanation);
  const settings = environmentSettings(source.service, source.values, (text) => quoteDotenv(text) !== undefined);
  const lines = settings.flatMap(({ name, text, pointer }) => {
    const origin = originOf(pointer);
    return [...(origin ? [`# ${originText(origin)}`] : []), `${name}=${quoteDotenv(text)}`];
  });
  return `${[...commentLines(headerLines(source)), '', ...lines].join('\n')}\n`;
}

/**
 * The text as every reader of dotenv files takes it. There are three kinds of quotes and no way to write one of them
 * inside itself; what a backslash or a carriage return is differs from reader to reader. Undefined for a text that
 * fits into none.
 */
function quoteDotenv(text: string): string | undefined {
  if (/[\0\r]|\\$/.test(text) || !text.isWellFormed()) return undefined;
  if (!text.includes("'")) return `'${text}'`;
  if (!/["\\]/.test(text)) return `"${text.replaceAll('\n', '\\n')}"`;
  return text.includes('`') ? undefined : `\`${text}\``;
}

/** The variables of a service as a part of a Docker Compose file. */
export function composeText(source: ExportSource): string {
  const originOf = createOriginOf(source.explanation);
  const settings = environmentSettings(source.service, source.values, isVariable);
  const lines = settings.map(({ name, text, pointer }) => {
    const origin = originOf(pointer);
    return `      ${name}: ${quoteCompose(text)}${origin ? ` # ${originText(origin)}` : ''}`;
  });
  const service = yamlText(source.service);
  return `${[...commentLines(headerLines(source)), 'services:', `  ${service}:`, '    environment:', ...lines].join('\n')}\n`;
}

/** No process can be given another text than this. */
const isVariable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/** "$" begins the name of a variable in all of a Compose file, quoted or not; anything but text is refused there. */
const quoteCompose = (text: string): string => {
  const quoted = yamlText(text.replaceAll('$', '$$$$'));
  return quoted.startsWith('"') ? quoted : `"${quoted}"`;
};

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
