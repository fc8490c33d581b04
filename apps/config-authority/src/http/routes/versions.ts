import { type LogEntry, layerNames, type Side } from '@setpoint/protocol';
import { z } from 'zod';
import type { ApiContext, ApiScope } from '../api-context.ts';
import { change, changeBookmark, changeHeaders, changeQuery, presentOf } from '../changes.ts';
import { apiSchemas, label, name, pointer } from '../fields.ts';
import { problems } from '../open-api.ts';
import { perform } from '../perform.ts';
import { explainQuery, historyQuery, serviceParams, toFilter } from '../query-schemas.ts';
import { jsonType } from '../request-bodies.ts';
import { blames, differences, explanations, type History, history, result, tags } from '../response-schemas.ts';

const pointerQuery = { pointer: pointer.exactOptional() };

/** What a service was, who changed it, and how to go back. */
export async function addVersionRoutes(app: ApiScope, { authority }: ApiContext): Promise<void> {
  app.get(
    '/services/:service/history',
    {
      schema: {
        operationId: 'getHistory',
        summary: 'The versions of a service, newest first',
        tags: ['versions'],
        params: serviceParams,
        querystring: historyQuery,
        response: { 200: history, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { service } = request.params;
      const { log = [] } = await perform(authority(), request, reply, {
        service,
        op: 'log',
        ...toFilter(request.query),
      });
      return pageOf(log, request.query.limit, ({ version }) => version);
    },
  );

  app.get(
    '/services/:service/diff',
    {
      schema: {
        operationId: 'getDifference',
        summary: 'What differs between two versions, layers, drafts or services; secrets are masked',
        tags: ['versions'],
        params: serviceParams,
        querystring: z.strictObject({ from: side, to: side.exactOptional() }),
        response: { 200: differences, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { service } = request.params;
      const { from, to = presentOf(authority(), service)?.version ?? 1 } = request.query;
      const { diff = [] } = await perform(authority(), request, reply, { service, op: 'diff', from, to });
      return { diff };
    },
  );

  app.get(
    '/services/:service/explain',
    {
      schema: {
        operationId: 'explainValue',
        summary: 'Where a value, and each in it, comes from, and what it hides',
        tags: ['versions'],
        params: serviceParams,
        querystring: explainQuery,
        response: { 200: explanations, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { service } = request.params;
      const { found } = await perform(authority(), request, reply, { service, op: 'explain', ...request.query });
      return { explanation: found?.explanation ?? [] };
    },
  );

  app.get(
    '/services/:service/blame',
    {
      schema: {
        operationId: 'getBlame',
        summary: 'Who last changed a value, and each in it',
        tags: ['versions'],
        params: serviceParams,
        querystring: z.strictObject(pointerQuery),
        response: { 200: blames, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { service } = request.params;
      const { found } = await perform(authority(), request, reply, { service, op: 'blame', ...request.query });
      return { blame: found?.blame ?? [] };
    },
  );

  app.post(
    '/services/:service/rollback',
    {
      config: { writes: true, consumes: [jsonType] },
      schema: {
        operationId: 'rollBack',
        summary: 'A new version with the content of an old one, or with some places of it',
        tags: ['versions'],
        params: serviceParams,
        querystring: changeQuery,
        headers: changeHeaders,
        body: z.strictObject({
          toVersion: z.int().positive().exactOptional(),
          toTag: label.exactOptional(),
          pointers: z.array(pointer).min(1).max(1000).exactOptional(),
        }),
        response: { 200: result, ...problems(404, 409, 412, 415, 422) },
      },
    },
    async (request, reply) => {
      const { service } = request.params;
      return change(authority(), request, reply, {
        service,
        op: 'rollback',
        ...(request.body as { toVersion: number }),
      });
    },
  );

  app.get(
    '/services/:service/tags',
    {
      schema: {
        operationId: 'listTags',
        summary: 'The named versions of a service',
        tags: ['versions'],
        params: serviceParams,
        querystring: z.strictObject({}),
        response: { 200: tags, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { found } = await perform(authority(), request, reply, { service: request.params.service, op: 'tags' });
      return { tags: found?.tags ?? [] };
    },
  );

  app.put(
    '/services/:service/tags/:tag',
    {
      config: { writes: true, consumes: [jsonType] },
      schema: {
        operationId: 'setTag',
        summary: 'Names a version; the present one where none is said',
        tags: ['versions'],
        params: tagParams,
        querystring: changeQuery,
        headers: changeHeaders,
        body: z.strictObject({ toVersion: z.int().positive().exactOptional() }).nullable(),
        response: { 200: result, ...problems(404, 415) },
      },
    },
    async (request, reply) => {
      const { service, tag } = request.params;
      return changeBookmark(authority(), request, reply, { service, op: 'tag', tag, ...request.body });
    },
  );

  app.delete(
    '/services/:service/tags/:tag',
    {
      config: { writes: true },
      schema: {
        operationId: 'dropTag',
        summary: 'Takes a name away; the version stays',
        tags: ['versions'],
        params: tagParams,
        querystring: changeQuery,
        headers: changeHeaders,
        response: { 200: result, ...problems(404) },
      },
    },
    async (request, reply) => {
      const { service, tag } = request.params;
      return changeBookmark(authority(), request, reply, { service, op: 'untag', tag });
    },
  );
}

/** Where a page ends the next may begin, unless it is the last for certain. */
export function pageOf(log: readonly LogEntry[], limit = 50, place: (entry: LogEntry) => number | undefined): History {
  const last = log.at(-1);
  return { history: log, next: (last && log.length >= limit ? place(last) : undefined) ?? null };
}

const tagParams = z.object({ service: name, tag: label });

const layers: readonly string[] = layerNames;

/** `12`, `tag:release-12`, `draft:x`, `layer:environment`, `service:other`. */
function readSide(text: string): Side | undefined {
  const [, kind, what = ''] = /^(tag|draft|layer|service):(.*)$/s.exec(text) ?? [];
  if (kind === 'service') return name.safeParse(what).success ? { service: what } : undefined;
  if (kind === 'layer') return layers.includes(what) ? ({ layer: what } as Side) : undefined;
  if (kind !== undefined && !label.safeParse(what).success) return undefined;
  if (kind === 'tag') return { tag: what };
  if (kind === 'draft') return { draft: what };
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}

const side: z.ZodType<Side> = z
  .string()
  .transform((text, context) => {
    const read = readSide(text);
    if (read !== undefined) return read;
    context.addIssue('must be a version, tag:<tag>, draft:<draft>, service:<service>, or layer:<layer>');
    return z.NEVER;
  })
  .register(apiSchemas, { description: 'A version, `tag:…`, `draft:…`, `service:…` or `layer:…`.' });
