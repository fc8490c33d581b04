import { createProblem, type Fault, isWireCode, SetpointError } from '@setpoint/protocol';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { type HttpProblemBody, HttpRefusal, refuse, refuseMalformed, refuseProblem } from './problems.ts';

/** Answers every error as a problem. Errors that are no refusals are only logged, and their reason is not sent. */
export const answerProblem =
  (logger: Logger) =>
  (cause: FastifyError | HttpRefusal | SetpointError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (cause instanceof HttpRefusal) return sendRefusal(cause, request, reply);
    if (cause instanceof SetpointError && isWireCode(cause.code)) {
      const told = refuseProblem(createProblem(cause.code, cause.message, cause.faults));
      return sendRefusal(told, request, reply);
    }
    if ('validation' in cause && cause.validation) return sendRefusal(refuseParts(request), request, reply);
    const refusal = refuseByFramework(cause as FastifyError);
    if (!refusal)
      logger.error(
        { err: cause, id: request.id, method: request.method, url: request.routeOptions.url },
        'a fault of the HTTP API',
      );
    return sendRefusal(refusal ?? refuse('internal_error', 'it is in the log, under this request id'), request, reply);
  };

/** Answers for an address that nothing is at, or not with this method. */
export function answerUnknown(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const allowed = methodsOf(request);
  if (allowed.length === 0)
    return sendRefusal(refuse('route_unknown', 'see /api/v1/openapi.json for what there is'), request, reply);
  const detail = `${request.method} is not for this address; there are ${allowed.join(', ')}`;
  return sendRefusal(refuse('method_not_allowed', detail, { headers: { allow: allowed.join(', ') } }), request, reply);
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

function methodsOf({ server, url }: FastifyRequest): readonly string[] {
  const path = url.split('?', 1)[0] ?? url;
  return methods.filter((method) => server.findRoute({ method, url: path }) !== null);
}

function sendRefusal({ refusal, headers }: HttpRefusal, { id }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const body: HttpProblemBody = { ...refusal, requestId: id };
  return reply.code(refusal.status).headers(headers).type('application/problem+json').send(body);
}

/** What the framework refuses by itself; its messages may quote what was sent, and are not repeated. */
function refuseByFramework({ code, statusCode = 500 }: FastifyError): HttpRefusal | undefined {
  if (statusCode === 413) return refuse('body_too_large', 'the body is larger than SETPOINT_MAX_ENVELOPE_BYTES allows');
  if (statusCode === 415) return refuse('media_type_unsupported', 'nothing here is of this Content-Type');
  if (statusCode === 503)
    return refuse('not_serving', 'the authority is stopping', { headers: { 'retry-after': '1' } });
  if (statusCode >= 400 && statusCode < 500) return refuseMalformed(`the request can't be read (${code})`);
  return undefined;
}

const parts = ['params', 'querystring', 'headers', 'body'] as const;
const partNames = { params: 'path', querystring: 'query', headers: 'header', body: 'body' } as const;

/** The framework stops at the first part that does not fit; whoever asks is told of all. */
function refuseParts(request: FastifyRequest): HttpRefusal {
  const faults = parts.flatMap((part) => faultsOf(request, part));
  const where = [...new Set(faults.map(({ part }) => part))].join(' and ');
  return refuseMalformed(
    `the ${where} of the request ${where.includes(' and ') ? 'do' : 'does'} not fit`,
    faults.map(({ fault }) => fault),
  );
}

interface Issue {
  readonly instancePath: string;
  readonly message: string;
}

function faultsOf(request: FastifyRequest, part: (typeof parts)[number]): { part: string; fault: Fault }[] {
  // A body of several types has a check for each.
  const found = request.getValidationFunction(part) as Check | Readonly<Record<string, Check>> | undefined;
  const check = typeof found === 'function' ? found : found?.[request.mediaType ?? ''];
  const value = request[part === 'querystring' ? 'query' : part];
  const outcome = check?.(value === undefined ? null : value);
  const issues = outcome?.error ?? [];
  return issues.map(({ instancePath, message }) => {
    const pointer = instancePath === '/' ? '' : instancePath;
    const isBody = part === 'body';
    const said = pointer === '' ? partNames[part] : `${partNames[part]} ${pointer.slice(1)}`;
    return {
      part: partNames[part],
      fault: { pointer: isBody ? pointer : '', message: isBody ? message : `${said}: ${message}` },
    };
  });
}

type Check = (value: unknown) => { readonly error?: readonly Issue[] } | undefined;
