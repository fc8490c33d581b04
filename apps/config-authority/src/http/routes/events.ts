import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ApiAuthority, ApiContext, ApiScope } from '../api-context.ts';
import type { EventLog } from '../event-log.ts';
import { createEventStream } from '../event-stream.ts';
import { apiSchemas, name } from '../fields.ts';
import { problems } from '../open-api.ts';
import { refuse } from '../problems.ts';

/** Readers at one time; each holds a socket. */
const maxReaders = 200;

/** What happens, as it happens. */
export async function addEventRoutes(app: ApiScope, { events, heartbeatMs, authority }: ApiContext): Promise<void> {
  const readers = new Set<Readable>();
  // A reader never ends by itself, so that the server would wait for it for ever.
  app.addHook('preClose', async () => {
    for (const reader of readers) reader.push(null);
  });

  app.get(
    '/events',
    {
      schema: {
        operationId: 'followEvents',
        summary: 'Server-Sent Events: change, health, convergence',
        description:
          'Each has an `id`; Last-Event-ID goes on after it. `reset` says that something may have been missed in ' +
          'between: read everything afresh. A comment comes every 15 s when nothing happens. Values are not told.',
        tags: ['running'],
        querystring: z.strictObject({ service: name.exactOptional() }),
        headers: z.looseObject({
          'last-event-id': z
            .string()
            .max(100)
            .exactOptional()
            .register(apiSchemas, { description: 'Goes on after it.' }),
        }),
        response: {
          200: {
            description: 'Events until somebody ends it.',
            content: { 'text/event-stream': { schema: z.string() } },
          },
          ...problems(),
        },
      },
    },
    async ({ caller, query, headers, method }, reply) => {
      authority();
      reply.type('text/event-stream').header('x-accel-buffering', 'no');
      if (method === 'HEAD') return reply.send('');
      if (readers.size >= maxReaders) {
        throw refuse('not_serving', `${maxReaders} read events already`, { headers: { 'retry-after': '10' } });
      }
      const stream = createEventStream(events, {
        lastId: headers['last-event-id'],
        accepts: ({ service }) => caller.maySee(service) && (query.service ?? service) === service,
        heartbeatMs,
      });
      readers.add(stream);
      stream.once('close', () => readers.delete(stream));
      // The schema of the route describes the text that a client reads from the stream.
      return (reply as FastifyReply).send(stream);
    },
  );
}

/** Places that one event names at most. */
const maxPlaces = 200;

/** Puts what happens at an authority into the log. Places are told, values are not: they may be secrets. */
export function followAuthority({ engine, instances }: ApiAuthority, events: EventLog): void {
  engine.onCommit(({ snapshot, changed, deleted }) => {
    const { service, epoch, version, digest, author, reason, committedAt } = snapshot;
    const places = { changed: changed.slice(0, maxPlaces), changedCount: changed.length };
    events.append('change', service, {
      service,
      epoch,
      version,
      digest,
      author,
      reason,
      committedAt,
      deleted,
      ...places,
    });
  });
  instances.onHealth((health) => events.append('health', health.service, health));
  instances.onConvergence((summary) => events.append('convergence', summary.service, summary));
}
