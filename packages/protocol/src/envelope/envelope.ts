import { z } from 'zod';
import type { JsonObject } from '../json.ts';
import { timeText } from '../time-text.ts';

/** A CloudEvents 1.0 event in structured JSON form: the shape of every message. */
export interface Envelope<Data = JsonObject> {
  readonly specversion: '1.0';
  /** UUIDv7, fresh for every message. */
  readonly id: string;
  /** `/authority/<id>`, `/instance/<id>` or `/operator/<id>`. */
  readonly source: string;
  readonly type: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
  /** The service. */
  readonly subject: string;
  readonly datacontenttype: 'application/json';
  /** In a result or reply: the id of the request. */
  readonly correlationid?: string | undefined;
  /** W3C Trace Context. */
  readonly traceparent?: string | undefined;
  /** The topic on which a reply is expected; for messages between services. */
  readonly replyto?: string | undefined;
  /** The CloudEvents extension: the position of this message among those of one source and type. */
  readonly sequence?: string | undefined;
  readonly data: Data;
}

/** Some hosted brokers refuse larger retained messages. Bytes. */
export const portableEnvelopeBytes = 60_000;
/** The largest message that is written, unless an option says otherwise. Bytes. */
export const defaultMaxEnvelopeBytes = 1_048_576;
/** Longest text member. Characters. */
export const maxTextLength = 512;
const text = z.string().min(1).max(maxTextLength);

/** Unknown members are dropped, which is how unknown extensions are allowed. */
export const envelopeSchema: z.ZodType<Envelope> = z.object({
  specversion: z.literal('1.0'),
  id: text,
  source: text,
  type: text,
  time: timeText({ offset: false, error: 'must be RFC 3339 in UTC' }),
  subject: text,
  datacontenttype: z.literal('application/json'),
  correlationid: text.optional(),
  traceparent: text.optional(),
  replyto: text.optional(),
  // Earlier releases gave it no meaning and allowed any value, so a value that is no text is ignored.
  sequence: text.optional().catch(undefined),
  data: z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: 'must be an object',
  }),
});
