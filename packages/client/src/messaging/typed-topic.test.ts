import { createMemoryBroker } from '@setpoint/bus/memory';
import { createInbox } from '@setpoint/test-support/samples';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { createMessenger } from './messenger.ts';
import { defineTopic } from './typed-topic.ts';

const reading = defineTopic('sensor/{sensor}/reading', z.object({ celsius: z.number(), at: z.coerce.date() }));

async function open(stack: AsyncDisposableStack) {
  const bus = stack.use(createMemoryBroker().connect());
  await bus.start();
  const faults = createInbox<Error>();
  const onFault = (_: string, cause: unknown): void => faults.put(cause as Error);
  const messenger = createMessenger({ bus, service: 'a', instance: 'a-1', prefix: '', now: Date.now, onFault });
  return { messenger, faults };
}

describe('a typed topic', () => {
  it('a typed topic passes the names in the topic and the parsed data to the handler', async () => {
    await using stack = new AsyncDisposableStack();
    const { messenger } = await open(stack);
    const heard = createInbox<unknown>();
    const subscription = reading.subscribe(messenger, ({ celsius, at }, { params, topic, message, signal }) => {
      expectTypeOf(celsius).toEqualTypeOf<number>();
      expectTypeOf(params.sensor).toEqualTypeOf<string>();
      heard.put([celsius, at, params, topic, message.data, signal.aborted]);
    });
    await subscription.ready;
    const sent = await reading.publish(messenger, { sensor: 'hall' }, { celsius: 21, at: '2026-06-01T00:00:00Z' });
    expect(sent).toEqual({ status: 'sent' });
    expect(await heard.next()).toEqual([
      21,
      new Date('2026-06-01T00:00:00Z'),
      { sensor: 'hall' },
      'sensor/hall/reading',
      { celsius: 21, at: '2026-06-01T00:00:00Z' },
      false,
    ]);
  });

  it('a typed topic reports and counts a message that does not fit its schema', async () => {
    await using stack = new AsyncDisposableStack();
    const { messenger, faults } = await open(stack);
    const heard = createInbox<number>();
    const subscription = reading.subscribe(messenger, ({ celsius }) => heard.put(celsius));
    await subscription.ready;
    await messenger.publish('sensor/hall/reading', { celsius: 'warm', at: 0 });
    await reading.publish(messenger, { sensor: 'hall' }, { celsius: 3, at: 0 });
    expect(await heard.next()).toBe(3);
    expect(await faults.next()).toMatchObject({ code: 'message_invalid', faults: [{ pointer: '/celsius' }] });
    expect(subscription.stats()).toMatchObject({ received: 2, invalid: 1, failed: 0, handled: 1 });
  });

  it('a typed topic refuses to publish data that does not fit, with every fault', async () => {
    await using stack = new AsyncDisposableStack();
    const { messenger } = await open(stack);
    const wrong = { celsius: 'warm', at: 'yesterday' } as never;
    await expect(reading.publish(messenger, { sensor: 'hall' }, wrong)).rejects.toMatchObject({
      code: 'message_invalid',
      faults: [{ pointer: '/celsius' }, { pointer: '/at' }],
    });
    expect(messenger.stats().sent).toBe(0);
  });

  it('refuses a call that can not be right', async () => {
    await using stack = new AsyncDisposableStack();
    const { messenger } = await open(stack);
    const data = { celsius: 21, at: 0 };
    await expect(reading.publish(messenger, { sensor: 'hall' }, data, 5 as never)).rejects.toMatchObject({
      code: 'options_invalid',
    });
    expect(() => reading.subscribe(messenger, undefined as never)).toThrow('handler must be a function');
  });

  it('a typed topic publishes with its defaults', async () => {
    await using stack = new AsyncDisposableStack();
    const { messenger } = await open(stack);
    const state = defineTopic('lamp/{lamp}/state', z.object({ on: z.boolean() }), { type: 'lamp.v1', retain: true });
    await state.publish(messenger, { lamp: 'a' }, { on: true });
    const heard = createInbox<string>();
    state.subscribe(messenger, (_, { message }) => heard.put(message.type));
    expect(await heard.next()).toBe('lamp.v1');
  });
});

describe('a schema', () => {
  const object = z.object({ a: z.number() });
  interface Tree {
    readonly children: readonly Tree[];
  }
  const tree: z.ZodType<Tree> = z.lazy(() => z.object({ children: z.array(tree) }));

  it.each([
    ['an object', object],
    ['a record', z.record(z.string(), z.number())],
    ['one of several', z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.object({ k: z.literal('b') })])],
    ['an object with all its defaults', z.object({ a: z.number().default(1) }).prefault({})],
    ['an object that becomes something else', object.transform(({ a }) => [a])],
    ['two at once', object.and(z.object({ b: z.number() }))],
    ['a tree', tree],
    ['anything', z.any()],
    ['what code looks at', z.custom<{ a: number }>((value) => typeof value === 'object')],
    ['what code reads first', z.preprocess((value) => value, object) as z.ZodType],
    ['an object or a list, of which only the object can come', z.union([object, z.array(object)]) as z.ZodType],
  ])('of %s is taken', (_, schema) => {
    expect(defineTopic('a', schema as z.ZodType).filter).toBe('a');
  });

  it.each([
    [z.array(object), 'array'],
    [z.string(), 'string'],
    [z.string().optional(), 'string'],
    [z.number().default(1), 'number'],
    [z.coerce.date(), 'date'],
    [z.tuple([object]), 'tuple'],
    [z.map(z.string(), object), 'map'],
    [z.union([z.string(), z.array(object)]), 'string, array'],
    [z.string().transform((text) => ({ text })), 'string'],
    [z.lazy(() => z.array(object)), 'array'],
    [z.enum(['a', 'b']).readonly(), 'enum'],
  ])('that no message can fit is refused when the topic is defined (%#)', (schema, root) => {
    expect(() => defineTopic('a/{b}', schema as z.ZodType)).toThrow(
      expect.objectContaining({
        code: 'options_invalid',
        message: `the schema of "a/{b}" takes no object (${root} at its root), and a message has no other data; put it into a member, as z.object({ value: … })`,
      }),
    );
  });

  it('a schema that no message can fit does not compile', () => {
    // @ts-expect-error a list
    expect(() => defineTopic('a', z.array(object))).toThrow();
    // @ts-expect-error a text
    expect(() => defineTopic('a', z.string())).toThrow();
    for (const schema of [null, undefined, {}, { safeParse: () => {} }]) {
      expect(() => defineTopic('a', schema as never)).toThrow('the schema of "a" must be a zod schema');
    }
  });

  it('a typed topic refuses wrong defaults', () => {
    expect(() => defineTopic('a', object, { qos: 2, retained: true } as never)).toThrow(
      'defineTopic was called with wrong options: qos is 0 or 1; retained is no option; did you mean retain?',
    );
  });
});

describe('a pattern', () => {
  it('a typed topic has a filter, makes a topic of names, and reads the names of a topic', () => {
    const pair = defineTopic('{room}/x/{lamp_2}', z.object({}));
    expect(pair.filter).toBe('+/x/+');
    expect(pair.topic({ room: 'hall', lamp_2: 'b' })).toBe('hall/x/b');
    expect(pair.params('hall/x/b')).toEqual({ room: 'hall', lamp_2: 'b' });
    expect([pair.params('hall/y/b'), pair.params('hall/x'), pair.params('hall/x/b/c')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    // @ts-expect-error a name is missing
    expect(() => pair.topic({ room: 'hall' })).toThrow('"" can not stand for {lamp_2}');
  });

  it('a typed topic with an unnamed level can only be subscribed to', () => {
    const any = defineTopic('sensor/+/reading', z.object({}));
    expect([any.filter, any.params('sensor/a/reading')]).toEqual(['sensor/+/reading', {}]);
    expect(() => any.topic({})).toThrow('"+" stands for no topic');
  });

  it.each(['a/#', '{a}/{a}', 'a{b}', '{}', 'a/{b', '{1}', 'a+/b'])('%s is refused', (pattern) => {
    expect(() => defineTopic(pattern, z.object({}))).toThrow(/is no topic pattern/);
  });

  it('a typed topic reads back every name that a topic can carry, and refuses every other one', () => {
    const topic = defineTopic('a/{one}/{two}', z.object({}));
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, two) => {
        const isName = (text: string): boolean => text !== '' && !/[/+#\0]/.test(text);
        if (isName(one) && isName(two)) expect(topic.params(topic.topic({ one, two }))).toEqual({ one, two });
        else expect(() => topic.topic({ one, two })).toThrow(/can not stand for/);
      }),
    );
  });
});
