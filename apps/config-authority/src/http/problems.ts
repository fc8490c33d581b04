import { createProblem, type Fault, type Fix, type Problem, type ResultWith, type WireCode } from '@setpoint/protocol';

/** Which status a refusal of the engine has. */
const statuses: Readonly<Record<WireCode, number>> = {
  request_malformed: 400,
  request_expired: 400,
  access_denied: 403,
  service_unknown: 404,
  version_unknown: 404,
  tag_unknown: 404,
  draft_unknown: 404,
  profile_unknown: 404,
  setting_unknown: 404,
  file_missing: 404,
  patch_failed: 409,
  service_has_file: 409,
  version_conflict: 409,
  request_id_reused: 409,
  overwritten: 409,
  draft_conflict: 409,
  restart_required: 409,
  reject_restart_required: 409,
  version_reused: 409,
  message_too_large: 413,
  document_invalid: 422,
  file_invalid: 422,
  snapshot_refused: 422,
  handler_failed: 422,
  verify_failed: 422,
  quarantined: 422,
  overloaded: 503,
  store_unavailable: 503,
  apply_timeout: 504,
};

/** What HTTP refuses before the engine is asked, or cannot answer. */
const httpProblems = {
  unauthenticated: { status: 401, title: 'The caller is not identified' },
  origin_refused: { status: 403, title: 'Not from another site' },
  route_unknown: { status: 404, title: 'Nothing is here' },
  schema_unknown: { status: 404, title: 'The service has no schema' },
  method_not_allowed: { status: 405, title: 'Not a method of this address' },
  precondition_failed: { status: 412, title: 'The service is not at the expected version' },
  body_too_large: { status: 413, title: 'The body is too large' },
  media_type_unsupported: { status: 415, title: 'Not a content type of this address' },
  host_refused: { status: 421, title: 'Not a name of this host' },
  rate_limited: { status: 429, title: 'Too many requests' },
  internal_error: { status: 500, title: 'A fault of the authority' },
  not_serving: { status: 503, title: 'The authority is starting or stopping' },
} as const;

export type HttpCode = keyof typeof httpProblems;
export const httpCodes: readonly HttpCode[] = Object.keys(httpProblems) as HttpCode[];

/** A refusal as HTTP tells it: RFC 9457 members, a stable code, every fault at once. */
export interface HttpProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: WireCode | HttpCode;
  readonly errors?: readonly Fault[];
  /** What would mend it, where that was asked for. */
  readonly fix?: Fix;
  readonly requestId: string;
}

export type Refusal = Omit<HttpProblemBody, 'requestId'>;

export interface HttpRefusalOptions {
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown by whoever can't go on; what it carries is answered. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly refusal: Refusal;
  readonly headers: Readonly<Record<string, string>>;

  constructor(refusal: Refusal, { headers = {} }: HttpRefusalOptions = {}) {
    super(refusal.detail);
    this.refusal = refusal;
    this.headers = headers;
  }
}

/** A refusal by HTTP itself. */
export function refuse(code: HttpCode, detail: string, options?: HttpRefusalOptions): HttpRefusal {
  const { status, title } = httpProblems[code];
  return new HttpRefusal({ type: `urn:setpoint:problem:${code}`, title, status, detail, code }, options);
}

/** What is refused with a code of the wire. */
export const refuseProblem = (problem: Problem): HttpRefusal => new HttpRefusal(toRefusal(problem));

export const refuseMalformed = (detail: string, errors: readonly Fault[] = []): HttpRefusal =>
  refuseProblem(createProblem('request_malformed', detail, errors));

export const refuseAccess = (detail: string): HttpRefusal => refuseProblem(createProblem('access_denied', detail));

export const refuseService = (service: string): HttpRefusal =>
  refuseProblem(createProblem('service_unknown', `there is no service ${service}`));

/** Seconds after which what was refused for want of room may be tried again. */
const retryAfterSeconds = '1';

/** What the engine refused. */
export function refuseResult(result: ResultWith<'rejected' | 'denied' | 'conflict'>): HttpRefusal {
  const { status, problem, fix } = result;
  const refusal = toRefusal(problem);
  // Whatever it is that stands against it, these statuses of a result have one meaning each.
  const meant = status === 'denied' ? 403 : status === 'conflict' ? 409 : refusal.status;
  const headers = meant === 503 ? { headers: { 'retry-after': retryAfterSeconds } } : {};
  return new HttpRefusal({ ...refusal, status: meant, ...(fix && { fix }) }, headers);
}

const toRefusal = ({ type, title, detail, code, errors }: Problem): Refusal => ({
  type,
  title,
  status: statuses[code],
  detail,
  code,
  ...(errors && { errors }),
});
