import type { Bus } from '@setpoint/bus';
import type { Envelope } from '@setpoint/protocol';
import type { OnFault } from './message-handling.ts';
import { isControl } from './reply-protocol.ts';

type Listener = (frame: Envelope) => void;

export interface InboxOptions {
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly topic: string;
  /** @throws what is passed to `onFault` */
  readonly open: (topic: string, payload: Uint8Array) => Envelope;
  readonly onFault: OnFault;
}

/** The topic on which this process gets replies to its requests, and control frames for the streams that it sends. */
export interface Inbox {
  readonly topic: string;
  /** Resolves when the broker has granted the topic. The first call subscribes to it. */
  listen(): Promise<void>;
  /** Calls `listener` with every frame of the reply to a request. Returns a function that ends it. */
  onAnswer(questionId: string, listener: Listener): () => void;
  /** Calls `listener` with every control frame of the requester for its stream. Returns a function that ends it. */
  onControl(questionId: string, listener: Listener): () => void;
}

/** Keeps nothing of a request that is over: a late reply is ignored. */
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
