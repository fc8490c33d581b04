import { isEqualJson, type JsonObject, type JsonValue, parsePointer, SetpointError } from '@setpoint/protocol';
import { type Document, isMap, isNode, isScalar, type Pair, parseDocument, stringify, type YAMLMap } from 'yaml';
import { type Setting, writeSettings } from './overrides.ts';

/**
 * Writes settings into the text of a YAML file. What they do not touch stays as it is, with its comments and its order; a
 * value of undefined removes the setting.
 * @throws SetpointError `document_invalid` for a text that is not YAML, or an alias in the way
 * @example
 * editYaml('threshold: 0.5 # quiet room\n', [{ pointer: '/threshold', value: 0.7 }]);
 * // 'threshold: 0.7 # quiet room\n'
 */
export function editYaml(text: string, settings: readonly Setting[]): string {
  return settings.reduce(editOne, text);
}

const parseOptions = { merge: true, prettyErrors: false, stringKeys: true, uniqueKeys: false, version: '1.2' } as const;

function parse(text: string): { readonly parsed: Document; readonly document: JsonObject } {
  const parsed = parseDocument(text, parseOptions);
  if (parsed.errors.length > 0 || (parsed.contents !== null && !isMap(parsed.contents) && !isEmpty(parsed.contents))) {
    throw new SetpointError('document_invalid', 'the file is not a mapping of settings in YAML; mend it first');
  }
  return { parsed, document: (parsed.toJS() ?? {}) as JsonObject };
}

const isEmpty = (node: unknown): boolean => isScalar(node) && node.value === null;

function editOne(text: string, setting: Setting): string {
  const { parsed, document } = parse(text);
  const wanted = writeSettings(document, [setting]);
  if (isEqualJson(document, wanted)) return text;
  // Only what is to change is written anew. Where that can't be done in place, the whole text is, from its tree.
  for (const edit of [spliceSetting, rewriteTree]) {
    const edited = edit(text, parsed, setting);
    if (edited !== undefined && isEqualJson(tryRead(edited), wanted)) return edited;
  }
  throw new SetpointError(
    'document_invalid',
    `${setting.pointer} can't be written into this file: an alias or a merge is in the way; edit it by hand`,
  );
}

function tryRead(text: string): JsonValue | undefined {
  try {
    return parse(text).document;
  } catch {
    return undefined;
  }
}

function rewriteTree(_: string, parsed: Document, { pointer, value }: Setting): string | undefined {
  const path = parsePointer(pointer);
  try {
    if (value === undefined) parsed.deleteIn(path);
    else setIn(parsed, path, value);
    return parsed.toString({ lineWidth: 0 });
  } catch {
    return undefined;
  }
}

/** What is in the way and no section becomes one. */
function setIn(parsed: Document, path: readonly string[], value: JsonValue): void {
  const depth = path.findIndex((_, i) => i > 0 && !isMap(parsed.getIn(path.slice(0, i), true)));
  const at = depth < 0 ? path : path.slice(0, depth);
  if (!isMap(parsed.contents)) parsed.contents = parsed.createNode(nest(path, value)) as typeof parsed.contents;
  else parsed.setIn(at, parsed.createNode(depth < 0 ? value : nest(path.slice(depth), value)));
}

/** Follows the way to a setting as far as the text has it, and writes or takes away there. */
function spliceSetting(text: string, parsed: Document, { pointer, value }: Setting): string | undefined {
  const path = parsePointer(pointer);
  let map = parsed.contents;
  for (const [depth, name] of path.entries()) {
    if (!isMap(map) || map.flow) return undefined;
    const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === name);
    if (!pair) return value === undefined ? undefined : appendMember(text, map, nest(path.slice(depth), value));
    const isLast = depth === path.length - 1;
    if (isLast) return value === undefined ? removeMember(text, map, pair) : replaceValue(text, pair, value);
    map = pair.value as typeof map;
  }
  return undefined;
}

const nest = (path: readonly string[], value: JsonValue): JsonObject =>
  path.reduceRight<JsonValue>((inner, name) => ({ [name]: inner }), value) as JsonObject;

/** A scalar in the place of a scalar: the rest of its line stays, with its comment. */
function replaceValue(text: string, { value: node }: Pair, value: JsonValue): string | undefined {
  const range = isNode(node) ? node.range : undefined;
  const isPlainScalar = isScalar(node) && !node.anchor && !node.tag && !/^BLOCK/.test(node.type ?? '');
  if (!range || !isPlainScalar || range[0] === range[1]) return undefined;
  const written = writeInLine(value);
  return written.includes('\n') ? undefined : text.slice(0, range[0]) + written + text.slice(range[1]);
}

const writeInLine = (value: JsonValue): string =>
  typeof value === 'object' && value !== null
    ? JSON.stringify(value)
    : stringify(value, { lineWidth: 0, version: '1.2', blockQuote: false }).trimEnd();

/** After the last line of the section, indented as its members are. */
function appendMember(text: string, map: YAMLMap, member: JsonObject): string | undefined {
  const [first, last] = [map.items[0], map.items.at(-1)];
  const start = isNode(first?.key) ? first.key.range?.[0] : undefined;
  if (start === undefined || !last) return undefined;
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const indent = text.slice(lineStart, start);
  if (!/^ *$/.test(indent)) return undefined;
  const end = endOfLine(text, endOf(last) ?? start);
  const lines = stringify(member, { lineWidth: 0, version: '1.2' }).trimEnd().split('\n');
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const written = lines.map((line) => (line === '' ? line : indent + line)).join(eol);
  const isEnded = end > 0 && text[end - 1] === '\n';
  return `${text.slice(0, end)}${isEnded ? '' : eol}${written}${eol}${text.slice(end)}`;
}

/** The lines of the member; not where it is the only one: nothing would be left of its section. */
function removeMember(text: string, map: YAMLMap, pair: Pair): string | undefined {
  const start = isNode(pair.key) ? pair.key.range?.[0] : undefined;
  const end = endOf(pair);
  if (map.items.length === 1 || start === undefined || end === undefined) return undefined;
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  if (!/^ *$/.test(text.slice(lineStart, start))) return undefined;
  return text.slice(0, lineStart) + text.slice(endOfLine(text, end));
}

/** Where the value of a member ends, without the comments and blank lines after it. */
function endOf({ key, value }: Pair): number | undefined {
  if (isMap(value) && !value.flow) {
    const last = value.items.at(-1);
    if (last) return endOf(last);
  }
  if (isNode(value) && value.range) return lastContent(value, value.range[1]);
  return isNode(key) ? key.range?.[1] : undefined;
}

function lastContent(node: unknown, end: number): number {
  const items = (node as { items?: readonly unknown[]; flow?: boolean }).items;
  if (!items || (node as { flow?: boolean }).flow) return end;
  const last = items.at(-1);
  if (isMap(last) && !last.flow) {
    const pair = last.items.at(-1);
    return (pair && endOf(pair)) ?? end;
  }
  return isNode(last) && last.range ? lastContent(last, last.range[1]) : end;
}

/** Just past the line end at or after a place; a place at the start of a line ends the line before. */
function endOfLine(text: string, from: number): number {
  if (from > 0 && text[from - 1] === '\n') return from;
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end + 1;
}
