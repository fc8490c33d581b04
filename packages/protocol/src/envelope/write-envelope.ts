import { toUtf8 } from '#runtime/bytes';
import { findUnsafeJson, isJsonObject, type JsonObject, maxDepth } from '../json.ts';
import type { Signer } from '../keys.ts';
import { newMessageId } from '../message-id.ts';
import { SetpointError } from '../problem.ts';
import { joinSignature } from '../signature.ts';
import { defaultMaxEnvelopeBytes } from './envelope.ts';

export interface EnvelopeWriterOptions {
  /** `/authority/<id>`, `/instance/<id>` or `/operator/<id>`. */
  readonly source: string;
  /** Signs every message. */
  readonly signer?: Signer | undefined;
  /** Bytes. @default 1048576 */
  readonly maxEnvelopeBytes?: number | undefined;
  /** Unix time in milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** @default UUIDv7 */
  readonly newId?: (() => string) | undefined;
}

/** What a message says; the writer adds the rest. */
export interface EnvelopeContent<Data = JsonObject> {
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

/** Writes the messages of one sender, with id, time, source and signature. */
export interface EnvelopeWriter {
  /**
   * Writes a message.
   * @throws SetpointError `message_too_large` with the size and the limit; `message_invalid` for data that does not become
   * a JSON object, or one that every reader would refuse
   */
  seal(content: EnvelopeContent<object>): SealedEnvelope;
}

/**
 * Creates the writer of one sender.
 *
 * @example
 * const writer = createEnvelopeWriter({ source: '/operator/alice', signer });
 * const { bytes } = writer.seal({ type: requestType, subject: 'stt-worker', data: request });
 */
export function createEnvelopeWriter(options: EnvelopeWriterOptions): EnvelopeWriter {
  const { source, signer, maxEnvelopeBytes = defaultMaxEnvelopeBytes, now = Date.now, newId = newMessageId } = options;
  return {
    seal(content) {
      const id = content.id ?? newId();
      const time = new Date(now()).toISOString();
      const json = writeEnvelope(content, id, source, time);
      const bytes = toUtf8(signer ? joinSignature(json, signer.keyId, signer.sign(toUtf8(json))) : json);
      if (bytes.length > maxEnvelopeBytes) {
        throw new SetpointError(
          'message_too_large',
          `the ${content.type} of ${content.subject} is ${bytes.length} bytes, ${maxEnvelopeBytes} is the limit; make the document smaller or raise the limit on every side`,
        );
      }
      return { id, time, bytes };
    },
  };
}

/** @throws SetpointError `message_invalid`: a message that every receiver would drop is refused at its sender */
function writeEnvelope(content: EnvelopeContent<object>, id: string, source: string, time: string): string {
  let fault: string | undefined;
  try {
    fault = findDataFault(content.data);
    if (fault === undefined) return stringifyEnvelope(content, id, source, time);
  } catch (cause) {
    throw dataInvalid(content, unwritable(cause), cause);
  }
  throw dataInvalid(content, fault);
}

function findDataFault(data: unknown): string | undefined {
  if (typeof data !== 'object') return data === undefined ? 'is missing' : `is a ${typeof data}`;
  if (data === null) return 'is null';
  if (Array.isArray(data)) return 'is a list';
  if (typeof (data as { toJSON?: unknown }).toJSON === 'function') return findWrittenFault(data);
  const prototype: unknown = Object.getPrototypeOf(data);
  if (prototype !== Object.prototype && prototype !== null) {
    // JSON.stringify writes nothing of the content of a Map, Set or Promise.
    const kind = Object.prototype.toString.call(data).slice(8, -1);
    if (kind !== 'Object') return `is a ${kind}, whose content JSON leaves out`;
  }
  // JSON.stringify may leave members out.
  return isSuspect(data, 0) ? findWrittenFault(data) : undefined;
}

function findWrittenFault(data: object): string | undefined {
  const written: unknown = JSON.parse(JSON.stringify(data) ?? 'null');
  return isJsonObject(written) ? findUnsafeJson(written) : 'does not become an object';
}

/** Whether readers may refuse the written data. Runs for every message, so it only looks for depth and names. */
function isSuspect(value: object, depth: number): boolean {
  if (depth >= maxDepth) return true;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && item !== null && isSuspect(item, depth + 1)) return true;
    return false;
  }
  // `for in` is faster than Object.keys; an inherited name causes no more than a closer look.
  for (const name in value) {
    if (name === '__proto__') return true;
    const member: unknown = (value as JsonObject)[name];
    if (typeof member === 'object' && member !== null && isSuspect(member, depth + 1)) return true;
  }
  return false;
}

/** The first line of the reason; the other lines draw the path through the document. */
const unwritable = (cause: unknown): string =>
  `can not be written as JSON: ${(cause instanceof Error ? cause.message : 'it threw what is no error').split('\n', 1)[0]}`;

function dataInvalid({ type, subject }: EnvelopeContent<object>, fault: string, cause?: unknown): SetpointError {
  const message = `the data of the ${type} of ${subject} ${fault}; give an object that JSON can write`;
  return new SetpointError('message_invalid', message, { cause, faults: [{ pointer: '', message: fault }] });
}

/** Members in one order, `data` last, so that the signature always follows it. */
function stringifyEnvelope(content: EnvelopeContent<object>, id: string, source: string, time: string): string {
  return JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type: content.type,
    time,
    subject: content.subject,
    datacontenttype: 'application/json',
    correlationid: content.correlationid,
    traceparent: content.traceparent,
    replyto: content.replyto,
    sequence: content.sequence,
    data: content.data,
  });
}
