import type { Bus } from '@setpoint/bus';
import type { Envelope } from '@setpoint/protocol';
import type { OnFault } from './message-handling.ts';
import { isControl } from './reply-protocol.ts';

type Listener = (frame: Envelope) => void;

export interface InboxOptions {
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly topic: string;
  /** @throws what `onFault` is told */
  readonly open: (topic: string, payload: Uint8Array) => Envelope;
  readonly onFault: OnFault;
}

/** The one topic on which this process gets answers to its questions, and what steers the streams that it sends. */
export interface Inbox {
  readonly topic: string;
  /** Resolves when the broker has granted the topic. It is asked for at the first call. */
  listen(): Promise<void>;
  /** Calls `listener` with every answer to a question of this process. Returns a function that ends it. */
  onAnswer(questionId: string, listener: Listener): () => void;
  /** Calls `listener` with what the one who asked says of the stream that it gets. */
  onControl(questionId: string, listener: Listener): () => void;
}

/** Holds nothing of a question that is over: a late answer is ignored. */
export function createInbox({ bus, topic, open, onFault }: InboxOptions): Inbox {
  const answers = new Map<string, Listener>();
  const controls = new Map<string, Listener>();
  let listening: Promise<void> | undefined;

  function receive(payload: Uint8Array): void {
    try {
      const frame = open(topic, payload);
      const listeners = isControl(frame) ? controls : answers;
      if (frame.correlationid !== undefined) listeners.get(frame.correlationid)?.(frame);
    } catch (cause) {
      onFault(`a message on ${topic} is ignored`, cause, `ignored ${topic}`);
    }
  }

  const register = (listeners: Map<string, Listener>, id: string, listener: Listener): (() => void) => {
    listeners.set(id, listener);
    return () => void listeners.delete(id);
  };

  return {
    topic,
    listen() {
      listening ??= bus.subscribe(topic, ({ payload }) => receive(payload)).ready;
      return listening;
    },
    onAnswer: (id, listener) => register(answers, id, listener),
    onControl: (id, listener) => register(controls, id, listener),
  };
}
