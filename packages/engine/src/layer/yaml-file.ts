import { type Fault, findUnsafeJson, isJsonObject, type JsonObject, type JsonValue } from '@setpoint/protocol';
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  type Scalar,
  visit,
} from 'yaml';
import type { Layer, Place } from './layer.ts';
import { readPlainYaml } from './plain-yaml.ts';
import { documentOf, locateIn, type Placed, type PlacedScalar, type PlacedSection } from './source-positions.ts';

/** A file as it is written, with the place of everything in it. */
export type PlacedFile =
  | { readonly kind: 'file'; readonly root: PlacedSection; readonly document: JsonObject }
  | { readonly kind: 'faults'; readonly faults: readonly Fault[] };

export type ParsedFile =
  | { readonly kind: 'layer'; readonly layer: Layer }
  | { readonly kind: 'faults'; readonly faults: readonly Fault[] };

// Names are always text: 0049 stays 0049, and 1 and "1" are one name. The library would compare each name with each.
const parseOptions = {
  logLevel: 'error',
  merge: true,
  prettyErrors: false,
  stringKeys: true,
  uniqueKeys: false,
  version: '1.2',
} as const;

/**
 * Reads the text of a YAML or JSON file into a layer. Includes and variables are left as they are written.
 * @example
 * const parsed = parseYamlFile('threshold: 0.5\n', 'vad.yaml');
 * if (parsed.kind === 'layer') parsed.layer.locate('/threshold'); // { file: 'vad.yaml', line: 1 }
 */
export function parseYamlFile(text: string, file: string): ParsedFile {
  const parsed = parsePlaced(text, file);
  if (parsed.kind === 'faults') return parsed;
  const { root, document } = parsed;
  const locate: Layer['locate'] = (pointer) => locateIn(root, pointer);
  return { kind: 'layer', layer: { name: 'yaml_file', document, author: `file:${file}`, locate } };
}

/**
 * Reads the text of a YAML or JSON file, with the place of everything in it. `file` is how faults name it. An empty file is an
 * empty document. A fault repeats nothing of the text, which may be a secret.
 * @example
 * const parsed = parsePlaced('threshold: 0.5\n', 'vad.yaml');
 */
export function parsePlaced(text: string, file: string): PlacedFile {
  const root = text.length > manyLetters ? readPlainYaml(text, file) : undefined;
  const document = root && documentOf(root);
  return document && findUnsafeJson(document) === undefined
    ? { kind: 'file', root, document }
    : parseByLibrary(text, file);
}

/** From here on the library is so slow that the plain are read without it. */
const manyLetters = 65_536;

function parseByLibrary(text: string, file: string): PlacedFile {
  const lines = new LineCounter();
  const parsed = parseDocument(text, { ...parseOptions, lineCounter: lines });
  const isSchema = file.endsWith('.schema.json');
  const found = [...findSyntaxFaults(parsed), ...findUnplain(parsed, isSchema)];
  const unfolded = found.length > 0 ? undefined : unfold(parsed);
  const placeAt = (offset: number): Place => ({ file, line: lines.linePos(offset).line });
  if (unfolded && 'document' in unfolded) {
    const { document } = unfolded;
    const root = placeValue(document, parsed.contents, placeAt(offsetOf(parsed.contents) ?? 0), placeAt);
    return { kind: 'file', root: root as PlacedSection, document };
  }
  const faults = (unfolded ? [unfolded.wrong] : found).map(({ message, offset }) => ({
    pointer: '',
    message,
    file,
    line: lines.linePos(offset).line,
  }));
  return { kind: 'faults', faults };
}

const offsetOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);

/**
 * The value with the places of its nodes: a member stands where its name does. What came by an alias or a merge stands
 * where that does.
 */
function placeValue(value: JsonValue, node: unknown, place: Place, placeAt: (offset: number) => Place): Placed {
  const inner = (member: JsonValue, start: unknown, content: unknown): Placed => {
    const offset = offsetOf(start);
    return placeValue(member, content, offset === undefined ? place : placeAt(offset), placeAt);
  };
  if (Array.isArray(value)) {
    const items = isCollection(node) ? node.items : [];
    return { kind: 'list', place, items: value.map((item, i) => inner(item, items[i], items[i])) };
  }
  if (!isJsonObject(value)) return { kind: 'scalar', place, value: value as PlacedScalar['value'] };
  const pairs = new Map(isMap(node) ? node.items.map((pair) => [nameOf(pair.key), pair] as const) : []);
  const members = Object.entries(value).map(([name, member]) => {
    const pair = pairs.get(name);
    return [name, inner(member, pair?.key, pair?.value)] as const;
  });
  return { kind: 'section', place, members: new Map(members) };
}

const nameOf = (key: unknown): string => String(isScalar(key) ? key.value : key);

interface Wrong {
  readonly message: string;
  readonly offset: number;
}

/** Also what the library only warns of: an unknown tag would be dropped, and its value taken for what it is not. */
const findSyntaxFaults = ({ errors, warnings }: Document): Wrong[] =>
  [...errors, ...warnings].map(({ code, pos }) => ({
    message: `is not valid YAML: ${code.toLowerCase().replaceAll('_', ' ')}`,
    offset: pos[0],
  }));

function findUnplain(parsed: Document, isSchema: boolean): Wrong[] {
  const found: Wrong[] = [];
  const tell = (message: string, node: unknown): void => {
    found.push({ message, offset: (isNode(node) && node.range?.[0]) || 0 });
  };
  visit(parsed, {
    Map(_, { items }) {
      const names = new Set<unknown>();
      for (const { key } of items) {
        const name = isScalar(key) ? key.value : undefined;
        if (names.has(name) && name !== '<<') tell('is not valid YAML: duplicate key', key);
        if (name === '__proto__') tell('has a member named "__proto__"', key);
        names.add(name);
      }
    },
    Scalar(_, node) {
      if (isRounded(node) && !isSchema) {
        tell('holds a whole number past 2^53, which would be rounded; write it as text, in quotes', node);
      } else if (!isPlain(node.value)) {
        tell('holds a value that JSON has no word for (.nan, .inf, a number too large, a tagged value)', node);
      }
    },
  });
  return found;
}

const isPlain = (value: unknown): boolean =>
  value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value);

/** In a schema such a number is the limit of a type, and nobody's setting. */
const isRounded = ({ value, source }: Scalar): boolean =>
  typeof value === 'number' &&
  !Number.isSafeInteger(value) &&
  /^[-+]?\d+$|^0[xo]/.test(source ?? '') &&
  BigInt(source?.replace(/^[-+]/, '') ?? 0) !== BigInt(Math.abs(value));

/** Aliases put in place, unless they multiply, each of a few using the one before twice, into more than memory holds. */
function unfold(parsed: Document): { readonly document: JsonObject } | { readonly wrong: Wrong } {
  const offset = parsed.contents?.range?.[0] ?? 0;
  const wrong = (message: string) => ({ wrong: { message, offset } });
  try {
    if (countNodes(parsed) > maxNodes) return wrong('has aliases that unfold into too many values');
    const document = parsed.toJS({ maxAliasCount: -1 }) ?? {};
    if (!isJsonObject(document)) return wrong('must be a mapping of settings at the top');
    const unsafe = findUnsafeJson(document);
    if (unsafe) return wrong(unsafe);
    // Sets and the like, which are told by their tag, come out as objects of their own kind.
    return isOrdinary(document) ? { document } : wrong('holds a tagged value that JSON has no word for');
  } catch {
    return wrong("can't be read: an alias or a merge (<<) leads to no mapping that stands before it");
  }
}

const maxNodes = 500_000;

function countNodes(parsed: Document): number {
  const counts = new Map<unknown, number>();
  const count = (node: unknown): number => {
    if (isAlias(node)) return count(node.resolve(parsed));
    if (!isCollection(node)) return 1;
    const known = counts.get(node);
    if (known !== undefined) return known;
    // One that holds itself never ends.
    counts.set(node, Number.POSITIVE_INFINITY);
    const inner = node.items.map((item) => count(isPair(item) ? item.value : item));
    const sum = inner.reduce((total, one) => total + one, 1);
    counts.set(node, sum);
    return sum;
  };
  return count(parsed.contents);
}

const isOrdinary = (value: unknown): boolean =>
  typeof value !== 'object' ||
  value === null ||
  ((Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) &&
    Object.values(value).every(isOrdinary));
