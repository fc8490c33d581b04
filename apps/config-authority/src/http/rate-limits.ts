import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { refuse } from './problems.ts';

/** What a request is counted as. */
export type Budget = 'read' | 'write' | 'export';

/** Requests in a minute, of each key, or of each address where there is none. */
export type RateLimits = Readonly<Record<Budget, number>>;

export const usualLimits: RateLimits = { read: 100, write: 50, export: 20 };

/** Counts requests; those that are too many are refused, and all are told how many are left. */
export async function addRateLimits(
  app: FastifyInstance,
  limits: RateLimits,
  budgetOf: (request: FastifyRequest) => Budget,
): Promise<void> {
  await app.register(rateLimit, {
    global: false,
    enableDraftSpec: true,
    timeWindow: 60_000,
    cache: 10_000,
    errorResponseBuilder: (_, { after, max }) =>
      refuse('rate_limited', `at most ${max} of these a minute; again in ${after}`),
    keyGenerator: ({ caller, ip }) => (caller?.isKnown ? `key ${caller.name}` : normalizeIP(ip)),
  });
  // One counter for all routes of a budget: the plugin would count those of each route by themselves.
  const counters = {
    read: app.rateLimit({ max: limits.read }),
    write: app.rateLimit({ max: limits.write }),
    export: app.rateLimit({ max: limits.export }),
  };
  app.addHook('onRequest', function (request, reply) {
    return counters[budgetOf(request)].call(this, request, reply) as Promise<void>;
  });
}
