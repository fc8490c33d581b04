import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { apiSchemas } from './fields.ts';
import { problem } from './response-schemas.ts';

const description = `Reads and changes the configuration of services. What is asked goes through the same gate as a request over MQTT.

- Secrets are masked everywhere as "*** REDACTED ***".
- A refusal is a problem (RFC 9457) with a stable \`code\`, every fault at once, and the id of the request.
- \`Idempotency-Key\` or \`X-Request-Id\` names a request: the same name again gets the answer of the first time, with
  \`Idempotent-Replayed: true\`.
- The \`ETag\` of a service is its epoch and version. \`If-Match\` on a change refuses it with 412 where the service has
  moved on; without it the last change wins.
- \`RateLimit-Limit\`, \`RateLimit-Remaining\` and \`RateLimit-Reset\` say what is left of a minute.

This file is written by scripts/write-openapi.ts; edit the routes.`;

/** Makes `app` describe its routes, and serve the description. To be called before they are added. */
export async function addOpenApi(app: FastifyInstance): Promise<void> {
  const transform = createJsonSchemaTransform({ schemaRegistry: apiSchemas });
  const transformObject = createJsonSchemaTransformObject({ schemaRegistry: apiSchemas });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Setpoint HTTP API', version: '1.0.0', license: { name: 'MIT', identifier: 'MIT' }, description },
      servers: [{ url: '/' }],
      security: [{ token: [] }, {}],
      tags: tags.map(([name, about]) => ({ name, description: about })),
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'Needed where SETPOINT_HTTP_KEYS is set.' },
        },
      },
    },
    transform: (given) => {
      const { schema, url } = transform({ ...given, schema: withPlainBody(given.schema) } as typeof given);
      return { schema: withBodyTypes(schema, given.schema, transform, given), url };
    },
    transformObject: (given) => open(prune(transformObject(given) as Json)) as ReturnType<typeof transformObject>,
  });
  app.get(
    '/openapi.json',
    {
      schema: {
        operationId: 'getOpenApi',
        summary: 'This description',
        tags: ['about'],
        response: { 200: z.record(z.string(), z.unknown()), ...problems(401) },
      },
    },
    async () => app.swagger(),
  );
}

const tags = [
  ['services', 'The documents of services: reading and changing them.'],
  ['versions', 'What they were, who changed them, and how to go back.'],
  ['drafts', 'Documents kept aside.'],
  ['profiles', 'Sets of the versions of all services.'],
  ['store', 'What concerns every service.'],
  ['running', 'What runs where, and what happens now.'],
  ['about', 'About the API itself.'],
] as const;

type Json = { [key: string]: unknown };
type BodyTypes = { readonly content: Readonly<Record<string, { readonly schema: z.ZodType }>> };

const bodyTypesOf = (schema: FastifySchema | undefined): BodyTypes | undefined => {
  const body = schema?.body as BodyTypes | z.ZodType | undefined;
  return body && 'content' in body ? body : undefined;
};

/** The library knows bodies of one schema alone. */
function withPlainBody(schema: FastifySchema | undefined): FastifySchema | undefined {
  if (!schema || !bodyTypesOf(schema)) return schema;
  const { body: _, ...rest } = schema;
  return rest;
}

type Transform = ReturnType<typeof createJsonSchemaTransform>;

function withBodyTypes(
  transformed: unknown,
  schema: FastifySchema | undefined,
  transform: Transform,
  given: Parameters<Transform>[0],
): FastifySchema {
  const types = bodyTypesOf(schema);
  if (!types) return transformed as FastifySchema;
  const content = Object.entries(types.content).map(([type, { schema: body }]) => {
    const transformed = transform({ ...given, schema: { body } } as typeof given).schema as { body: Json };
    return [type, { schema: transformed.body }];
  });
  return { ...(transformed as object), body: { content: Object.fromEntries(content) } } as FastifySchema;
}

/** Only the schemas that something refers to: the library makes two of each. */
function prune(document: Json): Json {
  const { components = {}, ...rest } = document as Json & { components?: { schemas?: Json } };
  const schemas = components.schemas ?? {};
  const kept = new Set<string>();
  const visit = (part: unknown): void => {
    for (const [, id = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (kept.has(id)) continue;
      kept.add(id);
      visit(schemas[id] ?? {});
    }
  };
  visit(rest);
  const used = Object.entries(schemas).filter(([id]) => kept.has(id));
  return { ...rest, components: { ...components, schemas: Object.fromEntries(used) } };
}

/** Readers ignore members that they do not know, which the library would forbid. */
const open = (document: Json): Json =>
  JSON.parse(JSON.stringify(document), (_, value) => {
    if (value === 'Default Response') return 'As asked.';
    if (value?.type !== 'object' || value.additionalProperties !== false) return value;
    const { additionalProperties: __, ...rest } = value;
    return rest;
  });

const meanings: Readonly<Record<number, string>> = {
  304: 'It is what the ETag stands for already.',
  400: 'The request can’t be read; every fault is listed.',
  401: 'The caller is not identified.',
  403: 'Not allowed.',
  404: 'There is no such thing.',
  409: 'It conflicts with how things stand.',
  412: 'The service is not at the expected version.',
  413: 'Too large.',
  415: 'Not a content type of this address.',
  421: 'Not a name of this host.',
  422: 'The document would not be valid; every fault is listed.',
  429: 'Too many requests.',
  503: 'Not now; ask again.',
};

type Problems = Record<
  number,
  { description: string; content: { 'application/problem+json': { schema: typeof problem } } }
>;

const always = [400, 403, 421, 429, 500, 503];

/** The refusals of a route, besides those that every route has. */
export const problems = (...statuses: number[]): Problems =>
  Object.fromEntries(
    [...new Set([...always, 401, ...statuses])]
      .sort((a, b) => a - b)
      .map((status) => [
        status,
        {
          description: meanings[status] ?? 'A fault of the authority.',
          content: { 'application/problem+json': { schema: problem } },
        },
      ]),
  );
