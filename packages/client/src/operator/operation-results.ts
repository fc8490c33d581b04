import {
  type Blame,
  type ChainFault,
  type Difference,
  type Digest,
  type DraftSummary,
  type Explanation,
  type Fault,
  type Fix,
  type Found,
  type JsonObject,
  type KnownInstance,
  type LogEntry,
  type Pointer,
  type Problem,
  type Profile,
  type Result,
  type SchemaPreview,
  type SearchHit,
  SetpointError,
  type Tag,
} from '@setpoint/protocol';

/** What every result says. */
export interface ResultBase {
  readonly service: string;
  readonly epoch: number;
  /** The version of the service after the operation; 0 when the service does not exist. */
  readonly version: number;
  readonly warnings: readonly Fault[];
}

/**
 * The authority refused: `rejected` because of the content, `conflict` because the service is at another version than
 * expected, `denied` because this operator may not do it. Nothing was changed.
 */
export interface Refused extends ResultBase {
  readonly status: 'rejected' | 'conflict' | 'denied';
  /** Why, with every fault. */
  readonly problem: Problem;
}

/** The service was changed, or already was as asked for. The change is durable. */
export interface Changed extends ResultBase {
  readonly status: 'applied' | 'unchanged';
  /** The digest of the document; left out for operations that make no version. */
  readonly digest?: Digest;
  readonly changed: readonly Pointer[];
  /** The changed settings that take effect only after a restart. */
  readonly restartRequired: readonly Pointer[];
}

/** The document would be accepted. Nothing was changed. */
export interface Valid extends ResultBase {
  readonly status: 'valid';
  readonly changed: readonly Pointer[];
  readonly restartRequired: readonly Pointer[];
}

/** What a read operation found. */
export type FoundResult<Content> = ResultBase & { readonly status: 'found' } & Content;

export type ChangeResult = Changed | Refused;
export type ValidateResult = Valid | (Refused & { /** A proposed change that mends the faults. */ readonly fix?: Fix });
export type TagResult = (Changed & { readonly tag?: Tag }) | Refused;
export type DraftResult = (Changed & { readonly draft?: DraftSummary }) | Refused;
export type ProfileResult = (Changed & { readonly profile?: Profile }) | Refused;
export type ActivateProfileResult =
  | (Changed & { /** The version of each service after it. */ readonly services: Readonly<Record<string, number>> })
  | Refused;

export type LogResult = FoundResult<{ /** Newest first. */ readonly log: readonly LogEntry[] }> | Refused;
export type DiffResult = FoundResult<{ readonly diff: readonly Difference[] }> | Refused;
export type ShowResult =
  | FoundResult<{
      /** Secrets are masked. */
      readonly document: JsonObject;
      readonly secrets: readonly Pointer[];
      readonly restartRequired: readonly Pointer[];
      /** Who made the version, when and why. */
      readonly entry: LogEntry;
    }>
  | Refused;
export type ExplainResult = FoundResult<{ readonly explanation: readonly Explanation[] }> | Refused;
export type BlameResult = FoundResult<{ readonly blame: readonly Blame[] }> | Refused;
export type TagsResult = FoundResult<{ readonly tags: readonly Tag[] }> | Refused;
export type DraftsResult = FoundResult<{ readonly drafts: readonly DraftSummary[] }> | Refused;
export type ExportResult = FoundResult<{ readonly text: string; readonly secrets: readonly Pointer[] }> | Refused;
/** `schema` is null when neither a schema file nor a running instance describes the service. */
export type SchemaResult = FoundResult<{ readonly schema: JsonObject | null }> | Refused;
export type PreviewSchemaResult = FoundResult<{ readonly preview: SchemaPreview }> | Refused;
export type ProfilesResult = FoundResult<{ readonly profiles: readonly Profile[] }> | Refused;
export type SearchResult = FoundResult<{ readonly hits: readonly SearchHit[] }> | Refused;
export type InstancesResult = FoundResult<{ readonly instances: readonly KnownInstance[] }> | Refused;
export type FsckResult =
  | FoundResult<{
      /** How many versions were verified. */
      readonly verified: number;
      /** Empty when every chain of versions is intact. */
      readonly faults: readonly ChainFault[];
    }>
  | Refused;
export type BackupResult =
  | FoundResult<{ /** Its name in the folder of backups. */ readonly file: string; readonly bytes: number }>
  | Refused;

// A result comes from another process. The functions below check that it has what its type says.

/** @throws SetpointError `message_unexpected` when a refusal gives no reason */
function toRefused(result: Result): Refused | undefined {
  const { status, problem, ...rest } = result;
  if (status !== 'rejected' && status !== 'conflict' && status !== 'denied') return undefined;
  if (!problem) throw malformed(result, 'a refusal without a problem');
  return { ...baseOf(rest), status, problem };
}

/** @throws SetpointError `message_unexpected` for a result that no change can have */
export function toChangeResult(result: Result): ChangeResult {
  const refused = toRefused(result);
  if (refused) return refused;
  const { status, digest, changed, restartRequired } = result;
  if (status !== 'applied' && status !== 'unchanged') throw malformed(result, `the status ${status} of a change`);
  return { ...baseOf(result), status, ...(digest !== undefined && { digest }), changed, restartRequired };
}

/** @throws SetpointError `message_unexpected` for a result that no validation can have */
export function toValidateResult(result: Result): ValidateResult {
  const { status, changed, restartRequired, fix } = result;
  const refused = toRefused(result);
  if (refused) return { ...refused, ...(fix && { fix }) };
  if (status !== 'valid') throw malformed(result, `the status ${status} of a validation`);
  return { ...baseOf(result), status, changed, restartRequired };
}

/** @throws SetpointError `message_unexpected` for a result that no change of a bookmark can have */
export function toBookmarkResult<Content>(
  result: Result,
  contentOf: (found: Found) => Content,
): (Changed & Content) | Refused {
  const changed = toChangeResult(result);
  if (isRefused(changed)) return changed;
  return { ...changed, ...contentOf(result.found ?? {}) };
}

/** @throws SetpointError `message_unexpected` for a result that this read can't have */
export function toFoundResult<Content>(
  result: Result,
  contentOf: (result: Result & { readonly found: Found }) => Content | undefined,
): FoundResult<Content> | Refused {
  const refused = toRefused(result);
  if (refused) return refused;
  if (result.status !== 'found') throw malformed(result, `the status ${result.status} of a read`);
  const content = contentOf({ ...result, found: result.found ?? {} });
  if (content === undefined) throw malformed(result, 'a read without what was asked for');
  return { ...baseOf(result), status: 'found', ...content };
}

/**
 * Whether the authority refused.
 *
 * @example
 * const result = await operator.merge('stt-worker', { vad: { threshold: 0.6 } });
 * if (isRefused(result)) throw new Error(result.problem.detail);
 */
export const isRefused = (result: ResultBase & { readonly status: string }): result is Refused =>
  result.status === 'rejected' || result.status === 'conflict' || result.status === 'denied';

const baseOf = ({ service, epoch, version, warnings }: ResultBase): ResultBase => ({
  service,
  epoch,
  version,
  warnings,
});

const malformed = ({ service }: Result, what: string): SetpointError =>
  new SetpointError(
    'message_unexpected',
    `the authority answered for ${service} with ${what}; is it of another release than this client?`,
  );
