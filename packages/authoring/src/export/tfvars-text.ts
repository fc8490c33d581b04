import type { ExportSource } from '@setpoint/engine';
import { appendToken, isJsonObject, type JsonValue, type Pointer } from '@setpoint/protocol';
import { numberText } from './json-text.ts';
import { commentLines, createOriginOf, headerLines, originText } from './origin-text.ts';

/** The document as a Terraform variable, named after the service. HCL normalises text to NFC when it reads it. */
export function tfvarsText(source: ExportSource): string {
  const { service, values } = source;
  const name = `${/^\d/.test(service) ? 'service_' : ''}${service.replaceAll('-', '_')}`;
  const originOf = createOriginOf(source.explanation);
  const commentOf = (pointer: Pointer): string => {
    const origin = originOf(pointer);
    return origin ? ` # ${originText(origin)}` : '';
  };
  const write = (value: JsonValue, at: Pointer, margin: string): string => {
    if (!isJsonObject(value) || Object.keys(value).length === 0) return hclText(value);
    const inner = `${margin}  `;
    const lines = Object.entries(value).map(([key, member]) => {
      const pointer = appendToken(at, key);
      const isSection = isJsonObject(member) && Object.keys(member).length > 0;
      return `${inner}${hclString(key)} = ${write(member, pointer, inner)}${isSection ? '' : commentOf(pointer)}`;
    });
    return `{\n${lines.join('\n')}\n${margin}}`;
  };
  return `${[...commentLines(headerLines(source)), '', `${name} = ${write(values, '', '')}`].join('\n')}\n`;
}

/** A value on one line. */
function hclText(value: JsonValue): string {
  if (typeof value === 'string') return hclString(value);
  if (typeof value === 'number') return numberText(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (!isJsonObject(value)) return `[${(value as readonly JsonValue[]).map(hclText).join(', ')}]`;
  const members = Object.entries(value).map(([key, member]) => `${hclString(key)} = ${hclText(member)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

const escapes: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  '\\': '\\\\',
  '${': '$${',
  '%{': '%%{',
};

/** Text in quotes; in them `${` and `%{` would begin a template. */
const hclString = (text: string): string =>
  `"${text.toWellFormed().replace(/[\n\r\t"\\]|[$%]\{|[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/gu, escapeHcl)}"`;

const escapeHcl = (found: string): string =>
  escapes[found] ?? `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
