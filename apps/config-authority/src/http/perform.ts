import {
  createProblem,
  formatPointer,
  isReadOperation,
  messageSchemas,
  type Operation,
  type RequestOptions,
  type Result,
  type ResultWith,
  requestType,
} from '@setpoint/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServedAuthority } from './api-context.ts';
import { refusePrecondition } from './entity-tag.ts';
import { refuseMalformed, refuseProblem, refuseResult } from './problems.ts';

/** An operation on a service with its conditions; the caller is known from the HTTP request. */
export type ServiceOperation = Operation & { readonly service: string } & Partial<
    Omit<RequestOptions, 'author' | 'service'>
  >;

/** A result that is no refusal. */
export type Performed = ResultWith<'applied' | 'unchanged' | 'valid' | 'found'>;

/**
 * Performs an operation in the name of the caller and under the id of the HTTP request. The same id again gets the first
 * result, with the header `idempotent-replayed`.
 * @throws HttpRefusal when the engine refuses
 */
export async function perform(
  authority: ServedAuthority,
  request: FastifyRequest,
  reply: FastifyReply,
  operation: ServiceOperation,
): Promise<Performed> {
  const { engine, idempotencyKeys } = authority;
  const { name, identity } = request.caller;
  const { success, data, error } = messageSchemas[requestType].safeParse({ ...operation, author: name });
  if (!success) {
    const faults = error.issues.map(({ path, message }) => ({ pointer: formatPointer(path.map(String)), message }));
    throw refuseMalformed('the request does not fit its operation', faults);
  }
  // A read always gets the present result, whatever its id was used for.
  if (!isReadOperation(data) && idempotencyKeys.isReused(request.id, { ...data })) throw refuseReuse();
  const answer = await authority.perform(data, request.id, identity, traceparentOf(request));
  const result = answer.status === 'duplicate' ? replay(answer.original, operation, reply) : answer;
  if (result.problem) {
    throw refusalOf(result, request, engine.current(operation.service)?.snapshot);
  }
  // A first result is never a duplicate itself.
  if (result.status === 'duplicate') throw refuseReuse();
  return result;
}

/** Accepts only what the envelope of a message can hold. */
function traceparentOf({ headers: { traceparent } }: FastifyRequest): string | undefined {
  return typeof traceparent === 'string' && /^[0-9a-f-]{55}$/.test(traceparent) ? traceparent : undefined;
}

const refuseReuse = (): Error =>
  refuseProblem(
    createProblem(
      'request_id_reused',
      'another request had this id, and nothing was changed by this one; take a fresh id for each',
    ),
  );

/** The first result under this id, if it was for the same service; results for others are not disclosed. */
function replay(original: Result, { service }: ServiceOperation, reply: FastifyReply): Result {
  if (original.service !== service) throw refuseReuse();
  reply.header('idempotent-replayed', 'true');
  return original;
}

/** A version conflict of a conditional request is a failed precondition, also when it is detected by the engine. */
function refusalOf(
  result: ResultWith<'rejected' | 'denied' | 'conflict'>,
  { headers }: FastifyRequest,
  present: Parameters<typeof refusePrecondition>[0],
): Error {
  const header = headers['if-match'] === undefined ? 'If-None-Match' : 'If-Match';
  const isConditional = headers['if-match'] !== undefined || headers['if-none-match'] !== undefined;
  const isConflict = result.problem.code === 'version_conflict';
  return isConflict && isConditional ? refusePrecondition(present, header) : refuseResult(result);
}
