import { Readable } from 'node:stream';
import type { EventLog, LoggedEvent } from './event-log.ts';

export interface EventStreamOptions {
  /** The Last-Event-ID of who comes back; undefined: from now on. */
  readonly lastId: string | undefined;
  /** Which events this reader is told. */
  readonly accepts: (event: LoggedEvent) => boolean;
  /** Milliseconds. */
  readonly heartbeatMs: number;
}

/** How long a browser waits before it comes back. Milliseconds. */
const retryMs = 2000;

/**
 * The events as one reader gets them, in the format of Server-Sent Events. Nothing is kept for a reader besides its
 * place in the log and what the socket holds: one that is so slow that the log has forgotten its place is cut off,
 * and told so when it comes back.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function createEventStream(log: EventLog, { lastId, accepts, heartbeatMs }: EventStreamOptions): Readable {
  const asked = lastId === undefined ? log.last : log.numberOf(lastId);
  const isKnown = asked !== undefined && asked >= log.oldest - 1;
  let place = isKnown ? asked : log.last;
  let isWanted = false;

  const stream = new Readable({
    read() {
      isWanted = true;
      pump();
    },
    destroy(cause, done) {
      clearInterval(heartbeat);
      endListening();
      done(cause);
    },
  });

  function pump(): void {
    while (isWanted && place < log.last) {
      const event = log.get(place + 1);
      if (!event) return;
      place = event.number;
      if (accepts(event)) isWanted = stream.push(format(log.idOf(event.number), event.kind, event.data));
    }
  }

  const endListening = log.onAppend(() => {
    if (place + 1 < log.oldest) stream.destroy(new Error('the reader was too slow for its events'));
    else pump();
  });
  // With the id, who is told little still comes back to where it was.
  const heartbeat = setInterval(() => {
    if (isWanted) isWanted = stream.push(`: still here\nid: ${log.idOf(place)}\n\n`);
  }, heartbeatMs).unref();

  stream.push(`retry: ${retryMs}\nid: ${log.idOf(place)}\n\n`);
  if (!isKnown) stream.push(format(log.idOf(place), 'reset', JSON.stringify(toReset(asked))));
  return stream;
}

/** Between the id and now something may have been missed: whoever gets this reads everything afresh. */
const toReset = (asked: number | undefined): object => ({ reason: asked === undefined ? 'id_unknown' : 'id_too_old' });

/** JSON has no line breaks, which would end the data. */
const format = (id: string, kind: string, data: string): string => `id: ${id}\nevent: ${kind}\ndata: ${data}\n\n`;
