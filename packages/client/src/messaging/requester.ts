import { type Envelope, type EnvelopeWriter, type JsonObject, SetpointError } from '@setpoint/protocol';
import type { MessageData } from './message-data.ts';
import { type MessagePublisher, outcomeOf } from './message-publisher.ts';
import type { Traced } from './message-spans.ts';
import type { Inbox } from './reply-inbox.ts';
import { frameTypes, mirror, streamWindow } from './reply-protocol.ts';

export interface RequestOptions {
  /** The CloudEvents type of the request. @default "setpoint.message.v1" */
  readonly type?: string;
  /** From the call to the reply; of a stream, to its first item. Milliseconds. @default 5000 */
  readonly timeoutMs?: number;
  /** Ends the waiting; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
  /** W3C Trace Context of the operation that caused the request. */
  readonly traceparent?: string;
}

export interface StreamOptions extends RequestOptions {
  /** Between two items, while the next one is awaited. Milliseconds. @default 5000 */
  readonly idleTimeoutMs?: number;
}

export interface RequesterOptions {
  readonly inbox: Inbox;
  readonly publisher: MessagePublisher;
  readonly writer: EnvelopeWriter;
  readonly service: string;
  readonly defaultType: string;
  readonly maxPending: number;
  readonly isConnected: () => boolean;
  /** Aborts when this process ends. */
  readonly stopping: AbortSignal;
}

export interface Requester {
  request(topic: string, data: MessageData, options?: RequestOptions & Traced): Promise<JsonObject>;
  requestStream(
    topic: string,
    data: MessageData,
    options?: StreamOptions & Traced,
  ): AsyncGenerator<JsonObject, void, undefined>;
  /** Requests without a reply. */
  readonly pending: number;
}

/** A request that waits for its reply. */
interface Question extends Disposable {
  /** The next answer. Rejects when the time is up, and with everything that ends the waiting. */
  next(timeoutMs: number): Promise<Envelope>;
}

export function createRequester(options: RequesterOptions): Requester {
  const { inbox, publisher, writer, service, defaultType, maxPending, isConnected, stopping } = options;
  let pending = 0;

  function ask(
    topic: string,
    data: MessageData,
    { type = defaultType, timeoutMs = 5000, signal, traceparent, id: ownId }: RequestOptions & Traced,
  ): Question {
    signal?.throwIfAborted();
    stopping.throwIfAborted();
    if (pending >= maxPending) {
      const message = `${topic}: ${pending} questions wait for an answer already; ask less at once, or raise maxPendingRequests`;
      throw new SetpointError('overloaded', message);
    }
    const { id, bytes } = writer.seal({ type, subject: service, data, replyto: inbox.topic, traceparent, id: ownId });
    pending += 1;
    const answers = createAnswers(topic, isConnected, [stopping, ...(signal ? [signal] : [])]);
    const forget = inbox.onAnswer(id, answers.put);
    const properties = mirror({ responseTopic: inbox.topic, correlationData: id, timeoutMs });
    inbox
      .listen()
      .then(() => publisher.publish(topic, bytes, { qos: 1, retain: false, maxAgeMs: timeoutMs, properties }))
      .then(outcomeOf)
      // A request that became too old ends by its own timeout.
      .then((outcome) => outcome.status === 'dropped' && answers.fail(outcome.error))
      .catch(answers.fail);
    return {
      next: answers.next,
      [Symbol.dispose]() {
        pending -= 1;
        forget();
        answers.end();
      },
    };
  }

  const say = (topic: string | undefined, type: string, correlationid: string | undefined, data: object): void => {
    if (topic === undefined || correlationid === undefined) return;
    const { bytes } = writer.seal({ type, subject: service, data, correlationid });
    // If it is lost, the stream ends by its idle timeout, here or there.
    publisher.publish(topic, bytes, { qos: 1, retain: false, maxAgeMs: 5000 }).catch(() => {});
  };

  return {
    get pending() {
      return pending;
    },
    async request(topic, data, { timeoutMs = 5000, ...rest } = {}) {
      using question = ask(topic, data, { timeoutMs, ...rest });
      const answer = await question.next(timeoutMs);
      if (answer.type === frameTypes.error) throw replyFailed(topic, answer);
      if (answer.type === frameTypes.item) say(answer.replyto, frameTypes.cancel, answer.correlationid, {});
      return answer.data;
    },
    async *requestStream(topic, data, { timeoutMs = 5000, idleTimeoutMs = 5000, ...rest } = {}) {
      using question = ask(topic, data, { timeoutMs, ...rest });
      let expected = 0;
      let last: Envelope | undefined;
      try {
        for (;;) {
          const frame = await question.next(last ? idleTimeoutMs : timeoutMs);
          if (frame.type === frameTypes.error) {
            last = undefined;
            throw replyFailed(topic, frame);
          }
          const number = frame.type === frameTypes.item || frame.type === frameTypes.end ? frame.sequence : undefined;
          // The same frame again: its acknowledgement came too late.
          if (frame.type === frameTypes.item && Number(number) < expected) continue;
          if (number !== undefined && Number(number) !== expected) throw broken(topic, expected, number);
          if (frame.type === frameTypes.end) {
            last = undefined;
            return;
          }
          last = frame;
          yield frame.data;
          // A plain reply is a stream of one item.
          if (frame.type !== frameTypes.item) {
            last = undefined;
            return;
          }
          expected += 1;
          const isDue = expected % (streamWindow / 2) === 0;
          if (isDue) say(frame.replyto, frameTypes.credit, frame.correlationid, { upTo: expected + streamWindow });
        }
      } finally {
        // The loop was left before the end: nobody reads the rest.
        if (last) say(last.replyto, frameTypes.cancel, last.correlationid, {});
      }
    },
  };
}

/** Frames that may wait to be read: as many as a stream may send unasked, and its end. */
const maxAnswers = streamWindow + 1;

function createAnswers(topic: string, isConnected: () => boolean, signals: readonly AbortSignal[]) {
  const arrived: Envelope[] = [];
  let ended: { readonly reason: unknown } | undefined;
  let waiter: PromiseWithResolvers<Envelope> | undefined;

  function fail(reason: unknown): void {
    ended ??= { reason };
    waiter?.reject(ended.reason);
    waiter = undefined;
  }
  const aborted = (): void => fail(signals.find((signal) => signal.aborted)?.reason);
  for (const signal of signals) signal.addEventListener('abort', aborted, { once: true });

  return {
    fail,
    put(frame: Envelope): void {
      if (waiter) {
        waiter.resolve(frame);
        waiter = undefined;
      } else if (arrived.length < maxAnswers) arrived.push(frame);
      else fail(new SetpointError('stream_broken', `the stream of ${topic} sends more than it was asked for`));
    },
    async next(timeoutMs: number): Promise<Envelope> {
      const frame = arrived.shift();
      if (frame) return frame;
      if (ended) throw ended.reason;
      waiter = Promise.withResolvers<Envelope>();
      const timer = setTimeout(() => fail(noAnswer(topic, timeoutMs, isConnected())), timeoutMs);
      try {
        return await waiter.promise;
      } finally {
        clearTimeout(timer);
      }
    },
    end(): void {
      for (const signal of signals) signal.removeEventListener('abort', aborted);
    },
  };
}

function noAnswer(topic: string, timeoutMs: number, isConnected: boolean): SetpointError {
  const why = isConnected
    ? 'is a service that replies there running?'
    : 'there is no connection to the broker, which has to come back first';
  return new SetpointError('no_answer', `nobody answered on ${topic} within ${timeoutMs} ms; ${why}`);
}

function replyFailed(topic: string, { data }: Envelope): SetpointError {
  const why = typeof data.message === 'string' ? data.message : 'it gave no reason';
  return new SetpointError('reply_failed', `the service that replies on ${topic} failed: ${why}`);
}

const broken = (topic: string, expected: number, got: string): SetpointError =>
  new SetpointError(
    'stream_broken',
    `the stream of ${topic} lost a part: item ${expected} was due, and ${got.slice(0, 20)} came; ask again`,
  );
