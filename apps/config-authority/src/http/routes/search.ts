import { maxLogEntries } from '@setpoint/protocol';
import { z } from 'zod';
import type { ApiContext, ApiScope } from '../api-context.ts';
import { problems } from '../open-api.ts';
import { perform } from '../perform.ts';
import { historyQuery, toFilter } from '../query-schemas.ts';
import { history, hits } from '../response-schemas.ts';
import { pageOf } from './versions.ts';

/** What is looked for in all services. */
export async function addSearchRoutes(app: ApiScope, { authority }: ApiContext): Promise<void> {
  app.get(
    '/search',
    {
      schema: {
        operationId: 'search',
        summary: 'Settings whose place, value or description holds a text, best first',
        tags: ['store'],
        querystring: z.strictObject({
          q: z.string().min(1).max(200),
          limit: z.coerce.number().int().min(1).max(maxLogEntries).default(50),
        }),
        response: { 200: hits, ...problems() },
      },
    },
    async (request, reply) => {
      const { q: text, limit } = request.query;
      const { found } = await perform(authority(), request, reply, {
        service: authority().id,
        op: 'search',
        text,
        limit,
      });
      return { hits: found?.hits ?? [] };
    },
  );

  app.get(
    '/history',
    {
      schema: {
        operationId: 'getFullHistory',
        summary: 'The versions of all services, newest first; `before` is a number of `commit`',
        tags: ['store'],
        querystring: historyQuery,
        response: { 200: history, ...problems() },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const filter = toFilter(query);
      const { log = [] } = await perform(authority(), request, reply, {
        service: authority().id,
        op: 'history',
        ...filter,
      });
      return pageOf(log, query.limit, ({ commit }) => commit);
    },
  );
}
