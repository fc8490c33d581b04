import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { validatorCompiler } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import type { ApiAuthority, ApiContext, ApiScope, ServedAuthority } from './api-context.ts';
import type { Identify } from './caller.ts';
import { answerProblem, answerUnknown } from './error-responses.ts';
import { createEventLog } from './event-log.ts';
import { requireOwnName, requireOwnPage } from './host-check.ts';
import { addOpenApi } from './open-api.ts';
import { refuse, refuseAccess } from './problems.ts';
import { addRateLimits, type RateLimits } from './rate-limits.ts';
import { requireType, takeJson } from './request-bodies.ts';
import { requireUsableId } from './request-id.ts';
import { addDocumentRoutes } from './routes/documents.ts';
import { addDraftRoutes } from './routes/drafts.ts';
import { addEventRoutes, followAuthority } from './routes/events.ts';
import { addInstanceRoutes } from './routes/instances.ts';
import { addProfileRoutes } from './routes/profiles.ts';
import { addSearchRoutes } from './routes/search.ts';
import { addServiceRoutes } from './routes/services.ts';
import { addVersionRoutes } from './routes/versions.ts';

export interface ApiOptions {
  /** The host it listens on. On a loopback host, requests for other host names are refused. */
  readonly host: string;
  readonly identify: Identify;
  readonly limits: RateLimits;
  /** Time between two comments on an idle event stream. Milliseconds. */
  readonly heartbeatMs: number;
  readonly logger: Logger;
}

export interface Api {
  /** The Fastify plugin with all routes. */
  readonly plugin: (app: FastifyInstance) => Promise<void>;
  /** Starts serving this authority; before, every route answers 503. */
  serve(authority: ApiAuthority): void;
}

const safeMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/** Creates the API. Each request is identified, counted against its rate limit and authorised before its route runs. */
export function createApi(options: ApiOptions): Api {
  const { host, identify, limits, heartbeatMs, logger } = options;
  const events = createEventLog();
  let serving: ServedAuthority | undefined;
  const context: ApiContext = {
    authority() {
      if (serving) return serving;
      throw refuse('not_serving', 'the authority is starting; ask again', { headers: { 'retry-after': '1' } });
    },
    events,
    heartbeatMs,
  };

  async function plugin(app: FastifyInstance): Promise<void> {
    takeJson(app);
    app.setValidatorCompiler(validatorCompiler);
    // Tests check that responses match their schemas; checking each response again would slow every request down.
    app.setSerializerCompiler(() => (data) => JSON.stringify(data));
    app.setErrorHandler(answerProblem(logger));
    app.setNotFoundHandler(answerUnknown);

    const unidentified = new WeakMap<FastifyRequest, unknown>();
    app.decorateRequest('caller');
    app.addHook('onRequest', async (request, reply) => {
      reply.headers({ 'cache-control': 'private, no-cache' });
      requireOwnName(host, request.headers);
      try {
        request.caller = await identify(request.headers);
      } catch (cause) {
        unidentified.set(request, cause);
      }
    });
    // Counted before an unidentified caller is refused, so that guessing keys is limited too.
    await addRateLimits(
      app,
      limits,
      ({ routeOptions: { config } }) => config?.budget ?? (config?.writes ? 'write' : 'read'),
    );
    app.addHook('onRequest', async (request) => {
      if (unidentified.has(request)) throw unidentified.get(request);
      requireUsableId(request.headers);
      authorise(request);
    });

    app.addHook(
      'onResponse',
      async ({ id, method, routeOptions: { config, url }, caller }, { statusCode: status, elapsedTime }) => {
        const fields = { id, method, url, requester: caller?.name, status, ms: Math.round(elapsedTime) };
        logger[config?.writes ? 'info' : 'debug'](fields, 'HTTP request');
      },
    );

    await addOpenApi(app);
    const scope: ApiScope = app.withTypeProvider<ZodTypeProvider>();
    const parts = [
      addServiceRoutes,
      addDocumentRoutes,
      addVersionRoutes,
      addDraftRoutes,
      addProfileRoutes,
      addSearchRoutes,
      addInstanceRoutes,
      addEventRoutes,
    ];
    for (const add of parts) await add(scope, context);
  }

  return {
    plugin,
    serve(authority) {
      const { id, engine, perform, instances } = authority;
      const reload = (service: string) => authority.reload(service);
      serving = { id, engine, perform, instances, reload };
      followAuthority(authority, events);
    },
  };
}

/** Checks that the caller may do this to these services, and that a browser sends it from our own pages. */
function authorise({ caller, method, headers, params, routeOptions: { config } }: FastifyRequest): void {
  const { service } = (params ?? {}) as { service?: string };
  if (service !== undefined && !caller.maySee(service))
    throw refuseAccess(`the key of ${caller.name} is not for ${service}`);
  if (config?.isForAll && !caller.maySeeAll)
    throw refuseAccess(`the key of ${caller.name} is for some services, not for all`);
  if (config?.writes && !caller.mayWrite) throw refuseAccess(`the key of ${caller.name} may read, and change nothing`);
  if (!safeMethods.includes(method)) requireOwnPage(headers);
  if (config?.consumes) requireType(config.consumes, headers);
}
