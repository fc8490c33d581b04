import { z } from 'zod';
import type { ApiContext, ApiScope } from '../api-context.ts';
import { name } from '../fields.ts';
import { problems } from '../open-api.ts';
import { instances } from '../response-schemas.ts';

/** What runs where. */
export async function addInstanceRoutes(app: ApiScope, { authority }: ApiContext): Promise<void> {
  app.get(
    '/instances',
    {
      schema: {
        operationId: 'listInstances',
        summary: 'What every instance runs, and what it said of itself last',
        tags: ['running'],
        querystring: z.strictObject({ service: name.exactOptional() }),
        response: { 200: instances, ...problems() },
      },
    },
    async ({ caller, query }) => ({
      instances: authority()
        .instances.list()
        .filter(({ health: { service } }) => caller.maySee(service) && (query.service ?? service) === service),
    }),
  );
}
