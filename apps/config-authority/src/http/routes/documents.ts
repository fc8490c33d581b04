import { type ExportFormat, exportFormats, type JsonObject } from '@setpoint/protocol';
import { z } from 'zod';
import type { ApiContext, ApiScope } from '../api-context.ts';
import { change, changeHeaders, changeQuery, toBody } from '../changes.ts';
import { apiSchemas, jsonObject } from '../fields.ts';
import { problems } from '../open-api.ts';
import { perform } from '../perform.ts';
import { refuse, refuseResult, refuseService } from '../problems.ts';
import { serviceParams } from '../query-schemas.ts';
import { jsonType, mediaTypeOf, takeText, yamlTypes } from '../request-bodies.ts';
import { result } from '../response-schemas.ts';

const contentTypes: Readonly<Record<ExportFormat, string>> = {
  yaml: 'application/yaml',
  json: 'application/json',
  kubernetes: 'application/yaml',
  compose: 'text/plain',
  dotenv: 'text/plain',
  tfvars: 'text/plain',
};

const text = { schema: z.string() };
/** A text to us, and described as what it says. */
const writtenJson = z.string().register(apiSchemas, { type: 'object' });

/** Documents as they are checked, written and read: validation, schema, export, import, reload. */
export async function addDocumentRoutes(app: ApiScope, { authority }: ApiContext): Promise<void> {
  app.post(
    '/services/:service/validate',
    {
      // It costs as much as a write does.
      config: { consumes: [jsonType], budget: 'write' },
      schema: {
        operationId: 'validateDocument',
        summary: 'Checks a change, or a whole document, and stores nothing',
        tags: ['services'],
        params: serviceParams,
        querystring: z.strictObject({}),
        description:
          'With `fix` a refusal proposes a patch; with `"clamp"` also one that pulls numbers into their bounds.',
        body: z.strictObject({
          patch: jsonObject
            .exactOptional()
            .register(apiSchemas, { description: 'A merge patch of the runtime layer.' }),
          values: jsonObject.exactOptional().register(apiSchemas, { description: 'Or a whole document.' }),
          fix: z.union([z.boolean(), z.literal('clamp')]).exactOptional(),
        }),
        response: { 200: result, ...problems(404, 413, 415, 422) },
      },
    },
    async (request, reply) => {
      const { service } = request.params;
      const document = request.body as { patch: JsonObject };
      return toBody(await perform(authority(), request, reply, { service, op: 'validate', ...document }));
    },
  );

  app.get(
    '/services/:service/schema',
    {
      schema: {
        operationId: 'getSchema',
        summary: 'What the document must be: JSON Schema 2020-12',
        tags: ['services'],
        params: serviceParams,
        querystring: z.strictObject({}),
        response: {
          200: { description: 'The schema.', content: { 'application/schema+json': { schema: jsonObject } } },
          ...problems(404),
        },
      },
    },
    async (request, reply) => {
      const { service } = request.params;
      const { found } = await perform(authority(), request, reply, { service, op: 'schema' });
      if (!found?.schema) throw refuse('schema_unknown', `nobody says what the document of ${service} must be`);
      return reply.type('application/schema+json').send(found.schema);
    },
  );

  app.get(
    '/services/:service/export',
    {
      config: { budget: 'export' },
      schema: {
        operationId: 'exportService',
        summary: 'The document as a text; secrets are masked',
        tags: ['services'],
        params: serviceParams,
        querystring: z.strictObject({ format: z.enum(exportFormats).default('yaml') }),
        response: {
          200: {
            description: 'YAML, JSON, a Kubernetes ConfigMap and Secret, or variables, as `format` says.',
            content: { 'application/yaml': text, 'application/json': { schema: jsonObject }, 'text/plain': text },
          },
          ...problems(404),
        },
      },
    },
    async (request, reply) => {
      const { format } = request.query;
      const { service } = request.params;
      const { found } = await perform(authority(), request, reply, { service, op: 'export', format });
      return reply.type(`${contentTypes[format]}; charset=utf-8`).send(found?.text ?? '');
    },
  );

  app.post(
    '/services/:service/reload',
    {
      config: { writes: true, consumes: [jsonType] },
      schema: {
        operationId: 'reloadService',
        summary: 'Reads the files and the environment of a service again',
        tags: ['services'],
        params: serviceParams,
        querystring: z.strictObject({}),
        body: z.strictObject({}).nullable(),
        response: { 200: result, ...problems(404, 409, 415, 422) },
      },
    },
    async ({ params: { service } }) => {
      const { engine, reload } = authority();
      // A name that nobody knows has no files; what has a file only just now is found without being told.
      if (!engine.current(service) && !engine.problems().has(service)) throw refuseService(service);
      const reloaded = await reload(service);
      if (reloaded.problem) throw refuseResult(reloaded);
      if (reloaded.status === 'duplicate')
        throw new Error('a reload has no id, so it is never answered as a duplicate');
      return toBody(reloaded);
    },
  );

  // Within: a document is taken as it is written, for the engine to read.
  await app.register(async (scope) => {
    takeText(scope);
    (scope as ApiScope).post(
      '/services/:service/import',
      {
        config: { writes: true, consumes: [jsonType, ...yamlTypes] },
        schema: {
          operationId: 'importService',
          summary: 'The document becomes this; a masked secret keeps its present value',
          tags: ['services'],
          params: serviceParams,
          querystring: changeQuery,
          headers: changeHeaders,
          body: {
            content: {
              [jsonType]: { schema: writtenJson },
              ...Object.fromEntries(yamlTypes.map((type) => [type, text])),
            },
          },
          response: { 200: result, ...problems(404, 409, 412, 413, 415, 422) },
        },
      },
      async (request, reply) => {
        const { service } = request.params;
        const format = mediaTypeOf(request.headers) === jsonType ? 'json' : 'yaml';
        return change(authority(), request, reply, { service, op: 'import', text: request.body as string, format });
      },
    );
  });
}
