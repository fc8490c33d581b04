import {
  type Fault,
  findUnsafeJson,
  isJsonObject,
  type JsonObject,
  type Pointer,
  parsePointer,
} from '@setpoint/protocol';
import { type Document, isCollection, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { Layer, Place } from './layer.ts';

export type ParsedFile =
  | { readonly kind: 'layer'; readonly layer: Layer }
  | { readonly kind: 'faults'; readonly faults: readonly Fault[] };

const parseOptions = { merge: true, prettyErrors: false, uniqueKeys: true, version: '1.2' } as const;

/**
 * Reads the text of a YAML (or JSON) file into a layer. `file` is how faults name it. An empty file is an empty
 * document. Nothing of the text is repeated in a fault: it may be a secret.
 */
export function parseYamlFile(text: string, file: string): ParsedFile {
  const lines = new LineCounter();
  const parsed = parseDocument(text, { ...parseOptions, lineCounter: lines });
  const syntax = parsed.errors.map((error) => ({
    pointer: '',
    message: `is not valid YAML: ${error.code.toLowerCase().replaceAll('_', ' ')}`,
    file,
    line: lines.linePos(error.pos[0]).line,
  }));
  if (syntax.length > 0) return { kind: 'faults', faults: syntax };

  const value = toPlain(parsed);
  const wrong = typeof value === 'string' ? value : findUnplain(value.document);
  if (wrong !== undefined) return { kind: 'faults', faults: [{ pointer: '', message: wrong, file, line: 1 }] };
  const { document } = value as { document: JsonObject };
  return { kind: 'layer', layer: { document, author: `file:${file}`, locate: createLocator(text, file) } };
}

function toPlain(parsed: Document): string | { document: unknown } {
  try {
    // Aliases that multiply into millions of nodes are refused by the library.
    return { document: parsed.toJS({ maxAliasCount: 100 }) ?? {} };
  } catch (cause) {
    return `can't be read: ${(cause as Error).message}`;
  }
}

function findUnplain(document: unknown): string | undefined {
  if (!isJsonObject(document)) return 'must be a mapping of settings at the top';
  const unsafe = findUnsafeJson(document);
  if (unsafe) return unsafe;
  return hasNoJson(document) ? 'holds a value that JSON has no word for (.nan, .inf or a tagged value)' : undefined;
}

function hasNoJson(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' || typeof value === 'undefined';
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return true;
  return Object.values(value).some(hasNoJson);
}

/** Lines are asked for rarely, so the text is parsed again then instead of keeping its tree in memory. */
function createLocator(text: string, file: string): (pointer: Pointer) => Place {
  return (pointer) => {
    const lines = new LineCounter();
    const parsed = parseDocument(text, { ...parseOptions, lineCounter: lines });
    const offset = findOffset(parsed, parsePointer(pointer));
    return { file, line: offset === undefined ? 1 : lines.linePos(offset).line };
  };
}

/** Where the deepest node on the way begins; for a member, its key. */
function findOffset(parsed: Document, tokens: readonly string[]): number | undefined {
  let node: unknown = parsed.contents;
  let offset = isNode(node) ? node.range?.[0] : undefined;
  for (const token of tokens) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === token);
      if (!pair) return offset;
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isCollection(node)) {
      node = node.items[Number(token)];
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    } else return offset;
  }
  return offset;
}
