import type { JsonObject } from '@setpoint/protocol';
import { z } from 'zod';
import type { ApiContext, ApiScope } from '../api-context.ts';
import { change, changeBookmark, changeHeaders, changeQuery } from '../changes.ts';
import { jsonObject, label, name } from '../fields.ts';
import { problems } from '../open-api.ts';
import { perform } from '../perform.ts';
import { serviceParams } from '../query-schemas.ts';
import { jsonType, mergePatchType } from '../request-bodies.ts';
import { drafts, result } from '../response-schemas.ts';

const draftParams = z.object({ service: name, draft: label });

/** Documents kept aside: validated and compared, and published when they are wanted. */
export async function addDraftRoutes(app: ApiScope, { authority }: ApiContext): Promise<void> {
  app.get(
    '/services/:service/drafts',
    {
      schema: {
        operationId: 'listDrafts',
        summary: 'The drafts of a service; what is in one is told by the difference from it',
        tags: ['drafts'],
        params: serviceParams,
        querystring: z.strictObject({}),
        response: { 200: drafts, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { found } = await perform(authority(), request, reply, { service: request.params.service, op: 'drafts' });
      return { drafts: found?.drafts ?? [] };
    },
  );

  app.patch(
    '/services/:service/drafts/:draft',
    {
      config: { writes: true, consumes: [mergePatchType] },
      schema: {
        operationId: 'saveDraft',
        summary: 'Merges into a draft; one that is not there begins with the present document',
        tags: ['drafts'],
        params: draftParams,
        querystring: changeQuery,
        headers: changeHeaders,
        body: { content: { [mergePatchType]: { schema: jsonObject } } },
        response: { 200: result, ...problems(404, 409, 413, 415, 422) },
      },
    },
    async (request, reply) => {
      const { service, draft } = request.params;
      return changeBookmark(authority(), request, reply, {
        service,
        op: 'draft_save',
        draft,
        patch: request.body as JsonObject,
      });
    },
  );

  app.post(
    '/services/:service/drafts/:draft/publish',
    {
      config: { writes: true, consumes: [jsonType] },
      schema: {
        operationId: 'publishDraft',
        summary: 'The draft becomes the document, where nobody has changed the same places since',
        tags: ['drafts'],
        params: draftParams,
        querystring: changeQuery,
        headers: changeHeaders,
        body: z.strictObject({}).nullable(),
        response: { 200: result, ...problems(404, 409, 412, 415, 422) },
      },
    },
    async (request, reply) => {
      const { service, draft } = request.params;
      return change(authority(), request, reply, { service, op: 'draft_publish', draft });
    },
  );

  app.delete(
    '/services/:service/drafts/:draft',
    {
      config: { writes: true },
      schema: {
        operationId: 'dropDraft',
        summary: 'Throws a draft away',
        tags: ['drafts'],
        params: draftParams,
        querystring: changeQuery,
        headers: changeHeaders,
        response: { 200: result, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { service, draft } = request.params;
      return changeBookmark(authority(), request, reply, { service, op: 'draft_drop', draft });
    },
  );
}
