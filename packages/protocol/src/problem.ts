/** Codes that cross the wire, in `problem.code` and `lastAttempt.code`. Stable: clients in any language match on them. */
export const wireCodes = [
  'document_invalid',
  'request_malformed',
  'request_expired',
  'request_id_reused',
  'patch_failed',
  'service_unknown',
  'service_has_file',
  'version_unknown',
  'version_conflict',
  'overwritten',
  'access_denied',
  'restart_required',
  'reject_restart_required',
  'tag_unknown',
  'draft_unknown',
  'draft_conflict',
  'profile_unknown',
  'setting_unknown',
  'message_too_large',
  'store_unavailable',
  'overloaded',
  'file_invalid',
  'file_missing',
  'version_reused',
  'snapshot_refused',
  'handler_failed',
  'apply_timeout',
  'verify_failed',
  'quarantined',
] as const;
export type WireCode = (typeof wireCodes)[number];

/** Codes that stay in the process that raised them. */
export type LocalCode =
  | 'envelope_malformed'
  | 'message_unexpected'
  | 'signature_missing'
  | 'signature_invalid'
  | 'key_unknown'
  | 'key_expired'
  | 'key_not_allowed'
  | 'key_malformed'
  | 'name_invalid'
  | 'pointer_invalid'
  | 'options_invalid'
  | 'no_answer'
  | 'reply_failed'
  | 'stream_broken'
  | 'message_invalid'
  | 'no_configuration'
  | 'stopped'
  | 'store_damaged'
  | 'store_locked'
  | 'store_newer';

export type SetpointErrorCode = WireCode | LocalCode;

/**
 * The error of every package but the bus. `code` says what happened, for programs; `message` says what happened, why, and
 * what to do next; `faults` has everything that is wrong with a document or with options.
 * @example
 * await connect(options).catch((error) => {
 *   if (error instanceof SetpointError && error.code === 'no_configuration') return startWithoutConfiguration();
 *   throw error;
 * });
 */
export class SetpointError extends Error {
  override readonly name = 'SetpointError';
  readonly code: SetpointErrorCode;
  /** Every fault found, where the error is about a document or a message. */
  readonly faults: readonly Fault[];

  constructor(code: SetpointErrorCode, message: string, options?: ErrorOptions & { faults?: readonly Fault[] }) {
    super(message, options);
    this.code = code;
    this.faults = options?.faults ?? [];
  }
}

/** One thing that is wrong at one place of a document. */
export interface Fault {
  /** JSON Pointer (RFC 6901) to the place; "" is the whole document. */
  readonly pointer: string;
  readonly message: string;
  readonly expected?: string;
  /** What stood there, as text; masked where the place is a secret. */
  readonly received?: string;
  readonly suggestion?: string;
  readonly file?: string;
  readonly line?: number;
  /** The instance whose contract the document breaks. */
  readonly instance?: string;
  /** @default "error" */
  readonly severity?: Severity;
  /** What kind of check found it. @default "schema" */
  readonly level?: Level;
  /** The rule that found it, by its id. */
  readonly rule?: string;
}

/** How bad a finding is; `error` and `critical` refuse a document. */
export const severities = ['info', 'warning', 'error', 'critical'] as const;
export type Severity = (typeof severities)[number];

export const levels = ['schema', 'cross_reference', 'environment', 'performance', 'security', 'best_practice'] as const;
export type Level = (typeof levels)[number];

/** A refusal as it crosses the wire: RFC 9457 members, a stable code, and every fault at once. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly code: WireCode;
  readonly errors?: readonly Fault[];
}

const titles: Readonly<Record<WireCode, string>> = {
  document_invalid: 'The document would not be valid',
  request_malformed: 'The request could not be read',
  request_expired: 'The request came after its time',
  request_id_reused: 'The request id belongs to another request',
  patch_failed: 'The patch does not fit the document',
  service_unknown: 'No such service',
  service_has_file: 'The service has a configuration file',
  version_unknown: 'No such version',
  version_conflict: 'The version is not the expected one',
  overwritten: 'Another operator changed the same settings',
  access_denied: 'Not allowed',
  restart_required: 'The change needs a restart',
  reject_restart_required: 'The change needs a restart, and the service refuses such changes',
  tag_unknown: 'No such tag',
  draft_unknown: 'No such draft',
  draft_conflict: 'The document has moved on where the draft changes it',
  profile_unknown: 'No such profile',
  setting_unknown: 'No such setting',
  message_too_large: 'The document is too large to publish',
  store_unavailable: 'The change could not be stored',
  overloaded: 'Too many changes wait',
  file_invalid: 'The configuration file is not valid',
  file_missing: 'The configuration file is gone',
  version_reused: 'Two documents carry one version',
  snapshot_refused: 'A snapshot was not fit to be read',
  handler_failed: 'A handler of the service refused the document',
  apply_timeout: 'A handler of the service did not finish in time',
  verify_failed: 'The service did not do well with the document',
  quarantined: 'The service died twice of the document',
};

export const isWireCode = (code: string): code is WireCode => (wireCodes as readonly string[]).includes(code);

export function createProblem(code: WireCode, detail: string, errors?: readonly Fault[]): Problem {
  return {
    type: `urn:setpoint:problem:${code}`,
    title: titles[code],
    detail,
    code,
    ...(errors && errors.length > 0 && { errors }),
  };
}
