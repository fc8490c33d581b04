import type { Envelope } from '@setpoint/protocol';
import type { Deduplication } from './deduplication.ts';

/** `kind`: faults of one kind may be reported once for many. */
export type OnFault = (message: string, cause: unknown, kind: string) => void;

export interface MessageHandlingOptions {
  /** Messages that may be handled at once. */
  readonly concurrency: number;
  readonly deduplication: Deduplication;
  /** @throws what is passed to `onFault`; the message is counted as invalid. */
  readonly open: (topic: string, payload: Uint8Array) => Envelope;
  /** What it returns is awaited. */
  readonly handler: (message: Envelope, topic: string) => unknown;
  readonly onFault: OnFault;
}

/** Opens messages, leaves out those that were handled before, and calls the handler. */
export interface MessageHandling {
  /** Returns nothing if the handler is done when it returns. */
  handle(topic: string, payload: Uint8Array): Promise<void> | undefined;
  /** Calls no handler for messages that still wait for another copy of themselves. */
  end(): void;
  /** Messages that `handle` was called with. */
  readonly started: number;
  readonly counts: HandlingCounts;
}

interface HandlingCounts {
  readonly handled: number;
  readonly failed: number;
  readonly duplicates: number;
  readonly invalid: number;
  /** Still waited for another copy of themselves at the end. */
  readonly dropped: number;
}

export function createMessageHandling(options: MessageHandlingOptions): MessageHandling {
  const { concurrency, deduplication, open, handler, onFault } = options;
  const counts = { handled: 0, failed: 0, duplicates: 0, invalid: 0, dropped: 0 };
  /** The end of the copy that runs, by source and id of the message. */
  const underWay = new Map<string, Promise<void>>();
  let started = 0;
  let isEnded = false;

  /** Two copies of one message are not handled at once: the second one waits to see whether it is needed. */
  async function callAlone(message: Envelope, topic: string): Promise<void> {
    const key = `${message.source}\0${message.id}`;
    for (let other = underWay.get(key); other; other = underWay.get(key)) await other;
    if (isEnded) {
      counts.dropped += 1;
      return;
    }
    const running = call(message, topic);
    if (!running) return;
    underWay.set(key, running);
    await running;
    underWay.delete(key);
  }

  function call(message: Envelope, topic: string): Promise<void> | undefined {
    if (deduplication.has(message)) {
      counts.duplicates += 1;
      return undefined;
    }
    try {
      const result = handler(message, topic);
      if (isThenable(result)) {
        return Promise.resolve(result).then(
          () => succeeded(message),
          (cause) => failed(topic, cause),
        );
      }
      succeeded(message);
    } catch (cause) {
      failed(topic, cause);
    }
    return undefined;
  }

  function succeeded(message: Envelope): void {
    counts.handled += 1;
    deduplication.add(message);
  }

  function failed(topic: string, cause: unknown): void {
    if (cause instanceof InvalidMessage) return ignored(topic, cause.cause);
    counts.failed += 1;
    onFault(`the handler of ${topic} threw`, cause, 'threw');
  }

  function ignored(topic: string, cause: unknown): void {
    counts.invalid += 1;
    onFault(`a message on ${topic} is ignored`, cause, 'ignored');
  }

  return {
    counts,
    get started() {
      return started;
    },
    handle(topic, payload) {
      let message: Envelope;
      started += 1;
      try {
        message = open(topic, payload);
      } catch (cause) {
        ignored(topic, cause);
        return undefined;
      }
      return concurrency === 1 ? call(message, topic) : callAlone(message, topic);
    },
    end() {
      isEnded = true;
    },
  };
}

/** Thrown in place of calling the user's handler: the message is at fault, not the handler. */
export class InvalidMessage extends Error {
  override readonly name = 'InvalidMessage';
}

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
