import {
  formatPointer,
  isEqualJson,
  isJsonObject,
  isWithin,
  type JsonObject,
  type JsonValue,
  type Pointer,
  parsePointer,
  SetpointError,
} from '@setpoint/protocol';
import { readSetting, type Setting, writeSettings } from '../layer/overrides.ts';

/** A setting that has another place now; `*` stands for any one name, in both or in neither. */
export interface Rename {
  readonly from: Pointer;
  readonly to: Pointer;
}

/** Makes a document of the present schema from one that may still be of an older one. */
export type Migrate = (document: JsonObject) => JsonObject;

/** How documents of an older schema become documents of the present one. */
export interface Migration {
  /** Moves what stands under old names. */
  rename(document: JsonObject): Migrated;
  /** What the schema's own function makes of a document after that. */
  convert(document: JsonObject): JsonObject;
}

export interface Migrated {
  /** With its identity where nothing in it is old. */
  readonly document: JsonObject;
  /** The old places that it used, each with its new one. */
  readonly renamed: readonly Rename[];
}

/**
 * What a schema says of older documents: `x-renames` at its root, and a function besides, which is called after.
 * @throws SetpointError `document_invalid` for renames that can't be followed
 */
export function createMigration(schema: JsonObject, migrate: Migrate | undefined): Migration | undefined {
  const renames = readRenames(schema['x-renames']);
  if (renames.length === 0 && !migrate) return undefined;
  return {
    rename: (document) => applyRenames(document, renames),
    convert: (document) => (migrate ? convert(document, migrate) : document),
  };
}

function readRenames(value: JsonValue | undefined): Rename[] {
  if (value === undefined) return [];
  // `isRename` has checked every item, which the type of a JSON list can't remember.
  if (Array.isArray(value) && value.every(isRename)) return value as unknown as Rename[];
  const detail = '"x-renames" must be a list of { "from": "/old", "to": "/new" } with the same number of "*" in both';
  throw new SetpointError('document_invalid', `not a schema that can be followed: ${detail}`);
}

function isRename(value: JsonValue): boolean {
  if (!isJsonObject(value)) return false;
  const { from, to } = value;
  if (typeof from !== 'string' || typeof to !== 'string' || from === '' || to === '') return false;
  const isPointer = (text: string): boolean => /^(\/([^~/]|~[01])*)+$/.test(text);
  return isPointer(from) && isPointer(to) && wildcards(from) === wildcards(to);
}

const wildcards = (pointer: Pointer): number => parsePointer(pointer).filter((token) => token === '*').length;

/** The function gets a copy of its own, and its identity is kept where it changes nothing. */
function convert(document: JsonObject, migrate: Migrate): JsonObject {
  const made: JsonValue = migrate(structuredClone(document));
  if (isJsonObject(made)) return isEqualJson(made, document) ? document : made;
  throw new SetpointError('document_invalid', 'the migrate function of the schema gives back no document');
}

function applyRenames(document: JsonObject, renames: readonly Rename[]): Migrated {
  let here = document;
  const used: Rename[] = [];
  for (const rename of renames) {
    for (const { from, to } of findUses(here, rename)) {
      const value = readSetting(here, from);
      const isTaken = readSetting(here, to) !== undefined;
      // Where both stand, the new name counts.
      const settings: Setting[] = [{ pointer: from }, ...(isTaken ? [] : [{ pointer: to, value }])];
      here = writeSettings(here, settings);
      used.push({ from, to });
    }
  }
  return { document: here, renamed: used };
}

/** The places of a document that a rename speaks of, without wildcards. */
function findUses(document: JsonObject, { from, to }: Rename): Rename[] {
  const found: Rename[] = [];
  const walk = (value: JsonValue | undefined, rest: readonly string[], path: string[], names: string[]): void => {
    const [token, ...more] = rest;
    if (value === undefined) return;
    if (token === undefined) {
      found.push({ from: formatPointer(path), to: fillIn(to, names) });
    } else if (isJsonObject(value)) {
      const keys = token === '*' ? Object.keys(value) : [token];
      for (const key of keys) {
        const member = Object.hasOwn(value, key) ? value[key] : undefined;
        walk(member, more, [...path, key], token === '*' ? [...names, key] : names);
      }
    }
  };
  walk(document, parsePointer(from), [], []);
  return found;
}

function fillIn(pattern: Pointer, names: readonly string[]): Pointer {
  let next = 0;
  const tokens = parsePointer(pattern).map((token) => (token === '*' ? (names[next++] ?? token) : token));
  return formatPointer(tokens);
}

/** Where what stands at a new place stood; the same place where it was not renamed. */
export function formerPlace(pointer: Pointer, renamed: readonly Rename[]): Pointer {
  const rename = renamed.findLast(({ to }) => isWithin(pointer, to));
  return rename ? `${rename.from}${pointer.slice(rename.to.length)}` : pointer;
}

/** Where what stood at an old place stands. */
export function presentPlace(pointer: Pointer, renamed: readonly Rename[]): Pointer {
  return renamed.reduce(
    (place, { from, to }) => (isWithin(place, from) ? `${to}${place.slice(from.length)}` : place),
    pointer,
  );
}
