import {
  type Fault,
  findUnsafeJson,
  isJsonObject,
  type JsonObject,
  type Pointer,
  parsePointer,
} from '@setpoint/protocol';
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';

/** A YAML or JSON file of this machine. */
export interface LocalDocument {
  readonly document: JsonObject;
  /** Where a setting stands, or the section it is missing from; undefined where neither is in the file. */
  lineOf(pointer: Pointer): number | undefined;
}

/** Reads the text of a file as the authority would. */
export function parseDocumentFile(text: string, file: string): LocalDocument | { readonly faults: readonly Fault[] } {
  const lines = new LineCounter();
  const parsed = parseDocument(text, {
    merge: true,
    prettyErrors: false,
    uniqueKeys: true,
    version: '1.2',
    lineCounter: lines,
  });
  const syntax = parsed.errors.map((error) => ({
    pointer: '',
    message: `is not valid YAML: ${error.message.split('\n')[0]}`,
    file,
    line: lines.linePos(error.pos[0]).line,
  }));
  if (syntax.length > 0) return { faults: syntax };
  const document = toPlain(parsed);
  const wrong = isJsonObject(document) ? findUnsafeJson(document) : 'must be a mapping of settings at the top';
  if (wrong !== undefined) return { faults: [{ pointer: '', message: wrong, file, line: 1 }] };
  return {
    document: document as JsonObject,
    lineOf: (pointer) => {
      const offset = findOffset(parsed, parsePointer(pointer));
      return offset === undefined ? undefined : lines.linePos(offset).line;
    },
  };
}

/** Undefined where aliases would multiply beyond reason. */
function toPlain(parsed: Document): unknown {
  try {
    return parsed.toJS({ maxAliasCount: 100 }) ?? {};
  } catch {
    return undefined;
  }
}

/** Where the deepest node on the way begins; for a member, its key. */
function findOffset(parsed: Document, tokens: readonly string[]): number | undefined {
  let node: unknown = parsed.contents;
  let offset: number | undefined;
  for (const token of tokens) {
    const child = childOf(node, token);
    if (!child) return offset;
    offset = child.offset ?? offset;
    node = child.node;
  }
  return offset;
}

function childOf(node: unknown, token: string): { node: unknown; offset: number | undefined } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === token);
    return pair && { node: pair.value, offset: startOf(pair.key) };
  }
  if (!isSeq(node)) return undefined;
  const item = node.items[Number(token)];
  return item === undefined ? undefined : { node: item, offset: startOf(item) };
}

const startOf = (node: unknown): number | undefined => (isNode(node) ? (node.range?.[0] ?? undefined) : undefined);
