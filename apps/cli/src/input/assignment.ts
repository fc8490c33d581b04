import {
  appendToken,
  findUnsafeJson,
  formatPointer,
  isJsonObject,
  isOverlapping,
  type JsonObject,
  type JsonValue,
  type Pointer,
  parsePointer,
} from '@setpoint/protocol';
import { CommandError } from '../exit-codes.ts';

/** A setting and what it shall be. */
export interface Assignment {
  readonly pointer: Pointer;
  readonly value: JsonValue;
}

/**
 * Reads `pointer=value`. The value is JSON where it can be read as such, else text.
 * @throws CommandError usage
 */
export function parseAssignment(text: string): Assignment {
  const end = text.indexOf('=');
  if (end < 0) {
    throw new CommandError('usage', `"${text}" is not <pointer>=<value>; write for example /vad/threshold=0.6`);
  }
  const pointer = checkPointer(text.slice(0, end));
  const value = parseValue(text.slice(end + 1));
  const unsafe =
    findUnsafeJson(value) ?? (pointer.includes('__proto__') ? 'has a member named "__proto__"' : undefined);
  if (unsafe) throw new CommandError('usage', `the value for ${pointer} can't be a setting: it ${unsafe}`);
  return { pointer, value };
}

/**
 * A JSON Pointer as it was typed.
 * @throws CommandError usage, with the pointer that may have been meant
 */
export function checkPointer(text: string): Pointer {
  try {
    parsePointer(text);
    return text;
  } catch (cause) {
    const meant = text.startsWith('/') ? '' : `; did you mean ${formatPointer(text.split(/[./]/))}?`;
    throw new CommandError('usage', `${(cause as Error).message}${meant}`, { code: 'pointer_invalid', cause });
  }
}

function parseValue(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * Opens sections into their settings: a section that is set leaves alone what it does not name.
 * @throws CommandError usage where one setting lies in another, so that their order would decide
 */
export function toSettings(assignments: readonly Assignment[]): Assignment[] {
  const settings = assignments.flatMap(open);
  for (const [i, { pointer }] of settings.entries()) {
    const other = settings.slice(i + 1).find((later) => isOverlapping(later.pointer, pointer) && !isAppend(pointer));
    if (other) throw new CommandError('usage', `${pointer} and ${other.pointer} overlap; give one of them`);
  }
  return settings;
}

const isAppend = (pointer: Pointer): boolean => pointer.endsWith('/-');

function open({ pointer, value }: Assignment): Assignment[] {
  if (pointer === '' && !isJsonObject(value)) {
    throw new CommandError('usage', 'the whole document is a section: give it a JSON object, or name a setting');
  }
  if (!isJsonObject(value) || Object.keys(value).length === 0) return [{ pointer, value }];
  return Object.entries(value).flatMap(([key, member]) => open({ pointer: appendToken(pointer, key), value: member }));
}

/** A JSON Merge Patch that sets each of these. */
export function toMergePatch(settings: readonly Assignment[]): JsonObject {
  const patch: Section = {};
  for (const { pointer, value } of settings) {
    const tokens = parsePointer(pointer);
    const last = tokens.pop();
    if (last === undefined) continue;
    let here = patch;
    for (const token of tokens) here = enter(here, token);
    here[last] = value;
  }
  return patch as JsonObject;
}

interface Section {
  [key: string]: Section | JsonValue;
}

function enter(section: Section, token: string): Section {
  const inner = Object.hasOwn(section, token) ? (section[token] as Section) : {};
  section[token] = inner;
  return inner;
}
