import { SetpointError } from '@setpoint/protocol';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import type { Readiness } from '../readiness.ts';
import { type Api, createApi } from './api.ts';
import type { ApiAuthority } from './api-context.ts';
import type { Identify } from './caller.ts';
import { answerProblem, answerUnknown } from './error-responses.ts';
import { type RateLimits, usualLimits } from './rate-limits.ts';
import { requestIdOf } from './request-id.ts';

export interface HttpServer {
  readonly url: string;
  /** Starts serving the API; before, only the health routes answer. */
  serve(authority: ApiAuthority): void;
  /** Ends event streams, answers requests under way, and closes. May be called twice. */
  stop(): Promise<void>;
}

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly readiness: () => Readiness;
  /** Identifies the caller of an API request. */
  readonly identify: Identify;
  readonly logger: Logger;
  /** Largest request body. Bytes. */
  readonly maxBodyBytes: number;
  /** @default 100 reads, 50 writes and 20 exports a minute */
  readonly limits?: RateLimits;
  /** Time between two comments on an idle event stream. Milliseconds. @default 15000 */
  readonly heartbeatMs?: number;
}

/** A request must arrive completely within this time. Milliseconds. */
const requestTimeoutMs = 30_000;
/** An idle connection is closed after this time; event streams send comments more often. Milliseconds. */
const idleTimeoutMs = 60_000;
/** A stop waits no longer than this for responses that nobody reads. Milliseconds. */
const stopLimitMs = 3000;
/** Milliseconds. */
const idleSweepMs = 20;

const apiPrefix = '/api/v1';

/** @throws SetpointError `options_invalid` when the port can't be had */
export async function startHttpServer(options: HttpOptions): Promise<HttpServer> {
  const { host, port } = options;
  const { server, api } = createHttpServer(options);
  await listen(server, host, port);
  let stopping: Promise<void> | undefined;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    serve: (authority) => api.serve(authority),
    stop() {
      stopping ??= close(server);
      return stopping;
    },
  };
}

async function close(server: FastifyInstance): Promise<void> {
  // Fastify keeps a connection that was busy when the server closed open for another request.
  const idle = setInterval(() => server.server.closeIdleConnections(), idleSweepMs);
  const limit = setTimeout(() => server.server.closeAllConnections(), stopLimitMs);
  await server.close();
  clearInterval(idle);
  clearTimeout(limit);
}

/** Creates the server without listening, for example to generate its OpenAPI document. */
export function createHttpServer(options: Omit<HttpOptions, 'port'>): { server: FastifyInstance; api: Api } {
  const { host, readiness, identify, logger, maxBodyBytes, limits = usualLimits, heartbeatMs = 15_000 } = options;
  const server = Fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: idleTimeoutMs,
    genReqId: ({ headers }) => requestIdOf(headers),
    frameworkErrors: (cause, request, reply) => void answerProblem(logger)(cause, request, reply as FastifyReply),
  });
  server.addHook('onRequest', async ({ id }, reply) => {
    reply.headers({ 'x-request-id': id, 'x-content-type-options': 'nosniff' });
  });
  server.setErrorHandler(answerProblem(logger));
  server.setNotFoundHandler(answerUnknown);
  server.get('/health/live', async () => ({ status: 'live' }));
  server.get('/health/ready', async (_, reply) => {
    const { isReady, reasons } = readiness();
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not_ready', reasons });
  });
  const api = createApi({ host, identify, limits, heartbeatMs, logger });
  server.register(api.plugin, { prefix: apiPrefix });
  return { server, api };
}

async function listen(server: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await server.listen({ host, port });
  } catch (cause) {
    await server.close();
    const { code } = cause as NodeJS.ErrnoException;
    if (code?.startsWith('FST_')) throw cause;
    const why = code === 'EADDRINUSE' ? 'is taken' : `can't be listened on (${code})`;
    const cure = 'stop what uses it, set SETPOINT_HTTP_PORT, or turn HTTP off with SETPOINT_HTTP_PORT=0';
    throw new SetpointError('options_invalid', `port ${port} on ${host} ${why}; ${cure}`, { cause });
  }
}
