import { z } from 'zod';
import type { Digest } from '../digest.ts';
import type { JsonValue } from '../json.ts';
import type { Pointer } from '../pointer.ts';
import type { Fault, Problem } from '../problem.ts';
import { count, digest, fault, jsonObject, name, pointer, problem, version } from './fields.ts';
import type { PatchOperation } from './operation.ts';
import type { Difference, Found } from './read-results.ts';

/**
 * The result of a request.
 * @see docs/protocol.md#5-request-and-result
 */
export interface Result {
  readonly status: ResultStatus;
  readonly service: string;
  readonly epoch: number;
  /** The version of the service after the request; 0 when it does not exist. */
  readonly version: number;
  readonly digest?: Digest;
  readonly changed: readonly Pointer[];
  /** The settings of `changed` that take effect only after a restart. */
  readonly restartRequired: readonly Pointer[];
  readonly warnings: readonly Fault[];
  /** Why it was refused. */
  readonly problem?: Problem;
  /** With `duplicate`: the first result. */
  readonly original?: Result;
  /** With `found`, for `log`: newest first. */
  readonly log?: readonly LogEntry[];
  /** With `found`, for `diff`; and with `conflict` as a notice: yours before, theirs after. Secrets are masked. */
  readonly diff?: readonly Difference[];
  /** With `found`: what was asked for. */
  readonly found?: Found;
  /** With `validate` and `fix`: a proposed change that mends the faults. Nothing was changed. */
  readonly fix?: Fix;
  /** With `profile_activate`: the version of each service after it. */
  readonly services?: Readonly<Record<string, number>>;
  /** In a conflict notice: the operator who overwrote the change. */
  readonly overwrittenBy?: string;
}

/** A proposed change of a document that is not valid. */
export interface Fix {
  /** JSON Patch (RFC 6902) of the validated document. Secrets in it are masked. */
  readonly patch: readonly PatchOperation[];
  /** The patched document is valid. */
  readonly complete: boolean;
  /** The faults that it does not mend. */
  readonly remaining: readonly Fault[];
}

export const resultStatuses = [
  'applied',
  'unchanged',
  'valid',
  'found',
  'rejected',
  'conflict',
  'denied',
  'duplicate',
] as const;
export type ResultStatus = (typeof resultStatuses)[number];

export interface LogEntry {
  /** With `history`. */
  readonly service?: string;
  /** With `history`: the number of the commit, to go on before it. */
  readonly commit?: number;
  readonly version: number;
  readonly digest: Digest;
  readonly committedAt: string;
  readonly author: string;
  readonly reason: string;
  readonly changed: readonly Pointer[];
  readonly deleted?: boolean;
}

export const resultType = 'setpoint.result.v1';

const jsonValue = z.custom<JsonValue>((value) => value !== undefined);

export const resultSchema: z.ZodType<Result> = z.object({
  status: z.enum(resultStatuses),
  service: name,
  epoch: version,
  version: count,
  digest: digest.exactOptional(),
  changed: z.array(pointer),
  restartRequired: z.array(pointer),
  warnings: z.array(fault),
  problem: problem.exactOptional(),
  get original() {
    return (resultSchema as z.ZodType<Result>).exactOptional();
  },
  log: z
    .array(
      z.object({
        service: name.exactOptional(),
        commit: count.exactOptional(),
        version,
        digest,
        committedAt: z.string(),
        author: z.string(),
        reason: z.string(),
        changed: z.array(pointer),
        deleted: z.boolean().exactOptional(),
      }),
    )
    .exactOptional(),
  diff: z
    .array(z.object({ pointer, before: jsonValue.exactOptional(), after: jsonValue.exactOptional() }))
    .exactOptional(),
  // Only shown to the requester, so its content is not validated here.
  found: jsonObject.exactOptional(),
  fix: z.object({ patch: z.array(jsonObject), complete: z.boolean(), remaining: z.array(fault) }).exactOptional(),
  services: z.record(name, version).exactOptional(),
  overwrittenBy: z.string().exactOptional(),
}) as unknown as z.ZodType<Result>;
