import { z } from 'zod';
import type { JsonObject, JsonValue } from '../json.ts';
import type { Pointer } from '../pointer.ts';
import { count, jsonObject, name, note, pointer, time, version } from './fields.ts';

/**
 * What an operator asks for.
 * @see docs/protocol.md#5-request-and-result
 */
export type Request = RequestOptions & Operation;

export interface RequestOptions {
  readonly service: string;
  /** Compare-and-set: refused with `conflict` where the service is at another version. 0: it must not exist yet. */
  readonly expectedVersion?: number;
  readonly reason?: string;
  /** The operator. */
  readonly author: string;
  /** RFC 3339; later than this the request is refused. */
  readonly expiresAt?: string;
}

export type Operation =
  /** JSON Merge Patch (RFC 7396) of the runtime layer; null takes the runtime value away and uncovers what is beneath. */
  | { readonly op: 'merge'; readonly patch: JsonObject }
  /** JSON Patch (RFC 6902) of the effective document. */
  | { readonly op: 'patch'; readonly patch: readonly PatchOperation[] }
  /** The effective document becomes this; schema defaults fill what it leaves out. */
  | { readonly op: 'replace'; readonly values: JsonObject }
  /** A new version with the content of an old one. */
  | { readonly op: 'rollback'; readonly toVersion: number }
  | { readonly op: 'delete' }
  /** A merge that is checked and not stored. */
  | { readonly op: 'validate'; readonly patch: JsonObject }
  /** Reads the history, newest first. */
  | { readonly op: 'log'; readonly limit?: number; readonly before?: number }
  /** Reads what differs between two versions. */
  | { readonly op: 'diff'; readonly from: number; readonly to: number };

export type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: Pointer; readonly value: JsonValue }
  | { readonly op: 'remove'; readonly path: Pointer }
  | { readonly op: 'move' | 'copy'; readonly from: Pointer; readonly path: Pointer };

export const requestType = 'setpoint.request.v1';

const jsonValue = z.custom<JsonValue>((value) => value !== undefined, { error: 'must be present' });

const patchOperation = z.discriminatedUnion('op', [
  z.object({ op: z.enum(['add', 'replace', 'test']), path: pointer, value: jsonValue }),
  z.object({ op: z.literal('remove'), path: pointer }),
  z.object({ op: z.enum(['move', 'copy']), from: pointer, path: pointer }),
]);

const options = {
  service: name,
  expectedVersion: count.exactOptional(),
  reason: note.exactOptional(),
  author: name,
  expiresAt: time.exactOptional(),
};

export const maxLogEntries = 500;

export const requestSchema: z.ZodType<Request> = z.discriminatedUnion('op', [
  z.object({ op: z.literal('merge'), patch: jsonObject, ...options }),
  z.object({ op: z.literal('patch'), patch: z.array(patchOperation).max(1000), ...options }),
  z.object({ op: z.literal('replace'), values: jsonObject, ...options }),
  z.object({ op: z.literal('rollback'), toVersion: version, ...options }),
  z.object({ op: z.literal('delete'), ...options }),
  z.object({ op: z.literal('validate'), patch: jsonObject, ...options }),
  z.object({
    op: z.literal('log'),
    limit: z.int().min(1).max(maxLogEntries).exactOptional(),
    before: version.exactOptional(),
    ...options,
  }),
  z.object({ op: z.literal('diff'), from: version, to: version, ...options }),
]) as z.ZodType<Request>;
