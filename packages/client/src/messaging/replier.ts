import { type Envelope, type EnvelopeWriter, type SealedEnvelope, SetpointError } from '@setpoint/protocol';
import type { MessageData } from './message-data.ts';
import { type MessagePublisher, outcomeOf } from './message-publisher.ts';
import type { Inbox } from './reply-inbox.ts';
import { frameTypes, mirror, streamWindow } from './reply-protocol.ts';

/**
 * Answers a request with an object, or with any number of them as an async generator. `signal` aborts when the requester
 * has gone, the subscription is closed, or this process ends.
 */
export type ReplyHandler<T> = (data: T, topic: string, signal: AbortSignal) => Answer | Promise<Answer>;

type Answer = MessageData | AsyncIterable<MessageData>;

/**
 * Thrown by a handler of `reply` to refuse a request: the requester gets its message. The message of any other error
 * stays in the log of the replying service.
 * @example
 * messenger.reply('lamp/dim', ({ level }) => {
 *   if (level > 100) throw new ReplyRefused('level must be 0 to 100');
 *   return { level };
 * });
 */
export class ReplyRefused extends Error {
  override readonly name = 'ReplyRefused';
}

export interface ReplierOptions {
  readonly inbox: Inbox;
  readonly publisher: MessagePublisher;
  readonly writer: EnvelopeWriter;
  readonly service: string;
  readonly defaultType: string;
}

/** A stream ends when its reader grants no credit for so long. Milliseconds. */
const creditTimeoutMs = 30_000;
/** A reply is given up at this age. Milliseconds. */
const answerMaxAgeMs = 30_000;

/** Turns a handler of requests into a handler of messages. */
export function createReplier<T>(
  { inbox, publisher, writer, service, defaultType }: ReplierOptions,
  handler: ReplyHandler<T>,
): (message: Envelope, topic: string, signal: AbortSignal) => Promise<void> {
  function seal(to: Envelope, type: string, data: object, rest: FrameMembers): SealedEnvelope {
    try {
      return writer.seal({ type, subject: service, data, correlationid: to.id, ...rest });
    } catch (cause) {
      if (cause instanceof SetpointError) throw new UnfitAnswer(cause);
      throw cause;
    }
  }

  /** Rejects when the reply was not sent: the rest of a stream would follow a hole. */
  async function send(to: Envelope, type: string, data: object, rest: FrameMembers = {}): Promise<void> {
    const { bytes } = seal(to, type, data, rest);
    const properties = mirror({ correlationData: to.id });
    const result = await publisher.publish(to.replyto as string, bytes, {
      qos: 1,
      retain: false,
      maxAgeMs: answerMaxAgeMs,
      properties,
    });
    const outcome = await outcomeOf(result);
    if (outcome.status === 'dropped') throw outcome.error;
    if (outcome.status === 'expired') throw new Error(`the answer became older than ${answerMaxAgeMs} ms`);
  }

  async function stream(to: Envelope, items: AsyncIterable<MessageData>, end: AbortController): Promise<void> {
    const credit = createCredit(end.signal);
    const forget = inbox.onControl(to.id, (frame) => {
      if (frame.type === frameTypes.cancel) end.abort(new Error('the one who asked has gone'));
      else credit.raise(Number(frame.data.upTo));
    });
    const iterator = items[Symbol.asyncIterator]();
    let count = 0;
    try {
      await inbox.listen();
      for (;;) {
        if (!(await credit.for(count))) break;
        const step = await orAborted(iterator.next(), end.signal);
        if (end.signal.aborted || !step) break;
        if (step.done) {
          await send(to, frameTypes.end, {}, { sequence: String(count) });
          break;
        }
        await send(to, frameTypes.item, step.value, { sequence: String(count), replyto: inbox.topic });
        count += 1;
      }
    } finally {
      forget();
      end.abort();
      // Not awaited: a generator that hangs would keep the place of the next request.
      void Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }

  return async (message, topic, signal) => {
    if (message.replyto === undefined) return;
    const end = new AbortController();
    const abort = (): void => end.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const answer = await handler(message.data as T, topic, end.signal);
      if (isStream(answer)) await stream(message, answer, end);
      else await send(message, defaultType, answer);
    } catch (cause) {
      await send(message, frameTypes.error, { message: whatToTell(cause) }).catch(() => {});
      throw cause;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  };
}

/** Callers without types may return anything. */
const isStream = (answer: Answer): answer is AsyncIterable<MessageData> =>
  typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer;

interface FrameMembers {
  readonly sequence?: string;
  readonly replyto?: string;
}

/** What a handler returned, or an item of its stream, can't be a message. The value is not shown: it may be a secret. */
class UnfitAnswer extends Error {
  readonly told: string;

  constructor(cause: SetpointError) {
    const [fault] = cause.faults;
    const isNothing = fault?.message === 'is missing';
    const what = isNothing ? 'nothing' : cause.code === 'message_too_large' ? 'more than a message takes' : 'no object';
    const hint = isNothing ? ', {} if there is nothing to say' : '';
    super(`it returned ${what}: ${cause.message}${hint}`, { cause });
    this.told = `its handler returned ${what} (it may have done its work); its log says more`;
  }
}

function whatToTell(cause: unknown): string {
  if (cause instanceof ReplyRefused) return cause.message;
  return cause instanceof UnfitAnswer ? cause.told : 'its handler threw; its log says more';
}

/** Counts how many items may be sent: as many as the reader has room for. */
function createCredit(signal: AbortSignal) {
  let upTo = streamWindow;
  let wake: (() => void) | undefined;
  signal.addEventListener('abort', () => wake?.(), { once: true });
  return {
    raise(to: number): void {
      if (!(to > upTo)) return;
      upTo = to;
      wake?.();
    },
    /** Resolves when item `number` may be sent; with false when it never will. */
    async for(number: number): Promise<boolean> {
      if (number >= upTo && !signal.aborted) {
        await new Promise<void>((settle) => {
          const timer = setTimeout(settle, creditTimeoutMs);
          wake = () => {
            clearTimeout(timer);
            settle();
          };
        });
      }
      return number < upTo && !signal.aborted;
    },
  };
}

/** The promise, or undefined when the signal aborts before it is settled. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const aborted = Promise.withResolvers<undefined>();
  const abort = (): void => aborted.resolve(undefined);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
    promise.catch(() => {});
  }
}
