import {
  type Fault,
  isEqualJson,
  isWithin,
  type JsonValue,
  maxDepth,
  type PatchOperation,
  type Pointer,
  parsePointer,
} from '@setpoint/protocol';

export interface Patched {
  /** Undefined where the whole document was removed. */
  readonly document: JsonValue | undefined;
  readonly faults: readonly Fault[];
}

/**
 * Applies a JSON Patch (RFC 6902) to a copy. An operation that can't be done is reported and passed over, so that all
 * faults are known at once. `maxCopyBytes` bounds what `copy` adds: a few copies of the whole document into itself would
 * fill the memory. At the first copy past it the patch ends.
 */
export function applyJsonPatch(
  document: JsonValue,
  patch: readonly PatchOperation[],
  { maxCopyBytes }: { readonly maxCopyBytes: number },
): Patched {
  const holder = { document: structuredClone(document) };
  const faults: Fault[] = [];
  let roomBytes = maxCopyBytes;
  for (const [i, operation] of structuredClone(patch).entries()) {
    const report = (why: string): void => {
      faults.push({ pointer: operation.path, message: `operation ${i} (${operation.op}) can't be done: ${why}` });
    };
    if (operation.op === 'copy') {
      roomBytes -= sizeUpTo(read(find(holder, operation.from)) ?? null, roomBytes);
      if (roomBytes < 0) {
        report('it copies more than a document may hold; what follows was not tried');
        break;
      }
    }
    const wrong = applyOperation(holder, operation);
    if (wrong !== undefined) report(wrong);
  }
  return { document: holder.document, faults };
}

/** About the bytes of a value as JSON; looks no further once they are more than `limit`. */
function sizeUpTo(value: JsonValue, limit: number): number {
  let size = 0;
  const waiting: JsonValue[] = [value];
  while (waiting.length > 0 && size <= limit) {
    const next = waiting.pop() as JsonValue;
    if (typeof next === 'string') size += next.length + 3;
    else if (typeof next !== 'object' || next === null) size += 6;
    else {
      size += 2;
      // A list of a million items is not spread onto the stack at once.
      if (Array.isArray(next)) for (const item of next) waiting.push(item);
      else {
        for (const [name, member] of Object.entries(next)) {
          size += name.length + 4;
          waiting.push(member);
        }
      }
    }
  }
  return size;
}

interface Holder {
  document: JsonValue;
}

type Container = Record<string, JsonValue> | JsonValue[];

/** The place of a member or an item, whether or not something is there. */
interface Spot {
  readonly parent: Container;
  readonly key: string;
}

const nowhere = 'there is no such place';

/** Undefined where nothing can stand at `pointer`. */
function find(holder: Holder, pointer: Pointer): Spot | undefined {
  const tokens = parsePointer(pointer);
  if (tokens.length > maxDepth || tokens.includes('__proto__')) return undefined;
  // A holder is an object with the one member `document`; the type of a container allows any name.
  let spot: Spot = { parent: holder as unknown as Container, key: 'document' };
  for (const key of tokens) {
    const parent = read(spot);
    if (typeof parent !== 'object' || parent === null) return undefined;
    spot = { parent: parent as Container, key };
  }
  return spot;
}

function read(spot: Spot | undefined): JsonValue | undefined {
  if (!spot) return undefined;
  const { parent, key } = spot;
  if (Array.isArray(parent)) return isIndex(key) ? parent[Number(key)] : undefined;
  return Object.hasOwn(parent, key) ? parent[key] : undefined;
}

const isIndex = (key: string): boolean => /^(0|[1-9]\d*)$/.test(key);

/** Returns why the operation can't be done, or undefined. */
function applyOperation(holder: Holder, operation: PatchOperation): string | undefined {
  const spot = find(holder, operation.path);
  const present = read(spot);
  if (!spot) return nowhere;
  switch (operation.op) {
    case 'add':
      return add(spot, operation.value);
    case 'remove':
      return present === undefined ? nowhere : remove(spot);
    case 'replace':
      return present === undefined ? nowhere : put(spot, operation.value);
    case 'test':
      return isEqualJson(present, operation.value) ? undefined : 'another value is there';
    case 'copy': {
      const value = read(find(holder, operation.from));
      return value === undefined ? 'there is nothing to copy' : add(spot, structuredClone(value));
    }
    case 'move':
      return move(holder, operation);
  }
}

function move(holder: Holder, { from, path }: { from: Pointer; path: Pointer }): string | undefined {
  const source = find(holder, from);
  const value = read(source);
  if (!source || value === undefined) return 'there is nothing to move';
  if (from === path) return undefined;
  if (isWithin(path, from)) return "it can't be moved into itself";
  remove(source);
  // The place is looked for again: with the value gone, the items after it have moved up.
  const target = find(holder, path);
  return target ? add(target, value) : nowhere;
}

function add({ parent, key }: Spot, value: JsonValue): string | undefined {
  if (!Array.isArray(parent)) return put({ parent, key }, value);
  const index = key === '-' ? parent.length : Number(key);
  if ((key !== '-' && !isIndex(key)) || index > parent.length) return 'it is not a place in the list';
  parent.splice(index, 0, value);
  return undefined;
}

function put({ parent, key }: Spot, value: JsonValue): undefined {
  (parent as Record<string, JsonValue>)[key] = value;
}

function remove({ parent, key }: Spot): undefined {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
}
