import type { ExportSource } from '@setpoint/engine';
import { appendToken, isJsonObject, type JsonValue, mask, type Pointer, readPointer } from '@setpoint/protocol';
import { numberText } from './json-text.ts';
import { commentLines, createOriginOf, headerLines, originText } from './origin-text.ts';

/** The document as YAML, behind each value where it comes from. */
export function yamlDocument(source: ExportSource): string {
  const notes = source.secrets.length === 0 ? [] : [`a secret is written as ${mask}; an import keeps the present one`];
  const header = commentLines([...headerLines(source), ...notes]);
  return `${[...header, '', ...yamlLines(source.values, createComments(source))].join('\n')}\n`;
}

/** A section comes from several places: what is said of it is said of each value in it. */
function createComments({ values, explanation }: ExportSource): CommentOf {
  const originOf = createOriginOf(explanation);
  return (pointer) => {
    const origin = originOf(pointer);
    if (!origin) return '';
    const value = readPointer(values, pointer);
    const isSection = isJsonObject(value) && Object.keys(value).length > 0;
    return isSection && origin.pointer !== pointer ? '' : ` # ${originText(origin)}`;
  };
}

/** What is written behind the value at a place; empty for nothing. */
export type CommentOf = (pointer: Pointer) => string;

/** A document as lines of YAML that versions 1.1 and 1.2 read alike. */
export function yamlLines(value: JsonValue, commentOf: CommentOf = () => '', at: Pointer = ''): string[] {
  if (isEmpty(value) || typeof value !== 'object' || value === null) return [`${yamlScalar(value)}${commentOf(at)}`];
  return isJsonObject(value)
    ? Object.entries(value).flatMap(([key, member]) => memberLines(key, member, commentOf, appendToken(at, key)))
    : (value as readonly JsonValue[]).flatMap((item, index) =>
        yamlLines(item, commentOf, appendToken(at, index)).map((line, i) => `${i === 0 ? '- ' : '  '}${line}`),
      );
}

/** A reader need not look for the end of a name any further than this. */
const maxPlainKey = 1000;

function memberLines(key: string, value: JsonValue, commentOf: CommentOf, at: Pointer): string[] {
  const name = yamlText(key);
  if (name.length > maxPlainKey) return [`? ${name}`, ...valueLines(':', value, commentOf, at)];
  return valueLines(`${name}:`, value, commentOf, at);
}

function valueLines(name: string, value: JsonValue, commentOf: CommentOf, at: Pointer): string[] {
  if (isSection(value)) {
    return [`${name}${commentOf(at)}`, ...yamlLines(value, commentOf, at).map((line) => `  ${line}`)];
  }
  return [`${name} ${yamlScalar(value)}${commentOf(at)}`];
}

const isEmpty = (value: JsonValue): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

const isSection = (value: JsonValue): boolean => typeof value === 'object' && value !== null && !isEmpty(value);

/** A scalar, an empty section or an empty list. */
function yamlScalar(value: JsonValue): string {
  if (typeof value === 'string') return yamlText(value);
  return typeof value === 'number' ? numberText(value) : JSON.stringify(value);
}

const plain = /^[A-Za-z_/][\w./-]*( [\w./-]+)*$/;
/** Words that one version of YAML or the other takes for something else than text. */
const words = /^(true|false|null|yes|no|on|off|y|n)$/i;

/** Text, in quotes where it could be taken for anything else; always on one line. */
export function yamlText(text: string): string {
  return plain.test(text) && !words.test(text) ? text : quotedText(text);
}

/** Printable, so that nothing in it ends a line or is dropped by a reader. */
const quotedText = (text: string): string =>
  JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]|\p{Bidi_Control}/gu,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
