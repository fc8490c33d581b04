import type { Explanation, JsonObject, Moment, PatchOperation, Pointer } from '@setpoint/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ApiContext, ApiScope, ServedAuthority } from '../api-context.ts';
import { change, changeHeaders, changeQuery, presentOf } from '../changes.ts';
import { entityTag, isKnown } from '../entity-tag.ts';
import { jsonObject } from '../fields.ts';
import { problems } from '../open-api.ts';
import { perform, type ServiceOperation } from '../perform.ts';
import { refuse, refuseService } from '../problems.ts';
import { momentQuery, serviceParams } from '../query-schemas.ts';
import { jsonPatchType, mergePatchType } from '../request-bodies.ts';
import {
  result,
  type ServiceDocument,
  type ServiceSummary,
  type Source,
  serviceDocument,
  serviceList,
} from '../response-schemas.ts';

/** The documents of services. */
export async function addServiceRoutes(app: ApiScope, { authority }: ApiContext): Promise<void> {
  app.get(
    '/services',
    {
      schema: {
        operationId: 'listServices',
        summary: 'Every service with its present version',
        tags: ['services'],
        querystring: z.strictObject({}),
        response: { 200: serviceList, ...problems() },
      },
    },
    async ({ caller }) => ({ services: summariesOf(authority()).filter(({ service }) => caller.maySee(service)) }),
  );

  app.get(
    '/services/:service',
    {
      schema: {
        operationId: 'getService',
        summary: 'The document of a service, where each value comes from, and whether it is hot',
        description:
          'The ETag stands for the values: where a value comes from may change without it. With `version`, `tag` or ' +
          '`at` an older document, which has no ETag.',
        tags: ['services'],
        params: serviceParams,
        querystring: momentQuery,
        response: {
          200: serviceDocument,
          304: z.undefined(),
          ...problems(404),
        },
      },
    },
    async (request, reply) => {
      const { service } = request.params;
      const present = presentOf(authority(), service);
      if (!present) throw refuseService(service);
      if (Object.keys(request.query).length > 0)
        return readDocument(authority(), request, reply, service, request.query);
      if (isKnown(request.headers, present)) {
        return reply.code(304).header('etag', entityTag(present)).send(undefined);
      }
      const document = await readDocument(authority(), request, reply, service, {});
      reply.header('etag', entityTag(document));
      return document;
    },
  );

  app.patch(
    '/services/:service',
    {
      config: { writes: true, consumes: [mergePatchType, jsonPatchType] },
      schema: {
        operationId: 'patchService',
        summary: 'Changes a service',
        description:
          'A merge patch (RFC 7396) changes the runtime layer: null uncovers what is beneath. A JSON Patch (RFC 6902) ' +
          'changes the effective document.',
        tags: ['services'],
        params: serviceParams,
        querystring: changeQuery,
        headers: changeHeaders,
        body: {
          content: {
            [mergePatchType]: { schema: jsonObject },
            [jsonPatchType]: { schema: z.array(jsonObject).max(1000) },
          },
        },
        response: { 200: result, ...problems(404, 409, 412, 413, 415, 422) },
      },
    },
    async (request, reply) => {
      const { service } = request.params;
      const question = Array.isArray(request.body)
        ? ({ op: 'patch', patch: request.body as readonly PatchOperation[] } as const)
        : ({ op: 'merge', patch: request.body as JsonObject } as const);
      return change(authority(), request, reply, { service, ...question });
    },
  );
}

function summariesOf({ engine }: ServedAuthority): ServiceSummary[] {
  const faulty = engine.problems();
  return engine.services().flatMap((service) => {
    const snapshot = engine.current(service)?.snapshot;
    if (!snapshot) return [];
    const { epoch, version, digest, author, reason, committedAt } = snapshot;
    const problem = faulty.get(service);
    return {
      service,
      epoch,
      version,
      digest,
      author,
      reason,
      committedAt,
      ...(problem && {
        problem: { code: problem.code, detail: problem.detail, ...(problem.errors && { errors: problem.errors }) },
      }),
    };
  });
}

/** A change may come between two readings. */
const maxReadings = 5;

/** The values and where they come from, of one version. */
async function readDocument(
  authority: ServedAuthority,
  request: FastifyRequest,
  reply: FastifyReply,
  service: string,
  moment: Moment,
): Promise<ServiceDocument> {
  for (let reading = 0; reading < maxReadings; reading += 1) {
    const [shown, sources] = await Promise.all([
      perform(authority, request, reply, { service, op: 'show', ...moment }),
      readSources(authority, request, reply, { service, op: 'explain', ...moment }),
    ]);
    const [entry] = shown.log ?? [];
    if (!entry || shown.version !== sources.version) continue;
    const { version, digest, author, reason, committedAt } = entry;
    const { document: values = {}, secrets = [], restartRequired = [] } = shown.found ?? {};
    const stamp = { service, epoch: shown.epoch, version, digest, author, reason, committedAt };
    return { ...stamp, values, secrets, restartRequired, sources: sources.sources };
  }
  throw refuse('not_serving', `${service} changes faster than it can be read; ask again`);
}

interface Sources {
  /** Where the service stood when they were read. */
  readonly version: number;
  readonly sources: Readonly<Record<Pointer, Source>>;
}

async function readSources(
  authority: ServedAuthority,
  request: FastifyRequest,
  reply: FastifyReply,
  question: ServiceOperation,
): Promise<Sources> {
  const { version, found } = await perform(authority, request, reply, question);
  return { version, sources: Object.fromEntries((found?.explanation ?? []).map(toSource)) };
}

const toSource = ({ pointer, value: _, beneath: __, description: ___, ...source }: Explanation): [string, Source] => [
  pointer,
  source,
];
