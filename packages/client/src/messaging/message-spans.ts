import type { TraceAttributes, TraceSpan, Tracing } from '@setpoint/participant';
import { type Envelope, newMessageId } from '@setpoint/protocol';
import type { MessageData } from './message-data.ts';
import { isThenable } from './message-handling.ts';
import type { PublishOutcome, PublishResult } from './message-publisher.ts';
import type { MessageHandler } from './subscription.ts';

/** Id and cause of a traced message; any other message gets its id from the writer. */
export interface Traced {
  readonly id?: string | undefined;
  readonly traceparent?: string | undefined;
}

type Send<Options, Outcome> = (topic: string, data: MessageData, options?: Options & Traced) => Outcome;

/**
 * Puts spans around what a messenger does, named and described as OpenTelemetry's semantic conventions for messaging
 * have it. Answers and the items of a stream have none of their own: they are part of the request's.
 */
export interface MessageSpans {
  /** From the call until the broker has the message, or the message is given up. */
  publish<Options>(send: Send<Options, Promise<PublishResult>>): Send<Options, Promise<PublishResult>>;
  /** From the call to the reply. */
  request<Options, Answer>(ask: Send<Options, Promise<Answer>>): Send<Options, Promise<Answer>>;
  /** From the first item that is read to the last one. */
  requestStream<Options, Item>(
    ask: Send<Options, AsyncGenerator<Item, void, undefined>>,
  ): Send<Options, AsyncGenerator<Item, void, undefined>>;
  /** Runs the handler with the span of its message as the active one: what it publishes and requests is caused by it. */
  process(filter: string, handler: MessageHandler<unknown>): MessageHandler<unknown>;
}

export function createMessageSpans(tracing: Tracing): MessageSpans {
  function startSend<Options>(name: 'publish' | 'request', topic: string, options: (Options & Traced) | undefined) {
    const id = newMessageId();
    const span = tracing.start(`${name} ${topic}`, {
      kind: 'producer',
      parent: options?.traceparent,
      attributes: {
        ...describe(name, 'send', topic, id),
        ...(name === 'request' && { 'messaging.message.conversation_id': id }),
      },
    });
    return { span, traced: { ...options, id, traceparent: span.traceparent } as Options & Traced };
  }

  return {
    publish: (send) => async (topic, data, options) => {
      const { span, traced } = startSend('publish', topic, options);
      try {
        const result = await send(topic, data, traced);
        if (result.status === 'queued') void result.outcome.then((outcome) => endPublish(span, topic, outcome));
        else endPublish(span, topic, result);
        return result;
      } catch (cause) {
        endFailed(span, cause);
        throw cause;
      }
    },
    request: (ask) => async (topic, data, options) => {
      const { span, traced } = startSend('request', topic, options);
      try {
        const answer = await ask(topic, data, traced);
        span.end();
        return answer;
      } catch (cause) {
        endFailed(span, cause);
        throw cause;
      }
    },
    requestStream: (ask) =>
      async function* (topic, data, options) {
        const { span, traced } = startSend('request', topic, options);
        let failure: { readonly cause: unknown } | undefined;
        try {
          yield* ask(topic, data, traced);
        } catch (cause) {
          failure = { cause };
          throw cause;
        } finally {
          if (failure) endFailed(span, failure.cause);
          else span.end();
        }
      },
    process: (filter, handler) => (message, topic, signal) => {
      const span = tracing.start(`process ${filter}`, {
        kind: 'consumer',
        parent: message.traceparent,
        attributes: describeReceived(message, topic, filter),
      });
      try {
        const result = span.run(() => handler(message, topic, signal));
        if (isThenable(result)) return endWith(span, result);
        span.end();
        return result;
      } catch (cause) {
        endFailed(span, cause);
        throw cause;
      }
    },
  };
}

const describe = (
  name: 'publish' | 'request' | 'process',
  type: 'send' | 'process',
  topic: string,
  id: string,
): TraceAttributes => ({
  'messaging.system': 'mqtt',
  'messaging.operation.name': name,
  'messaging.operation.type': type,
  'messaging.destination.name': topic,
  'messaging.message.id': id,
});

function describeReceived(message: Envelope<unknown>, topic: string, filter: string): TraceAttributes {
  const conversation = message.replyto === undefined ? message.correlationid : message.id;
  return {
    ...describe('process', 'process', topic, message.id),
    // Spans are named by the filter: there may be thousands of topics.
    ...(filter !== topic && { 'messaging.destination.template': filter }),
    ...(conversation !== undefined && { 'messaging.message.conversation_id': conversation }),
  };
}

async function endWith(span: TraceSpan, result: PromiseLike<unknown>): Promise<void> {
  try {
    await result;
    span.end();
  } catch (cause) {
    endFailed(span, cause);
    throw cause;
  }
}

function endPublish(span: TraceSpan, topic: string, outcome: PublishOutcome): void {
  if (outcome.status === 'sent') return span.end();
  if (outcome.status === 'dropped') return endFailed(span, outcome.error);
  const error = new Error(`${topic}: the message became too old before the broker had it`);
  span.end({ error, attributes: { 'error.type': 'expired' } });
}

function endFailed(span: TraceSpan, cause: unknown): void {
  const error = cause instanceof Error ? cause : new Error('it threw what is no error');
  const type = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  span.end({ error, attributes: { 'error.type': type } });
}
