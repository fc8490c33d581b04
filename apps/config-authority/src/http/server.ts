import { SetpointError } from '@setpoint/protocol';
import Fastify, { type FastifyInstance } from 'fastify';

/** How the authority is, for those who ask over HTTP. */
export interface Readiness {
  readonly isReady: boolean;
  /** What keeps it from being ready, or what is wrong while it works. */
  readonly reasons: readonly string[];
}

export interface HttpServer {
  readonly url: string;
  stop(): Promise<void>;
}

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly readiness: () => Readiness;
}

/** @throws SetpointError `options_invalid` when the port can't be had */
export async function startHttpServer({ host, port, readiness }: HttpOptions): Promise<HttpServer> {
  const server = Fastify({ logger: false });
  server.get('/health/live', async () => ({ status: 'live' }));
  server.get('/health/ready', async (_, reply) => {
    const { isReady, reasons } = readiness();
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not_ready', reasons });
  });
  await listen(server, host, port);
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`, stop: () => server.close() };
}

async function listen(server: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await server.listen({ host, port });
  } catch (cause) {
    await server.close();
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'is taken' : `can't be listened on (${code})`;
    const cure = 'stop what uses it, set SETPOINT_HTTP_PORT, or turn HTTP off with SETPOINT_HTTP_PORT=0';
    throw new SetpointError('options_invalid', `port ${port} on ${host} ${why}; ${cure}`, { cause });
  }
}
