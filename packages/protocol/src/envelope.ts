import { z } from 'zod';
import { toUtf8 } from '#runtime/bytes';
import { findUnsafeJson, isJsonObject, type JsonObject, maxDepth } from './json.ts';
import { isKeyFor, type KeyRing, type KeyRole, type Signer } from './keys.ts';
import { newMessageId } from './message-id.ts';
import { SetpointError } from './problem.ts';
import { joinSignature, splitSignature } from './signature.ts';
import { hasSeconds, timeText } from './time-text.ts';

/** A CloudEvents 1.0 event in structured JSON form: the one shape of every message. */
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
  /** On an answer: the id of what it answers. */
  readonly correlationid?: string | undefined;
  /** W3C Trace Context. */
  readonly traceparent?: string | undefined;
  /** Where a reply is expected; for messages between services. */
  readonly replyto?: string | undefined;
  /** The CloudEvents extension: the place of this message among those of one source and type. */
  readonly sequence?: string | undefined;
  readonly data: Data;
}

/** Portable ceiling for retained messages: past it some hosted brokers refuse. Bytes. */
export const portableEnvelopeBytes = 60_000;
/** Bytes. */
export const defaultMaxEnvelopeBytes = 1_048_576;
/** Bytes. Far above what writers send, so that their limit can be raised without telling every reader. */
const defaultMaxReadBytes = 16_777_216;

const maxTextLength = 512;
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
  // Anything was allowed in it before it had a meaning here, so what is no text is ignored and not refused.
  sequence: text.optional().catch(undefined),
  data: z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: 'must be an object',
  }),
});

export interface OpenOptions {
  /** Whom to believe. Without it every signature is ignored: the broker is trusted. */
  readonly keys?: KeyRing | undefined;
  /** The role that the signer must have. */
  readonly role: KeyRole;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** A larger message is refused unread. Bytes. @default 16777216 */
  readonly maxEnvelopeBytes?: number | undefined;
}

export interface OpenedEnvelope {
  readonly envelope: Envelope;
  /** The operator that the signing key is bound to, and the key; undefined where nothing was verified. */
  readonly signedBy?: {
    readonly keyId: string;
    readonly operator?: string | undefined;
    /** The services that the key may speak for, as patterns; left out: all. */
    readonly services?: readonly string[];
  };
}

/**
 * Opens a message: slices off the signature, verifies it over the bytes as received, and only then parses.
 * @throws SetpointError `message_too_large`, `envelope_malformed`, `signature_missing`, `signature_invalid`,
 * `key_unknown`, `key_expired`, `key_not_allowed`; nothing else, whatever the input
 * @see docs/protocol.md#signature
 */
export function openEnvelope(message: Uint8Array, options: OpenOptions): OpenedEnvelope {
  const { maxEnvelopeBytes = defaultMaxReadBytes } = options;
  if (message.length > maxEnvelopeBytes) {
    throw new SetpointError(
      'message_too_large',
      `the message is ${message.length} bytes, ${maxEnvelopeBytes} is the limit`,
    );
  }
  const { signed, signature } = splitSignature(message);
  if (!options.keys) return { envelope: parseEnvelope(signed) };
  if (!signature) throw new SetpointError('signature_missing', 'the message carries no signature, and one is required');

  const key = options.keys.verify({
    keyId: signature.keyId,
    role: options.role,
    signed,
    signature: signature.bytes,
    now: options.now,
  });
  const envelope = parseEnvelope(signed);
  if (!isKeyFor(key, envelope.subject)) {
    throw new SetpointError('key_not_allowed', `key ${key.kid} may not speak for service ${envelope.subject}`);
  }
  const { kid: keyId, operator, services } = key;
  return { envelope, signedBy: { keyId, operator, ...(services && { services }) } };
}

// A byte order mark stays in the text, where JSON refuses it.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parseEnvelope(bytes: Uint8Array): Envelope {
  const json = parseJson(bytes);
  const envelope = readFaultless(json) ?? readBySchema(json);
  const unsafe = findUnsafeJson(envelope.data);
  if (unsafe) throw new SetpointError('envelope_malformed', `data ${unsafe}`);
  return envelope;
}

/** @throws SetpointError `envelope_malformed` with every fault */
function readBySchema(json: unknown): Envelope {
  const { success, data, error } = envelopeSchema.safeParse(json);
  if (success) return data;
  const faults = error.issues.map((issue) => `${issue.path.join('.') || 'message'} ${issue.message}`);
  throw new SetpointError('envelope_malformed', `not an envelope: ${faults.join('; ')}`);
}

/**
 * What the schema makes of a message that has no fault; undefined of any other one, and of a few good ones. The schema
 * takes as long as parsing the JSON does, for each message that anybody receives; a test holds the two to one another.
 */
function readFaultless(json: unknown): Envelope | undefined {
  if (!isJsonObject(json)) return undefined;
  const { specversion, id, source, type, time, subject, datacontenttype, data } = json;
  if (specversion !== '1.0' || datacontenttype !== 'application/json') return undefined;
  if (!isText(id) || !isText(source) || !isText(type) || !isText(subject)) return undefined;
  if (!isText(time) || !timePattern.test(time) || !hasSeconds(time) || !isJsonObject(data)) return undefined;
  const envelope: Writable<Envelope> = { specversion, id, source, type, time, subject, datacontenttype, data };
  for (const name of optionalTexts) {
    const value = json[name];
    if (value === undefined) continue;
    if (!isText(value)) return undefined;
    envelope[name] = value;
  }
  return envelope;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

const optionalTexts = ['correlationid', 'traceparent', 'replyto', 'sequence'] as const;
const timePattern = z.regexes.datetime({});

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= maxTextLength;

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    // The parser's message would repeat a piece of the input, which may be a secret.
    throw new SetpointError('envelope_malformed', `not JSON in UTF-8 (${bytes.length} bytes)`, {
      cause: (cause as Error).name,
    });
  }
}

export interface EnvelopeWriterOptions {
  /** `/authority/<id>`, `/instance/<id>` or `/operator/<id>`. */
  readonly source: string;
  /** Signs everything that is written. */
  readonly signer?: Signer | undefined;
  /** Bytes. @default 1048576 */
  readonly maxEnvelopeBytes?: number | undefined;
  /** Unix time in milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** @default UUIDv7 */
  readonly newId?: (() => string) | undefined;
}

export interface Draft<Data = JsonObject> {
  readonly type: string;
  readonly subject: string;
  readonly data: Data;
  readonly correlationid?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly replyto?: string | undefined;
  readonly sequence?: string | undefined;
  /** @default a fresh UUIDv7 */
  readonly id?: string | undefined;
}

export interface SealedEnvelope {
  readonly id: string;
  readonly time: string;
  readonly bytes: Uint8Array;
}

/** Writes the messages of one sender: id, time, source and signature are its business. */
export interface EnvelopeWriter {
  /**
   * @throws SetpointError `message_too_large` with the size and the limit; `message_invalid` for data that does not become
   * a JSON object, or one that every reader would refuse
   */
  seal(draft: Draft<object>): SealedEnvelope;
}

export function createEnvelopeWriter(options: EnvelopeWriterOptions): EnvelopeWriter {
  const { source, signer, maxEnvelopeBytes = defaultMaxEnvelopeBytes, now = Date.now, newId = newMessageId } = options;
  return {
    seal(draft) {
      const id = draft.id ?? newId();
      const time = new Date(now()).toISOString();
      const json = writeEnvelope(draft, id, source, time);
      const bytes = toUtf8(signer ? joinSignature(json, signer.keyId, signer.sign(toUtf8(json))) : json);
      if (bytes.length > maxEnvelopeBytes) {
        throw new SetpointError(
          'message_too_large',
          `the ${draft.type} of ${draft.subject} is ${bytes.length} bytes, ${maxEnvelopeBytes} is the limit; make the document smaller or raise the limit on every side`,
        );
      }
      return { id, time, bytes };
    },
  };
}

/** @throws SetpointError `message_invalid`: what everybody who gets it would drop is told to the one who sends it */
function writeEnvelope(draft: Draft<object>, id: string, source: string, time: string): string {
  let fault: string | undefined;
  try {
    fault = findDataFault(draft.data);
    if (fault === undefined) return stringifyEnvelope(draft, id, source, time);
  } catch (cause) {
    throw dataInvalid(draft, unwritable(cause), cause);
  }
  throw dataInvalid(draft, fault);
}

function findDataFault(data: unknown): string | undefined {
  if (typeof data !== 'object') return data === undefined ? 'is missing' : `is a ${typeof data}`;
  if (data === null) return 'is null';
  if (Array.isArray(data)) return 'is a list';
  if (typeof (data as { toJSON?: unknown }).toJSON === 'function') return findWrittenFault(data);
  const prototype: unknown = Object.getPrototypeOf(data);
  if (prototype !== Object.prototype && prototype !== null) {
    // A Map, a Set, a Promise: what is in them is not written.
    const kind = Object.prototype.toString.call(data).slice(8, -1);
    if (kind !== 'Object') return `is a ${kind}, whose content JSON leaves out`;
  }
  // What is written may be less than what is there.
  return isSuspect(data, 0) ? findWrittenFault(data) : undefined;
}

function findWrittenFault(data: object): string | undefined {
  const written: unknown = JSON.parse(JSON.stringify(data) ?? 'null');
  return isJsonObject(written) ? findUnsafeJson(written) : 'does not become an object';
}

/** Whether what is written may be what readers refuse. Every message is walked through, so this is all that is looked at. */
function isSuspect(value: object, depth: number): boolean {
  if (depth >= maxDepth) return true;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && item !== null && isSuspect(item, depth + 1)) return true;
    return false;
  }
  // Faster than a list of the names; one that is inherited makes at most for a closer look.
  for (const name in value) {
    if (name === '__proto__') return true;
    const member: unknown = (value as JsonObject)[name];
    if (typeof member === 'object' && member !== null && isSuspect(member, depth + 1)) return true;
  }
  return false;
}

/** The first line: the others draw the way through the document. */
const unwritable = (cause: unknown): string =>
  `can not be written as JSON: ${(cause instanceof Error ? cause.message : 'it threw what is no error').split('\n', 1)[0]}`;

function dataInvalid({ type, subject }: Draft<object>, fault: string, cause?: unknown): SetpointError {
  const message = `the data of the ${type} of ${subject} ${fault}; give an object that JSON can write`;
  return new SetpointError('message_invalid', message, { cause, faults: [{ pointer: '', message: fault }] });
}

/** Members in one order, `data` last, so that the signature always follows it. */
function stringifyEnvelope(draft: Draft<object>, id: string, source: string, time: string): string {
  return JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type: draft.type,
    time,
    subject: draft.subject,
    datacontenttype: 'application/json',
    correlationid: draft.correlationid,
    traceparent: draft.traceparent,
    replyto: draft.replyto,
    sequence: draft.sequence,
    data: draft.data,
  });
}
