import { isJsonObject, type JsonValue } from '@setpoint/protocol';

/** Indented JSON, its numbers as every reader takes them. */
export function jsonText(value: JsonValue, margin = ''): string {
  if (typeof value === 'number') return numberText(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${margin}  `;
  const lines = isJsonObject(value)
    ? Object.entries(value).map(([key, member]) => `${inner}${JSON.stringify(key)}: ${jsonText(member, inner)}`)
    : (value as readonly JsonValue[]).map((item) => `${inner}${jsonText(item, inner)}`);
  const [open, close] = isJsonObject(value) ? '{}' : '[]';
  return lines.length === 0 ? `${open}${close}` : `${open}\n${lines.join(',\n')}\n${margin}${close}`;
}

/** JSON on one line that no quotes, shell or reader of variables takes for anything else. */
export const plainJsonText = (value: JsonValue): string =>
  compactText(value).replace(/[^ -~]|['`$]/g, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);

function compactText(value: JsonValue): string {
  if (typeof value === 'number') return numberText(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (!isJsonObject(value)) return `[${(value as readonly JsonValue[]).map(compactText).join(',')}]`;
  return `{${Object.entries(value)
    .map(([key, member]) => `${JSON.stringify(key)}:${compactText(member)}`)
    .join(',')}}`;
}

/**
 * A number as JSON, HCL and both versions of YAML read it alike: YAML 1.1 takes `1e-7` for text, and readers of whole
 * numbers refuse those past 2^53 that are written with all their digits.
 */
export function numberText(value: number): string {
  const text = Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : JSON.stringify(value);
  return text.includes('.') ? text : text.replace('e', '.0e');
}
