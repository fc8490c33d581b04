import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Engine } from '@setpoint/engine';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { validatorCompiler } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import type { Authority } from '../authority.ts';
import type { Caller, Identify } from './caller.ts';
import { answerProblem, answerUnknown } from './error-responses.ts';
import { createEventLog, type EventLog } from './event-log.ts';
import { requireOwnName, requireOwnPage } from './host-check.ts';
import { type AskedBefore, createAskedBefore } from './idempotency-keys.ts';
import { addOpenApi } from './open-api.ts';
import { refuse, refuseAccess } from './problems.ts';
import { addRateLimits, type Budget, type RateLimits } from './rate-limits.ts';
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

/** What of the authority is served. */
export type ApiAuthority = Pick<Authority, 'id' | 'carryOut' | 'instances' | 'reload'> & { readonly engine: Engine };

export interface ServedAuthority extends ApiAuthority {
  readonly asked: AskedBefore;
}

export interface ApiOptions {
  /** Where it listens: on a loopback host other names are refused. */
  readonly host: string;
  readonly identify: Identify;
  readonly limits: RateLimits;
  /** How often who reads events is told that nothing happened. Milliseconds. */
  readonly heartbeatMs: number;
  readonly logger: Logger;
}

export interface Api {
  /** Serves everything below its prefix. */
  readonly plugin: (app: FastifyInstance) => Promise<void>;
  /** From now on there is something to ask. */
  serve(authority: ApiAuthority): void;
}

/** What the routes are given. */
export interface ApiContext {
  /** @throws HttpRefusal `not_serving` before there is one */
  authority(): ServedAuthority;
  readonly events: EventLog;
  readonly heartbeatMs: number;
}

export type ApiScope = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
  interface FastifyContextConfig {
    /** Needs the right to change. */
    writes?: boolean;
    /** Concerns every service. */
    isForAll?: boolean;
    /** @default "read", and "write" for what writes */
    budget?: Budget;
    /** Types that the body may have; undefined: there is no body. */
    consumes?: readonly string[];
  }
}

const safeMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/** Makes the API: who asks is found out, counted, and let in as far as it may go; then the routes have their say. */
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
    // That answers are as described is for the tests to see; a check of each would be paid by whoever asks.
    app.setSerializerCompiler(() => (data) => JSON.stringify(data));
    app.setErrorHandler(answerProblem(logger));
    app.setNotFoundHandler(answerUnknown);

    const unknown = new WeakMap<FastifyRequest, unknown>();
    app.decorateRequest('caller');
    app.addHook('onRequest', async (request, reply) => {
      reply.headers({ 'cache-control': 'private, no-cache' });
      requireOwnName(host, request.headers);
      try {
        request.caller = await identify(request.headers);
      } catch (cause) {
        unknown.set(request, cause);
      }
    });
    // Before a stranger is sent away, so that guessing is counted too.
    await addRateLimits(
      app,
      limits,
      ({ routeOptions: { config } }) => config?.budget ?? (config?.writes ? 'write' : 'read'),
    );
    app.addHook('onRequest', async (request) => {
      if (unknown.has(request)) throw unknown.get(request);
      requireUsableId(request.headers);
      admit(request);
    });

    app.addHook(
      'onResponse',
      async ({ id, method, routeOptions: { config, url }, caller }, { statusCode: status, elapsedTime }) => {
        const told = { id, method, url, requester: caller?.name, status, ms: Math.round(elapsedTime) };
        logger[config?.writes ? 'info' : 'debug'](told, 'HTTP request');
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
      const { id, engine, carryOut, instances } = authority;
      const reload = (service: string) => authority.reload(service);
      serving = { id, engine, carryOut, instances, reload, asked: createAskedBefore() };
      followAuthority(authority, events);
    },
  };
}

/** May who asks do this, to these, and from there? */
function admit({ caller, method, headers, params, routeOptions: { config } }: FastifyRequest): void {
  const { service } = (params ?? {}) as { service?: string };
  if (service !== undefined && !caller.maySee(service))
    throw refuseAccess(`the key of ${caller.name} is not for ${service}`);
  if (config?.isForAll && !caller.maySeeAll)
    throw refuseAccess(`the key of ${caller.name} is for some services, not for all`);
  if (config?.writes && !caller.mayWrite) throw refuseAccess(`the key of ${caller.name} may read, and change nothing`);
  if (!safeMethods.includes(method)) requireOwnPage(headers);
  if (config?.consumes) requireType(config.consumes, headers);
}
