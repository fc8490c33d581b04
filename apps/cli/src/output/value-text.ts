import {
  appendToken,
  type Difference,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  mask,
  type Pointer,
} from '@setpoint/protocol';

/** What a text may do to a terminal is taken out of it: others wrote it. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, '\ufffd');

const maxShownLength = 100;

/** A value on one line, cut where it is long. */
export function valueText(value: JsonValue | undefined): string {
  if (value === undefined) return '(nothing)';
  if (value === mask) return mask;
  const text = printable(JSON.stringify(value));
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text;
}

export const differenceText = ({ before, after }: Difference): string => `${valueText(before)} → ${valueText(after)}`;

/** The settings of a document, each with its pointer: what is no section, and sections that are empty. */
export function settingsOf(value: JsonValue, at: Pointer = ''): { pointer: Pointer; value: JsonValue }[] {
  if (!isJsonObject(value) || Object.keys(value).length === 0) return [{ pointer: at, value }];
  return Object.entries(value as JsonObject).flatMap(([key, member]) => settingsOf(member, appendToken(at, key)));
}

/** `2026-06-01 12:00:00`, in the time zone of this machine. */
export function timeText(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return printable(time);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}
