import {
  formatPointer,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Operation,
  type PatchOperation,
  parsePointer,
} from '@setpoint/protocol';
import { CommandError } from '../exit-codes.ts';
import { type Assignment, toMergePatch } from './assignment.ts';

/** How to ask for a change. */
export interface ChangePlan {
  readonly operation: Operation;
  /** An item is named by its place in a list: the change is only right for the document it was read from. */
  readonly isBoundToDocument: boolean;
}

/**
 * Has the present document to be read first? A merge can't set null, which takes a value away, nor an item of a list;
 * whether a number in a pointer is such an item, only the document tells.
 */
export const needsDocument = (settings: readonly Assignment[]): boolean =>
  settings.some(({ pointer, value }) => value === null || parsePointer(pointer).some(isItemToken));

const isItemToken = (token: string): boolean => token === '-' || /^(0|[1-9]\d*)$/.test(token);

/**
 * A merge where it can say the change, else a patch of the present document.
 * @throws CommandError usage for an item that the list does not have
 */
export function planChange(settings: readonly Assignment[], document: JsonObject = {}): ChangePlan {
  const draft = structuredClone(document) as Draft;
  const steps = settings.map((setting) => write(draft, setting));
  const isBoundToDocument = steps.some(({ isItem }) => isItem);
  const isMerge = !isBoundToDocument && settings.every(({ value }) => value !== null);
  const operation: Operation = isMerge
    ? { op: 'merge', patch: toMergePatch(settings) }
    : { op: 'patch', patch: steps.map(({ operation: step }) => step) };
  return { operation, isBoundToDocument };
}

/** The present document, changed step by step. */
type Draft = { [key: string]: JsonValue };

interface Step {
  readonly operation: PatchOperation;
  readonly isItem: boolean;
}

/** Goes as far as the document does, makes the sections that are missing, and writes. */
function write(draft: Draft, { pointer, value }: Assignment): Step {
  const tokens = parsePointer(pointer);
  let here: JsonValue = draft;
  for (const [depth, token] of tokens.entries()) {
    const [path, rest] = [formatPointer(tokens.slice(0, depth + 1)), tokens.slice(depth + 1)];
    const next: JsonValue | undefined = Array.isArray(here)
      ? here[itemIndex(here, token, path)]
      : memberOf(here, token);
    if (rest.length > 0 && typeof next === 'object' && next !== null) {
      here = next;
      continue;
    }
    return put(here, token, path, wrap(rest, value));
  }
  throw new CommandError('usage', 'name a setting: the whole document can only be given as a JSON object');
}

const memberOf = (here: JsonValue, token: string): JsonValue | undefined =>
  isJsonObject(here) && Object.hasOwn(here, token) ? here[token] : undefined;

function put(here: JsonValue, token: string, path: string, value: JsonValue): Step {
  if (!Array.isArray(here)) {
    (here as Draft)[token] = value;
    return { operation: { op: 'add', path, value }, isItem: false };
  }
  const index = itemIndex(here, token, path);
  const op = index < here.length ? 'replace' : 'add';
  here[index] = value;
  return { operation: { op, path, value }, isItem: true };
}

/** "-" is the place after the last item. */
function itemIndex(list: readonly JsonValue[], token: string, path: string): number {
  const index = token === '-' ? list.length : Number(token);
  if (isItemToken(token) && index <= list.length) return index;
  const places = list.length === 0 ? 'is empty' : `has the items 0 to ${list.length - 1}`;
  throw new CommandError('usage', `${path} is no item: the list ${places}, and "-" appends`);
}

const wrap = (tokens: readonly string[], value: JsonValue): JsonValue =>
  tokens.reduceRight<JsonValue>((inner, token) => ({ [token]: inner }), value);
