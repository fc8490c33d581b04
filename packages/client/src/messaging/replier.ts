import { type Envelope, type EnvelopeWriter, type SealedEnvelope, SetpointError } from '@setpoint/protocol';
import type { MessageData } from './message-data.ts';
import { type MessagePublisher, outcomeOf } from './message-publisher.ts';
import type { Inbox } from './reply-inbox.ts';
import { frameTypes, mirror, streamWindow } from './reply-protocol.ts';

/**
 * Answers a question: with an object, or with any number of them, as an async generator does. `signal` aborts when the
 * one who asked has gone, the subscription is closed, or this process ends.
 */
export type ReplyHandler<T> = (data: T, topic: string, signal: AbortSignal) => Answer | Promise<Answer>;

type Answer = MessageData | AsyncIterable<MessageData>;

/**
 * A handler of `reply` throws it to say no: its message is told to the one who asked. Of any other error only the
 * service's own log knows more than that there was one.
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

/** A stream that nobody asks to go on with is over after this time. Milliseconds. */
const creditTimeoutMs = 30_000;
/** An answer that became older than this is not waited for any more. Milliseconds. */
const answerMaxAgeMs = 30_000;

/** Makes of a handler that answers one that takes messages. */
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

  /** Rejects when the answer has not arrived: the rest of a stream would have a hole before it. */
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
      // Not awaited: a generator that hangs would hold the place of the next question.
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

/** What a handler returned, or an item of its stream, can be no message. What it was is not told: it may be a secret. */
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

/** How many items may be sent: what has room at the other end. */
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
