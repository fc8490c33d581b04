import type { Bus, QoS } from '@setpoint/bus';
import { createEnvelopeWriter, type Envelope, type JsonObject, openEnvelope, SetpointError } from '@setpoint/protocol';
import { createRecentIds } from './recent-ids.ts';

/** Messages between services, over the connection that configuration comes on. Each is a CloudEvent. */
export interface Messenger {
  /**
   * Publishes `data`; resolves when the broker has it.
   * @throws SetpointError `message_too_large`; BusError as of `Bus.publish`
   */
  publish(topic: string, data: object, options?: MessageOptions): Promise<void>;
  /**
   * Calls `handler` once for every message on a matching topic (`+`, `#`), one after another in the order of
   * arrival. A message that comes twice is delivered once; one whose handler threw is not counted as delivered.
   * Returns a function that ends it.
   */
  subscribe<T = JsonObject>(
    filter: string,
    handler: (message: Envelope<T>, topic: string) => unknown,
  ): () => Promise<void>;
  /**
   * Publishes a question and resolves with the answer's data.
   * @throws SetpointError `no_answer` after `timeoutMs`
   */
  request<T = JsonObject>(topic: string, data: object, options?: RequestOptions): Promise<T>;
  /** Answers questions on a topic with what `handler` returns. Returns a function that ends it. */
  reply<T = JsonObject>(
    filter: string,
    handler: (data: T, topic: string) => object | Promise<object>,
  ): () => Promise<void>;
}

export interface MessageOptions {
  /** The CloudEvents type. @default "setpoint.message.v1" */
  readonly type?: string;
  /** @default 1 */
  readonly qos?: QoS;
  /** @default false */
  readonly retain?: boolean;
}

export interface RequestOptions {
  /** Milliseconds. @default 5000 */
  readonly timeoutMs?: number;
}

export interface MessengerOptions {
  readonly bus: Bus;
  readonly service: string;
  readonly instance: string;
  readonly prefix: string;
  readonly now: () => number;
  /** Told of a handler that threw, and of a message that is no CloudEvent. */
  readonly onFault: (message: string, cause: unknown) => void;
}

const messageType = 'setpoint.message.v1';
/** Ids of delivered messages that each subscription remembers. */
const rememberedIds = 2048;
/** Messages that may wait for a handler; past it the oldest is dropped and said so. */
const maxWaiting = 1000;

export function createMessenger(options: MessengerOptions): Messenger {
  const { bus, service, instance, prefix, now, onFault } = options;
  const writer = createEnvelopeWriter({ source: `/instance/${instance}`, now });
  const replyTopic = `${prefix === '' ? '' : `${prefix}/`}service/${service}/reply/${instance}`;
  const waiting = new Map<string, (data: JsonObject) => void>();
  let listening: Promise<void> | undefined;

  const open = (topic: string, payload: Uint8Array): Envelope | undefined => {
    try {
      return openEnvelope(payload, { role: 'operator', now: now() }).envelope;
    } catch (cause) {
      onFault(`a message on ${topic} is ignored`, cause);
      return undefined;
    }
  };

  /** Answers are listened for from the first question on. */
  function listen(): Promise<void> {
    listening ??= bus.subscribe(replyTopic, ({ topic, payload }) => {
      const envelope = open(topic, payload);
      if (envelope?.correlationid) waiting.get(envelope.correlationid)?.(envelope.data);
    }).ready;
    return listening;
  }

  const messenger: Messenger = {
    async publish(topic, data, { type = messageType, qos = 1, retain = false } = {}) {
      await bus.publish(topic, writer.seal({ type, subject: service, data }).bytes, { qos, retain });
    },
    subscribe(filter, handler) {
      const delivery = createDelivery(onFault, (envelope, topic) => handler(envelope as never, topic));
      const subscription = bus.subscribe(filter, ({ topic, payload }) => {
        const envelope = open(topic, payload);
        if (envelope) delivery.put(envelope, topic);
      });
      return () => {
        delivery.end();
        return subscription.close();
      };
    },
    async request<T>(topic: string, data: object, { timeoutMs = 5000 }: RequestOptions = {}) {
      const { id, bytes } = writer.seal({ type: messageType, subject: service, data, replyto: replyTopic });
      const answered = new Promise<JsonObject>((settle) => waiting.set(id, settle));
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        const message = `nobody answered on ${topic} within ${timeoutMs} ms; is a service that replies there running?`;
        timer = setTimeout(() => reject(new SetpointError('no_answer', message)), timeoutMs);
      });
      try {
        const sent = listen().then(() => bus.publish(topic, bytes));
        return (await Promise.race([sent.then(() => answered), late])) as T;
      } finally {
        clearTimeout(timer);
        waiting.delete(id);
      }
    },
    reply(filter, handler) {
      return messenger.subscribe(filter, async (message, topic) => {
        if (message.replyto === undefined) return;
        const data = await handler(message.data as never, topic);
        const { bytes } = writer.seal({ type: messageType, subject: service, data, correlationid: message.id });
        await bus.publish(message.replyto, bytes);
      });
    },
  };
  return messenger;
}

interface Delivery {
  put(envelope: Envelope, topic: string): void;
  /** Drops what waits. */
  end(): void;
}

/** One after another, each id once, a throw reported. */
function createDelivery(
  onFault: MessengerOptions['onFault'],
  handler: (envelope: Envelope, topic: string) => unknown,
): Delivery {
  const delivered = createRecentIds(rememberedIds);
  const queue: { envelope: Envelope; topic: string }[] = [];
  let isRunning = false;

  async function run(): Promise<void> {
    isRunning = true;
    for (let next = queue.shift(); next; next = queue.shift()) {
      if (delivered.has(next.envelope.id)) continue;
      try {
        await handler(next.envelope, next.topic);
        delivered.add(next.envelope.id);
      } catch (cause) {
        onFault(`the handler of ${next.topic} threw`, cause);
      }
    }
    isRunning = false;
  }

  function put(envelope: Envelope, topic: string): void {
    if (queue.length >= maxWaiting) {
      queue.shift();
      onFault(
        `the handler of ${topic} is too slow: the oldest of ${maxWaiting} waiting messages was dropped`,
        undefined,
      );
    }
    queue.push({ envelope, topic });
    if (!isRunning) void run();
  }

  return { put, end: () => void queue.splice(0) };
}
