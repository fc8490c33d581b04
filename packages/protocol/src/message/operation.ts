import { z } from 'zod';
import type { JsonObject, JsonValue } from '../json.ts';
import type { Pointer } from '../pointer.ts';
import { jsonObject, name, pointer, time, version } from './fields.ts';
import { type LayerName, layerNames } from './read-results.ts';

/**
 * What can be asked of an authority.
 * @see docs/protocol.md#5-request-and-result
 */
export type Operation = Rewrite | BookmarkOperation | ReadOperation | StoreOperation;

/** Asks for another document of one service. */
export type Rewrite =
  /** JSON Merge Patch (RFC 7396) of the runtime layer; null removes the runtime value, so that the lower layers show again. */
  | { readonly op: 'merge'; readonly patch: JsonObject }
  /** JSON Patch (RFC 6902) of the effective document. */
  | { readonly op: 'patch'; readonly patch: readonly PatchOperation[] }
  /** The effective document becomes this; schema defaults fill what it leaves out. */
  | { readonly op: 'replace'; readonly values: JsonObject }
  /** The same with the text of an export: the mask in it keeps the present secret. */
  | { readonly op: 'import'; readonly text: string; readonly format: 'yaml' | 'json' }
  /** A new version with the content of an old one, named by number or tag; with `pointers` only of these places. */
  | {
      readonly op: 'rollback';
      readonly toVersion?: number;
      readonly toTag?: string;
      readonly pointers?: readonly Pointer[];
    }
  | { readonly op: 'delete' }
  /**
   * Checked and not stored: a merge, or a whole document as a file would have it. With `fix` a refusal proposes a
   * patch; with `fix: "clamp"` also one that pulls numbers into their bounds.
   */
  | {
      readonly op: 'validate';
      readonly patch?: JsonObject;
      readonly values?: JsonObject;
      readonly fix?: boolean | 'clamp';
    }
  /** The draft becomes the document, where nobody has changed the same places since it was begun. */
  | { readonly op: 'draft_publish'; readonly draft: string };

/** Changes a bookmark: names a version, or saves a draft. Nothing is published. */
export type BookmarkOperation =
  /** The present version, or `toVersion`. The same name again moves the tag. */
  | { readonly op: 'tag'; readonly tag: string; readonly toVersion?: number }
  | { readonly op: 'untag'; readonly tag: string }
  /** Merges into the draft; one that is not there begins with the present document. */
  | { readonly op: 'draft_save'; readonly draft: string; readonly patch: JsonObject }
  | { readonly op: 'draft_drop'; readonly draft: string };

/** Reads one service. */
export type ReadOperation =
  /** The versions, newest first. */
  | ({ readonly op: 'log' } & HistoryFilter)
  /** What differs between two sides; secrets are masked. */
  | { readonly op: 'diff'; readonly from: Side; readonly to: Side }
  /** One version; the present one where none is named. */
  | ({ readonly op: 'show' } & Moment)
  /** Where the value at `pointer`, and each in it, comes from. */
  | ({ readonly op: 'explain'; readonly pointer?: Pointer } & Moment)
  /** Who last changed the value at `pointer`, and each in it. */
  | { readonly op: 'blame'; readonly pointer?: Pointer }
  | { readonly op: 'tags' }
  | { readonly op: 'drafts' }
  | { readonly op: 'export'; readonly format: ExportFormat }
  | { readonly op: 'schema' }
  /** What another schema, with what it renames, would make of the document. */
  | { readonly op: 'preview_schema'; readonly schema: JsonObject };

/** Concerns every service; addressed to the authority's own name. */
export type StoreOperation =
  /** Remembers the present version of every service under a name. */
  | { readonly op: 'profile_save'; readonly profile: string }
  /** Every service of the profile goes back to its version in it, all or none. */
  | { readonly op: 'profile_activate'; readonly profile: string }
  | { readonly op: 'profile_drop'; readonly profile: string }
  | { readonly op: 'profiles' }
  /** The versions of all services, newest first. */
  | ({ readonly op: 'history'; readonly of?: string } & HistoryFilter)
  /** Settings whose place, value or description holds this text. */
  | { readonly op: 'search'; readonly text: string; readonly limit?: number }
  /** What runs where, by name; at most `limit`, 100 where it is left out, after the one of this name. */
  | { readonly op: 'instances'; readonly of?: string; readonly limit?: number; readonly after?: string }
  /** Verifies every chain of versions. */
  | { readonly op: 'fsck' }
  /** Writes the store into a file of its own beside it, while it is in use. */
  | { readonly op: 'backup' };

export interface HistoryFilter {
  /** At most this many; 50 where it is left out. */
  readonly limit?: number;
  /** Versions before this one; for `history`, commits before this number. */
  readonly before?: number;
  /** Versions that this author made. */
  readonly by?: string;
  /** RFC 3339. */
  readonly since?: string;
  /** Versions that changed this place, something in it, or something around it. */
  readonly pointer?: Pointer;
}

/** A version by its number or tag, or the one that was in force at a moment (RFC 3339); neither: the present. */
export interface Moment {
  readonly version?: number;
  readonly tag?: string;
  readonly at?: string;
}

/** One side of a difference: a version by its number, or one of these. */
export type Side =
  | number
  | 'present'
  | { readonly tag: string }
  /** The present values of one layer alone. */
  | { readonly layer: LayerName }
  /** The present document of another service. */
  | { readonly service: string }
  | { readonly draft: string }
  /** A given document, for example from a file. */
  | { readonly values: JsonObject };

export const exportFormats = ['yaml', 'json', 'kubernetes', 'compose', 'dotenv', 'tfvars'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: Pointer; readonly value: JsonValue }
  | { readonly op: 'remove'; readonly path: Pointer }
  | { readonly op: 'move' | 'copy'; readonly from: Pointer; readonly path: Pointer };

const jsonValue = z.custom<JsonValue>((value) => value !== undefined, { error: 'must be present' });

export const patchOperation: z.ZodType<PatchOperation> = z.discriminatedUnion('op', [
  z.object({ op: z.enum(['add', 'replace', 'test']), path: pointer, value: jsonValue }),
  z.object({ op: z.literal('remove'), path: pointer }),
  z.object({ op: z.enum(['move', 'copy']), from: pointer, path: pointer }),
]);

export const maxLogEntries = 500;
/** Tags, drafts and profiles: a name that may hold dots. */
const labelPattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const label = z.string().regex(labelPattern, 'must be 1 to 63 of a–z, 0–9, ".", "_", "-"');
/** Whether a text can name a tag, a draft or a profile. */
export const isLabel = (text: string): boolean => labelPattern.test(text);
const limit = z.int().min(1).max(maxLogEntries);

const filter = {
  limit: limit.exactOptional(),
  before: version.exactOptional(),
  by: z.string().min(1).max(200).exactOptional(),
  since: time.exactOptional(),
  pointer: pointer.exactOptional(),
};

const moment = { version: version.exactOptional(), tag: label.exactOptional(), at: time.exactOptional() };

const side = z.union([
  version,
  z.literal('present'),
  z.strictObject({ tag: label }),
  z.strictObject({ layer: z.enum(layerNames) }),
  z.strictObject({ service: name }),
  z.strictObject({ draft: label }),
  z.strictObject({ values: jsonObject }),
]);

/** The members of one operation besides those that all requests have. */
export interface OperationShape {
  readonly op: z.ZodLiteral<Operation['op']>;
  readonly [member: string]: z.ZodType;
}

export const operationShapes: readonly OperationShape[] = [
  { op: z.literal('merge'), patch: jsonObject },
  { op: z.literal('patch'), patch: z.array(patchOperation).max(1000) },
  { op: z.literal('replace'), values: jsonObject },
  { op: z.literal('import'), text: z.string(), format: z.enum(['yaml', 'json']) },
  {
    op: z.literal('rollback'),
    toVersion: version.exactOptional(),
    toTag: label.exactOptional(),
    pointers: z.array(pointer).min(1).max(1000).exactOptional(),
  },
  { op: z.literal('delete') },
  {
    op: z.literal('validate'),
    patch: jsonObject.exactOptional(),
    values: jsonObject.exactOptional(),
    fix: z.union([z.boolean(), z.literal('clamp')]).exactOptional(),
  },
  { op: z.literal('draft_publish'), draft: label },
  { op: z.literal('tag'), tag: label, toVersion: version.exactOptional() },
  { op: z.literal('untag'), tag: label },
  { op: z.literal('draft_save'), draft: label, patch: jsonObject },
  { op: z.literal('draft_drop'), draft: label },
  { op: z.literal('log'), ...filter },
  { op: z.literal('diff'), from: side, to: side },
  { op: z.literal('show'), ...moment },
  { op: z.literal('explain'), pointer: pointer.exactOptional(), ...moment },
  { op: z.literal('blame'), pointer: pointer.exactOptional() },
  { op: z.literal('tags') },
  { op: z.literal('drafts') },
  { op: z.literal('export'), format: z.enum(exportFormats) },
  { op: z.literal('schema') },
  { op: z.literal('preview_schema'), schema: jsonObject },
  { op: z.literal('profile_save'), profile: label },
  { op: z.literal('profile_activate'), profile: label },
  { op: z.literal('profile_drop'), profile: label },
  { op: z.literal('profiles') },
  { op: z.literal('history'), of: name.exactOptional(), ...filter },
  {
    op: z.literal('search'),
    text: z.string().min(1, 'must not be empty').max(200, 'must have at most 200 characters'),
    limit: limit.exactOptional(),
  },
  {
    op: z.literal('instances'),
    of: name.exactOptional(),
    limit: limit.exactOptional(),
    after: name.exactOptional(),
  },
  { op: z.literal('fsck') },
  { op: z.literal('backup') },
];

/** Members of an operation that exclude one another; with `isNeeded` one of them must be there. */
export const choices: Readonly<Record<string, { readonly names: readonly string[]; readonly isNeeded: boolean }>> = {
  rollback: { names: ['toVersion', 'toTag'], isNeeded: true },
  validate: { names: ['patch', 'values'], isNeeded: true },
  show: { names: ['version', 'tag', 'at'], isNeeded: false },
  explain: { names: ['version', 'tag', 'at'], isNeeded: false },
};

/** Returns what the shapes can't express; undefined for a valid operation. */
export function findContradiction(operation: Readonly<Record<string, unknown>>): string | undefined {
  const choice = choices[String(operation.op)];
  if (!choice) return undefined;
  const { names, isNeeded } = choice;
  const count = names.filter((name) => operation[name] !== undefined).length;
  if (count === 1 || (count === 0 && !isNeeded)) return undefined;
  return `must have ${isNeeded ? 'exactly' : 'at most'} one of ${names.join(', ')}`;
}

const storeOperations: ReadonlySet<string> = new Set<StoreOperation['op']>([
  'profile_save',
  'profile_activate',
  'profile_drop',
  'profiles',
  'history',
  'search',
  'instances',
  'fsck',
  'backup',
]);

/** Whether the operation concerns every service and is addressed to the authority itself. */
export const isStoreOperation = <T extends { readonly op: string }>(
  operation: T,
): operation is T & { readonly op: StoreOperation['op'] } => storeOperations.has(operation.op);

const readOperations: ReadonlySet<string> = new Set<Operation['op']>([
  'log',
  'diff',
  'show',
  'explain',
  'blame',
  'tags',
  'drafts',
  'export',
  'schema',
  'preview_schema',
  'profiles',
  'history',
  'search',
  'instances',
  'fsck',
]);

/** Whether the operation only reads. */
export const isReadOperation = ({ op }: { readonly op: string }): boolean => readOperations.has(op);
