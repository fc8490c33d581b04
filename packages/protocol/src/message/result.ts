import { z } from 'zod';
import type { Digest } from '../digest.ts';
import type { JsonValue } from '../json.ts';
import type { Pointer } from '../pointer.ts';
import type { Fault, Problem } from '../problem.ts';
import { count, digest, fault, name, pointer, problem, version } from './fields.ts';
import { type PatchOperation, patchOperation } from './operation.ts';
import { createFoundSchema, type Difference, type Found } from './read-results.ts';

/** What every result says. */
export interface ResultBase {
  readonly service: string;
  readonly epoch: number;
  /** The version of the service after the request; 0 when it does not exist. */
  readonly version: number;
  readonly digest?: Digest;
  readonly changed: readonly Pointer[];
  /** The settings of `changed` that take effect only after a restart. */
  readonly restartRequired: readonly Pointer[];
  readonly warnings: readonly Fault[];
}

/** The change is durable, or the service already was as asked for. */
export interface AppliedResult extends ResultBase {
  readonly status: 'applied' | 'unchanged';
  /** For changes of tags, drafts and profiles: what was changed. */
  readonly found?: Found;
  /** With `profile_activate`: the version of each service after it. */
  readonly services?: Readonly<Record<string, number>>;
}

/** A `validate` that the authority would accept as a change. Nothing was changed. */
export interface ValidResult extends ResultBase {
  readonly status: 'valid';
}

/** What a read found: `log` for `log` and `history`, `diff` for `diff`, `found` for all others, both `log` and `found` for `show`. */
export interface FoundResult extends ResultBase {
  readonly status: 'found';
  /** Newest first. */
  readonly log?: readonly LogEntry[];
  /** Secrets are masked. */
  readonly diff?: readonly Difference[];
  readonly found?: Found;
}

/** The request was refused: `rejected` because of its content, `denied` because the operator may not do it. */
export interface RefusedResult extends ResultBase {
  readonly status: 'rejected' | 'denied';
  /** Why it was refused. */
  readonly problem: Problem;
  /** With `validate` and `fix`: a proposed change that mends the faults. Nothing was changed. */
  readonly fix?: Fix;
}

/** The service is at another version than expected; or a notice that somebody overwrote a change. */
export interface ConflictResult extends ResultBase {
  readonly status: 'conflict';
  readonly problem: Problem;
  /** In a notice: yours before, theirs after. Secrets are masked. */
  readonly diff?: readonly Difference[];
  /** In a notice: the operator who overwrote the change. */
  readonly overwrittenBy?: string;
}

/** The request was carried out before. */
export interface DuplicateResult extends ResultBase {
  readonly status: 'duplicate';
  /** The first result. */
  readonly original: Result;
}

/**
 * The result of a request, told apart by its `status`. Members of another status are there as `undefined`, so that
 * `result.problem?.code` can be read before the status is known.
 * @see docs/protocol.md#5-request-and-result
 */
export type Result =
  | Only<AppliedResult>
  | Only<ValidResult>
  | Only<FoundResult>
  | Only<RefusedResult>
  | Only<ConflictResult>
  | Only<DuplicateResult>;

/** A result of one status, or of several. */
export type ResultWith<Status extends ResultStatus> = WithStatus<Result, Status>;
type WithStatus<Each extends Result, Status> = Each extends { readonly status: Status }
  ? Each
  : Status extends Each['status']
    ? Each & { readonly status: Status }
    : never;

type AnyResult = AppliedResult | ValidResult | FoundResult | RefusedResult | ConflictResult | DuplicateResult;
type Members<Each> = Each extends unknown ? keyof Each : never;
type Only<Each extends AnyResult> = Each & { readonly [Member in Exclude<Members<AnyResult>, keyof Each>]?: never };

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

const baseMembers = {
  service: name,
  epoch: version,
  version: count,
  digest: digest.exactOptional(),
  changed: z.array(pointer),
  restartRequired: z.array(pointer),
  warnings: z.array(fault),
};

const log: z.ZodType<readonly LogEntry[]> = z.array(
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
);

const diff: z.ZodType<readonly Difference[]> = z.array(
  z.object({ pointer, before: jsonValue.exactOptional(), after: jsonValue.exactOptional() }),
);

const fix: z.ZodType<Fix> = z.object({
  patch: z.array(patchOperation),
  complete: z.boolean(),
  remaining: z.array(fault),
});

/** The content of `found`. Built when the first result with it is read: services never read one. */
export const foundContent: z.ZodType<Found> = z.lazy(createFoundSchema);

const nothing = z.never().exactOptional();
/** The members that only some statuses have. Each variant below opens those of its own. */
const closedMembers = {
  found: nothing,
  services: nothing,
  log: nothing,
  diff: nothing,
  problem: nothing,
  fix: nothing,
  overwrittenBy: nothing,
  original: nothing,
};

/** One variant for each interface above. That its output is a `Result` is checked by the compiler. */
export const resultSchema: z.ZodType<Result> = z.discriminatedUnion('status', [
  z.object({
    ...baseMembers,
    ...closedMembers,
    status: z.enum(['applied', 'unchanged']),
    found: foundContent.exactOptional(),
    services: z.record(name, version).exactOptional(),
  }),
  z.object({ ...baseMembers, ...closedMembers, status: z.literal('valid') }),
  z.object({
    ...baseMembers,
    ...closedMembers,
    status: z.literal('found'),
    log: log.exactOptional(),
    diff: diff.exactOptional(),
    found: foundContent.exactOptional(),
  }),
  z.object({
    ...baseMembers,
    ...closedMembers,
    status: z.enum(['rejected', 'denied']),
    problem,
    fix: fix.exactOptional(),
  }),
  z.object({
    ...baseMembers,
    ...closedMembers,
    status: z.literal('conflict'),
    problem,
    diff: diff.exactOptional(),
    overwrittenBy: z.string().exactOptional(),
  }),
  z.object({
    ...baseMembers,
    ...closedMembers,
    status: z.literal('duplicate'),
    get original(): z.ZodType<Result> {
      return resultSchema;
    },
  }),
]);
