import {
  formatPointer,
  isReadOperation,
  messageSchemas,
  type Operation,
  type RequestOptions,
  type Result,
  requestType,
} from '@setpoint/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServedAuthority } from './api.ts';
import { refusePrecondition } from './entity-tag.ts';
import { refuse, refuseMalformed, refuseResult } from './problems.ts';

/** What is asked of the engine; who asks is known. */
export type Question = Operation & { readonly service: string } & Partial<Omit<RequestOptions, 'author' | 'service'>>;

/**
 * Has the engine carry out an operation, in the name of who asks and under the id of the request. The same id again
 * gets the answer of the first time, with a header that says so.
 * @throws HttpRefusal for what the engine refuses
 */
export async function ask(
  { engine, carryOut, asked }: ServedAuthority,
  request: FastifyRequest,
  reply: FastifyReply,
  question: Question,
): Promise<Result> {
  const { name, identity } = request.caller;
  const { success, data, error } = messageSchemas[requestType].safeParse({ ...question, author: name });
  if (!success) {
    const faults = error.issues.map(({ path, message }) => ({ pointer: formatPointer(path.map(String)), message }));
    throw refuseMalformed('the request does not fit its operation', faults);
  }
  // A read has no other answer than that of now, whatever its id was used for.
  if (!isReadOperation(data) && asked.isAnother(request.id, { ...data })) throw refuseReuse();
  const answer = await carryOut(data, request.id, identity, traceparentOf(request));
  const result = answer.status === 'duplicate' ? replay(answer, question, reply) : answer;
  if (result.status === 'rejected' || result.status === 'denied' || result.status === 'conflict') {
    throw refusalOf(result, request, engine.current(question.service)?.snapshot);
  }
  return result;
}

/** Only what the envelope of a message could hold. */
function traceparentOf({ headers: { traceparent } }: FastifyRequest): string | undefined {
  return typeof traceparent === 'string' && /^[0-9a-f-]{55}$/.test(traceparent) ? traceparent : undefined;
}

const refuseReuse = (): Error =>
  refuse(
    'request_id_reused',
    'another request had this id, and nothing was changed by this one; take a fresh id for each',
  );

/** What was answered to this id before, where it was asked of the same service: anything else is none of who asks. */
function replay({ original }: Result, { service }: Question, reply: FastifyReply): Result {
  if (original?.service !== service) throw refuseReuse();
  reply.header('idempotent-replayed', 'true');
  return original;
}

/** A conflict is a failed precondition where one was given, whenever it failed. */
function refusalOf(
  result: Result,
  { headers }: FastifyRequest,
  present: Parameters<typeof refusePrecondition>[0],
): Error {
  const header = headers['if-match'] === undefined ? 'If-None-Match' : 'If-Match';
  const isConditional = headers['if-match'] !== undefined || headers['if-none-match'] !== undefined;
  const isConflict = result.problem?.code === 'version_conflict';
  return isConflict && isConditional ? refusePrecondition(present, header) : refuseResult(result);
}
