import { type Envelope, type JsonObject, SetpointError } from '@setpoint/protocol';
import type { z } from 'zod';
import { InvalidMessage } from './delivery.ts';
import type { MessageOptions, Messenger } from './messenger.ts';
import type { PublishResult } from './outbox.ts';
import type { MessageSubscribeOptions, MessageSubscription } from './subscription.ts';

/** The names in the braces of a pattern: `{ sensor: string }` of `sensor/{sensor}/reading`. */
export type TopicParams<Pattern extends string> = string extends Pattern
  ? Readonly<Record<string, string>>
  : { readonly [Name in PlaceholderOf<Pattern>]: string };

type PlaceholderOf<Pattern extends string> = Pattern extends `${infer Level}/${infer Rest}`
  ? NameOf<Level> | PlaceholderOf<Rest>
  : NameOf<Pattern>;
type NameOf<Level extends string> = Level extends `{${infer Name}}` ? Name : never;

/** A kind of message: which topics it is on, and what its data is. */
export interface TypedTopic<Pattern extends string, Schema extends z.ZodType> {
  /** The pattern with `+` for every placeholder. */
  readonly filter: string;
  /**
   * The topic of these names.
   * @throws SetpointError `name_invalid` for one that is empty or has "/", "+", "#" or U+0000
   */
  topic(params: TopicParams<Pattern>): string;
  /** The names in a topic; undefined where it is another kind of topic. */
  params(topic: string): TopicParams<Pattern> | undefined;
  /**
   * Publishes `data` if it fits the schema.
   * @throws SetpointError `message_invalid` with every fault, `name_invalid`; and as `Messenger.publish`
   */
  publish(
    messenger: Messenger,
    params: TopicParams<Pattern>,
    data: z.input<Schema>,
    options?: MessageOptions,
  ): Promise<PublishResult>;
  /**
   * Calls `handler` with what the schema makes of the data. A message that doesn't fit is reported, counted as
   * `invalid`, and harms no other.
   * @throws as `Messenger.subscribe`
   */
  subscribe(
    messenger: Messenger,
    handler: (data: z.output<Schema>, context: TypedMessage<Pattern>) => unknown,
    options?: MessageSubscribeOptions,
  ): MessageSubscription;
}

export interface TypedMessage<Pattern extends string> {
  readonly params: TopicParams<Pattern>;
  readonly topic: string;
  readonly message: Envelope;
  readonly signal: AbortSignal;
}

/** What is published on a typed topic unless the call says otherwise. */
export type TopicDefaults = Pick<MessageOptions, 'type' | 'qos' | 'retain' | 'maxAgeMs'>;

const placeholder = /^\{([A-Za-z][A-Za-z0-9_]*)\}$/;
const maxFaults = 50;

/**
 * Defines a kind of message. A level of `pattern` is a text, a `{name}`, or `+` (a name that nobody needs; such a topic
 * can only be subscribed to).
 * @throws SetpointError `options_invalid` for a pattern with "#", a name twice, or braces within a level
 */
export function defineTopic<const Pattern extends string, Schema extends z.ZodType>(
  pattern: Pattern,
  schema: Schema,
  defaults: TopicDefaults = {},
): TypedTopic<Pattern, Schema> {
  type Params = TopicParams<Pattern>;
  const levels = parsePattern(pattern);

  const nameAt = (level: Level, given: string | undefined): string => {
    if (level.kind === 'text') return level.text;
    if (level.kind === 'name' && given !== undefined && given !== '' && !/[/+#\0]/.test(given)) return given;
    const what =
      level.kind === 'name' ? `"${given ?? ''}" can not stand for {${level.name}}` : '"+" stands for no topic';
    throw new SetpointError('name_invalid', `${pattern}: ${what}; give a text without "/", "+", "#" and U+0000`);
  };

  const topicOf = (params: Params): string => {
    const given = params as Readonly<Record<string, string | undefined>>;
    return levels.map((level) => nameAt(level, level.kind === 'name' ? given[level.name] : undefined)).join('/');
  };

  const paramsOf = (topic: string): Params | undefined => {
    const found: Record<string, string> = {};
    const given = topic.split('/');
    if (given.length !== levels.length) return undefined;
    for (const [index, level] of levels.entries()) {
      const text = given[index] as string;
      if (level.kind === 'text' && level.text !== text) return undefined;
      if (level.kind === 'name') found[level.name] = text;
    }
    return found as Params;
  };

  const filter = levels.map((level) => (level.kind === 'text' ? level.text : '+')).join('/');
  return {
    filter,
    topic: topicOf,
    params: paramsOf,
    async publish(messenger, params, data, options) {
      const topic = topicOf(params);
      const { error } = schema.safeParse(data);
      if (error) throw unfit(topic, error);
      return messenger.publish(topic, data as object, { ...defaults, ...options });
    },
    subscribe(messenger, handler, options) {
      return messenger.subscribe<JsonObject>(
        filter,
        (message, topic, signal) => {
          const { success, data, error } = schema.safeParse(message.data);
          if (!success) throw new InvalidMessage('it does not fit', { cause: unfit(topic, error) });
          return handler(data as z.output<Schema>, { params: paramsOf(topic) as Params, topic, message, signal });
        },
        options,
      );
    },
  };
}

type Level =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'any' };

function parsePattern(pattern: string): readonly Level[] {
  const names = new Set<string>();
  return pattern.split('/').map((level): Level => {
    if (level === '+') return { kind: 'any' };
    const name = placeholder.exec(level)?.[1];
    if (name === undefined && !/[{}+#\0]/.test(level)) return { kind: 'text', text: level };
    if (name !== undefined && !names.has(name)) {
      names.add(name);
      return { kind: 'name', name };
    }
    const message = `${JSON.stringify(pattern)} is no topic pattern: a level is a text, "+" or a {name} of its own, and ${JSON.stringify(level)} is none`;
    throw new SetpointError('options_invalid', message);
  });
}

function unfit(topic: string, error: z.ZodError): SetpointError {
  const faults = error.issues.slice(0, maxFaults).map(({ path, message }) => ({
    pointer: path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
    message,
  }));
  const text = faults.map(({ pointer, message }) => `${pointer || 'the data'} ${message}`).join('; ');
  const hint = 'make the data fit the schema of the topic, or change it on both sides';
  return new SetpointError('message_invalid', `${topic}: ${text}; ${hint}`, { faults });
}
