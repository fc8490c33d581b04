import { z } from 'zod';
import type { ApiContext, ApiScope } from '../api-context.ts';
import { changeBookmark, changeHeaders, changeQuery } from '../changes.ts';
import { label } from '../fields.ts';
import { problems } from '../open-api.ts';
import { perform } from '../perform.ts';
import { jsonType } from '../request-bodies.ts';
import { profiles, result } from '../response-schemas.ts';

const profileParams = z.object({ profile: label });

/** Sets of the versions of all services. */
export async function addProfileRoutes(app: ApiScope, { authority }: ApiContext): Promise<void> {
  app.get(
    '/profiles',
    {
      config: { isForAll: true },
      schema: {
        operationId: 'listProfiles',
        summary: 'The profiles, with the version of each service',
        tags: ['profiles'],
        querystring: z.strictObject({}),
        response: { 200: profiles, ...problems() },
      },
    },
    async (request, reply) => {
      const { found } = await perform(authority(), request, reply, { service: authority().id, op: 'profiles' });
      return { profiles: found?.profiles ?? [] };
    },
  );

  app.post(
    '/profiles',
    {
      config: { writes: true, isForAll: true, consumes: [jsonType] },
      schema: {
        operationId: 'saveProfile',
        summary: 'Remembers the present version of every service under a name',
        tags: ['profiles'],
        querystring: changeQuery,
        headers: changeHeaders,
        body: z.strictObject({ profile: label }),
        response: { 200: result, ...problems(409, 415) },
      },
    },
    async (request, reply) => {
      const { profile } = request.body;
      return changeBookmark(authority(), request, reply, { service: authority().id, op: 'profile_save', profile });
    },
  );

  app.post(
    '/profiles/:profile/activate',
    {
      config: { writes: true, isForAll: true, consumes: [jsonType] },
      schema: {
        operationId: 'activateProfile',
        summary: 'Every service goes back to its version in the profile, all or none',
        tags: ['profiles'],
        params: profileParams,
        querystring: changeQuery,
        headers: changeHeaders,
        body: z.strictObject({}).nullable(),
        response: { 200: result, ...problems(404, 409, 415, 422) },
      },
    },
    async (request, reply) => {
      const { profile } = request.params;
      return changeBookmark(authority(), request, reply, { service: authority().id, op: 'profile_activate', profile });
    },
  );

  app.delete(
    '/profiles/:profile',
    {
      config: { writes: true, isForAll: true },
      schema: {
        operationId: 'dropProfile',
        summary: 'Forgets a profile; the versions stay',
        tags: ['profiles'],
        params: profileParams,
        querystring: changeQuery,
        headers: changeHeaders,
        response: { 200: result, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { profile } = request.params;
      return changeBookmark(authority(), request, reply, { service: authority().id, op: 'profile_drop', profile });
    },
  );
}
