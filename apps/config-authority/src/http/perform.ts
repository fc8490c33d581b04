import {
  formatPointer,
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
import { refuseMalformed, refuseResult } from './problems.ts';

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
  const { engine } = authority;
  const { name, identity } = request.caller;
  const { success, data, error } = messageSchemas[requestType].safeParse({ ...operation, author: name });
  if (!success) {
    const faults = error.issues.map(({ path, message }) => ({ pointer: formatPointer(path.map(String)), message }));
    throw refuseMalformed('the request does not fit its operation', faults);
  }
  const answer = await authority.perform(data, request.id, identity, traceparentOf(request));
  const result = answer.status === 'duplicate' ? replay(answer.original, reply) : answer;
  if (result.problem) {
    throw refusalOf(result, request, engine.current(operation.service)?.snapshot);
  }
  if (result.status === 'duplicate') throw new Error('a first result is never a duplicate itself');
  return result;
}

/** Accepts only what the envelope of a message can hold. */
function traceparentOf({ headers: { traceparent } }: FastifyRequest): string | undefined {
  return typeof traceparent === 'string' && /^[0-9a-f-]{55}$/.test(traceparent) ? traceparent : undefined;
}

/** The first result under this id. */
function replay(original: Result, reply: FastifyReply): Result {
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
