import { digestOf, type Request, type Result } from '@setpoint/protocol';
import { authorise, type Identity } from '../access.ts';
import type { AuditEntry, VersionRecord } from '../store/store.ts';
import type { ReferenceChange, SourcesChange } from './change.ts';

/** A request as it arrived. */
export interface AskedRequest {
  readonly request: Request;
  readonly requestId: string;
  readonly identity: Identity;
}

/** Names a request among all that were ever made: nobody gets the answer of another by its id. */
export const requestKeyOf = ({ request: { service }, requestId, identity: { requester } }: AskedRequest): string =>
  `${requester}/${service}/${requestId}`;

/** The same for the same request sent again, and another one for any other. */
export const requestDigestOf = ({ request }: Pick<AskedRequest, 'request'>): string =>
  digestOf(JSON.parse(JSON.stringify(request)));

/** What is kept of a request and its answer. */
export const auditOfRequest = (asked: AskedRequest, result: Result, at: string): AuditEntry => {
  const { request, identity } = asked;
  const isAllowed = authorise(identity, request) === undefined;
  return {
    at,
    service: request.service,
    ...(isAllowed && { requestKey: requestKeyOf(asked), requestDigest: requestDigestOf(asked) }),
    author: request.author,
    op: request.op,
    status: result.status,
    reason: request.reason ?? '',
    result: shorten(result),
  };
};

/** More are not kept: a refusal with hundreds of faults is larger than the document that it is about. */
const maxKeptFaults = 20;

function shorten(result: Result): Result {
  const { problem } = result;
  if (result.status !== 'rejected' || !problem?.errors || problem.errors.length <= maxKeptFaults) return result;
  const detail = `${problem.detail}; of ${problem.errors.length} faults the first ${maxKeptFaults} were kept`;
  return { ...result, problem: { ...problem, detail, errors: problem.errors.slice(0, maxKeptFaults) } };
}

/** What is kept of a version that no operator asked for. */
export const auditOfSources = (
  change: SourcesChange | ReferenceChange,
  { snapshot }: VersionRecord,
  result: Result,
  at: string,
): AuditEntry => ({
  at,
  service: snapshot.service,
  author: snapshot.author,
  op: change.kind === 'sources' ? 'file' : 'reference',
  status: result.status,
  reason: snapshot.reason,
  result,
});
