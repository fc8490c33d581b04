import { type Envelope, type JsonObject, SetpointError } from '@setpoint/protocol';
import type { z } from 'zod';
import { definitionOf, isZodSchema } from '../options/schema-places.ts';
import { checkListening, checkOptions, publishShape, topicShape } from './call-options.ts';
import type { MessageData } from './message-data.ts';
import { InvalidMessage } from './message-handling.ts';
import { createPublishPromise, type MessageOptions, type PublishPromise } from './message-publisher.ts';
import type { Messenger } from './messenger.ts';
import type { MessageSubscribeOptions, PendingMessageSubscription } from './subscription.ts';

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
  ): PublishPromise;
  /**
   * Calls `handler` with what the schema makes of the data. A message that doesn't fit is reported, counted as
   * `invalid`, and harms no other.
   * @throws as `Messenger.subscribe`
   */
  subscribe(
    messenger: Messenger,
    handler: (data: z.output<Schema>, context: TypedMessage<Pattern>) => unknown,
    options?: MessageSubscribeOptions,
  ): PendingMessageSubscription;
}

export interface TypedMessage<Pattern extends string> {
  readonly params: TopicParams<Pattern>;
  readonly topic: string;
  readonly message: Envelope;
  readonly signal: AbortSignal;
}

/** What is published on a typed topic unless the call says otherwise. */
export type TopicDefaults = Pick<MessageOptions, 'type' | 'qos' | 'retain' | 'maxAgeMs'>;

/** A schema of data that a message can have; a schema whose input type is unknown is checked when the topic is defined. */
type DataSchema<Schema extends z.ZodType> =
  z.input<Schema> extends MessageData
    ? Schema
    : unknown extends z.input<Schema>
      ? Schema
      : z.ZodType<unknown, MessageData>;

const placeholder = /^\{([A-Za-z][A-Za-z0-9_]*)\}$/;
const maxFaults = 50;

/**
 * Defines a kind of message. A level of `pattern` is a text, a `{name}`, or `+` (a name that nobody needs; such a topic
 * can only be subscribed to).
 * @throws SetpointError `options_invalid` for a pattern with "#", a name twice, or braces within a level, for a schema
 * that takes no object, and for defaults that can't be right
 * @example
 * const light = defineTopic('room/{room}/light', z.object({ on: z.boolean() }));
 * await light.publish(messenger, { room: 'hall' }, { on: true });
 */
export function defineTopic<const Pattern extends string, Schema extends z.ZodType>(
  pattern: Pattern,
  schema: Schema & DataSchema<Schema>,
  defaults: TopicDefaults = {},
): TypedTopic<Pattern, Schema> {
  type Params = TopicParams<Pattern>;
  checkOptions(defaults, topicShape);
  checkSchema(pattern, schema);
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
    let start = 0;
    for (const level of levels) {
      if (start > topic.length) return undefined;
      const slash = topic.indexOf('/', start);
      const text = topic.slice(start, slash < 0 ? topic.length : slash);
      if (level.kind === 'text' && level.text !== text) return undefined;
      if (level.kind === 'name') found[level.name] = text;
      start += text.length + 1;
    }
    if (start <= topic.length) return undefined;
    return found as Params;
  };

  const filter = levels.map((level) => (level.kind === 'text' ? level.text : '+')).join('/');
  return {
    filter,
    topic: topicOf,
    params: paramsOf,
    publish: (messenger, params, data, options) =>
      createPublishPromise(() => {
        const topic = topicOf(params);
        const { error } = schema.safeParse(data);
        if (error) throw unfit(topic, error);
        checkOptions(options, publishShape);
        return messenger.publish(topic, data as MessageData, { ...defaults, ...options });
      }),
    subscribe(messenger, handler, options) {
      checkListening('subscribe', handler, options);
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

function checkSchema(pattern: string, schema: z.ZodType): void {
  if (!isZodSchema(schema)) {
    throw new SetpointError('options_invalid', `the schema of ${JSON.stringify(pattern)} must be a zod schema`);
  }
  const root = rootOf(schema);
  if (root === undefined) return;
  const message = `the schema of ${JSON.stringify(pattern)} takes no object (${root} at its root), and a message has no other data; put it into a member, as z.object({ value: … })`;
  throw new SetpointError('options_invalid', message);
}

/**
 * Returns the kind of value that a schema accepts instead of an object; undefined if it accepts one, or if that depends on
 * code. It looks at the input side, which is what is sent: the result of a transform is the receiver's own.
 */
function rootOf(schema: z.core.$ZodType, outer: readonly z.core.$ZodType[] = []): string | undefined {
  // A schema that contains itself adds nothing to what its other parts say.
  if (outer.includes(schema)) return undefined;
  const path = [...outer, schema];
  const definition = definitionOf(schema);
  switch (definition.type) {
    case 'object':
    case 'record':
    case 'any':
    case 'unknown':
    case 'custom':
    case 'transform':
      return undefined;
    case 'union': {
      const roots = definition.options.map((option) => rootOf(option, path));
      return roots.includes(undefined) ? undefined : roots.join(', ');
    }
    case 'intersection':
      return rootOf(definition.left, path) ?? rootOf(definition.right, path);
    case 'pipe':
      return rootOf(definition.in, path);
    case 'lazy':
      return rootOf(definition.getter(), path);
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'catch':
    case 'success':
      return rootOf(definition.innerType, path);
    default:
      return definition.type;
  }
}

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
