import type { Stamp } from '@setpoint/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ServedAuthority } from './api-context.ts';
import { entityTag, expectedVersion } from './entity-tag.ts';
import { apiSchemas } from './fields.ts';
import { type Performed, perform, type ServiceOperation } from './perform.ts';
import type { ResultBody } from './response-schemas.ts';

interface ChangeQuery {
  readonly reason?: string;
  readonly expectedVersion?: number;
  readonly acceptRestart?: boolean;
}

const reason = z.string().max(1000);

export const changeQuery: z.ZodType<ChangeQuery> = z.strictObject({
  reason: reason.exactOptional().register(apiSchemas, { description: 'Why; also as X-Setpoint-Reason.' }),
  // `optional`, as in query-schemas.ts.
  expectedVersion: z.coerce
    .number()
    .int()
    .nonnegative()
    .optional()
    .register(apiSchemas, { description: 'Refused with 409 where the service is at another version.' }),
  acceptRestart: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .exactOptional()
    .register(apiSchemas, { description: 'Also where a running process can’t take the change over.' }),
}) as z.ZodType as z.ZodType<ChangeQuery>;

interface ChangeHeaders {
  readonly 'x-setpoint-reason'?: string;
}

const text = (description: string): z.ZodType => z.string().exactOptional().register(apiSchemas, { description });

export const changeHeaders: z.ZodType<ChangeHeaders> = z.looseObject({
  'if-match': text('The ETag of the version that is to be changed; 412 where it is another.'),
  'if-none-match': text('"*": only where the service does not exist yet.'),
  'idempotency-key': text('Names the request; the same again gets the first answer.'),
  'x-setpoint-reason': reason.exactOptional().register(apiSchemas, { description: 'Why; in the history.' }),
});

interface ChangeRequest extends FastifyRequest {
  readonly query: ChangeQuery;
}

/** Changes a service under the conditions of the HTTP request. Returns the state after it. */
export async function change(
  authority: ServedAuthority,
  request: FastifyRequest,
  reply: FastifyReply,
  operation: ServiceOperation,
): Promise<ResultBody> {
  const { query, headers } = request as ChangeRequest;
  const why = reasonOf(request as ChangeRequest);
  const present = authority.engine.current(operation.service)?.snapshot;
  const expected = query.expectedVersion ?? expectedVersion(headers, present);
  const result = await perform(authority, request, reply, {
    ...operation,
    ...(expected !== undefined && { expectedVersion: expected }),
    ...(why !== undefined && { reason: why }),
    ...(query.acceptRestart && { acceptRestart: true }),
  });
  if (result.version > 0) reply.header('etag', entityTag(result));
  return toBody(result);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Node decodes headers as Latin-1; a reason that is not ASCII was most likely sent as UTF-8. */
function reasonOf({ query, headers }: ChangeRequest): string | undefined {
  const text = headers['x-setpoint-reason'];
  if (query.reason !== undefined || typeof text !== 'string') return query.reason;
  try {
    return utf8.decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}

/** Leaves out the members that the OpenAPI document does not describe. */
export function toBody(result: Performed): ResultBody {
  const { status, service, epoch, version, digest, changed, restartRequired, warnings, services } = result;
  return {
    status,
    service,
    epoch,
    version,
    ...(digest !== undefined && { digest }),
    changed,
    restartRequired,
    warnings,
    ...(services && { services }),
  };
}

/** Changes a bookmark (tag, profile or draft), which makes no version by itself. */
export async function changeBookmark(
  authority: ServedAuthority,
  request: FastifyRequest,
  reply: FastifyReply,
  operation: ServiceOperation,
): Promise<ResultBody> {
  const why = reasonOf(request as ChangeRequest);
  return toBody(await perform(authority, request, reply, { ...operation, ...(why !== undefined && { reason: why }) }));
}

/** The present version of a service; undefined when it does not exist. */
export const presentOf = ({ engine }: ServedAuthority, service: string): Stamp | undefined =>
  engine.current(service)?.snapshot;
