import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import { createInbox } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMessenger, type Messenger } from './messenger.ts';

let broker: MemoryBroker;
let stack: AsyncDisposableStack;
beforeEach(() => {
  broker = createMemoryBroker();
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

async function open(instance = 'vad-1') {
  const bus = broker.connect();
  stack.defer(() => bus.stop());
  await bus.start();
  const faults = createInbox<string>();
  const onFault = (message: string, cause: unknown): void => faults.put(`${message}: ${(cause as Error).message}`);
  const messenger = createMessenger({ bus, service: 'vad', instance, prefix: '', now: Date.now, onFault });
  return { bus, messenger, faults };
}

/** What callers without types may give. */
const untyped = (messenger: Messenger) =>
  messenger as unknown as Record<'publish' | 'request', (...given: unknown[]) => Promise<unknown>> &
    Record<'subscribe' | 'reply', (...given: unknown[]) => unknown> &
    Record<'requestStream', (...given: unknown[]) => AsyncGenerator<unknown>>;

const invalid = (message: string) =>
  expect.objectContaining({ name: 'SetpointError', code: 'options_invalid', message });

describe('Client-45-Wrong-Calls-Are-Told: a call', () => {
  const noTopics = [undefined, null, 5, 10n, Symbol('a'), {}, '', 'a/+', '#', 'a\0', '\ud800', 'x'.repeat(65_536)];

  it.each(noTopics)('a call without a valid topic is refused, with a connection and without (%#)', async (topic) => {
    const { messenger } = await open();
    const { publish, request, requestStream, subscribe } = untyped(messenger);
    const refusal = expect.objectContaining({ name: 'BusError', code: 'topic_invalid' });
    for (const isStopped of [false, true]) {
      if (isStopped) await broker.stop();
      await expect(publish(topic, {})).rejects.toEqual(refusal);
      await expect(request(topic, {})).rejects.toEqual(refusal);
      await expect(requestStream(topic, {}).next()).rejects.toEqual(refusal);
      if (topic !== 'a/+' && topic !== '#') expect(() => subscribe(topic, () => {})).toThrow(refusal);
    }
    expect(messenger.stats()).toMatchObject({ sent: 0, dropped: 0, waiting: 0, pendingRequests: 0, subscriptions: 0 });
  });

  it('a publish with wrong options rejects with all faults at once', async () => {
    const { messenger } = await open();
    const options = { qos: 2, retain: 'yes', maxAgeMs: 0, type: '', sequence: 5, traceparent: 'nope', maxAgeMS: 1 };
    await expect(untyped(messenger).publish('a', {}, options)).rejects.toMatchObject({
      code: 'options_invalid',
      message:
        'publish was called with wrong options: type must be a text of 1 to 512 characters; qos is 0 or 1; ' +
        'retain must be true or false; maxAgeMs must be 1 to 2147483647; ' +
        'sequence must be a text of 1 to 512 characters; ' +
        'traceparent must be a traceparent of W3C Trace Context, such as 00-<32 hex digits>-<16 hex digits>-01; ' +
        'maxAgeMS is no option; did you mean maxAgeMs?',
      faults: [
        { pointer: '/type' },
        { pointer: '/qos' },
        { pointer: '/retain' },
        { pointer: '/maxAgeMs' },
        { pointer: '/sequence' },
        { pointer: '/traceparent' },
        { pointer: '/maxAgeMS' },
      ],
    });
    expect(messenger.stats().sent).toBe(0);
  });

  const wrongOptions: readonly unknown[] = [
    ...[{ qos: 7 }, { qos: '1' }, { retain: 1 }, { maxAgeMs: Number.NaN }, { type: 5 }, { toString: 1 }],
    ...[null, 5, []],
  ];

  it.each(wrongOptions.map((options) => [options]))(
    'publish refuses %o, and the next connection is not ended by it',
    async (options) => {
      const { bus, messenger } = await open();
      await expect(untyped(messenger).publish('a', {}, options)).rejects.toMatchObject({ code: 'options_invalid' });
      await broker.stop();
      await expect(untyped(messenger).publish('a', {}, options)).rejects.toMatchObject({ code: 'options_invalid' });
      await broker.start();
      await bus.subscribe('b', () => {}).ready;
      expect(await messenger.publish('b', {})).toEqual({ status: 'sent' });
    },
  );

  it('publish accepts every option together', async () => {
    const { messenger } = await open();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const all = { type: 'a.v1', qos: 0, retain: false, maxAgeMs: 1, sequence: '1', traceparent } as const;
    expect(await messenger.publish('a', {}, all)).toEqual({ status: 'sent' });
    const none = { type: undefined, qos: undefined, sequence: undefined };
    expect(await untyped(messenger).publish('a', {}, none)).toEqual({ status: 'sent' });
  });

  it('request and requestStream reject wrong options with all faults at once', async () => {
    const { messenger } = await open();
    const { request, requestStream } = untyped(messenger);
    const rest = 'timeoutMs must be 1 to 2147483647; signal must be an AbortSignal';
    const options = { timeoutMs: '5', signal: {}, qos: 0 };
    await expect(request('a', {}, options)).rejects.toEqual(
      invalid(`request was called with wrong options: ${rest}; qos is no option`),
    );
    const stream = requestStream('a', {}, { ...options, idleTimeoutMs: Number.POSITIVE_INFINITY });
    await expect(stream.next()).rejects.toEqual(
      invalid(
        `requestStream was called with wrong options: ${rest}; idleTimeoutMs must be 1 to 2147483647; qos is no option`,
      ),
    );
    expect(messenger.stats().pendingRequests).toBe(0);
  });

  it.each(['subscribe', 'reply'] as const)(
    'a call of %s with wrong options throws with all faults at once',
    async (call) => {
      const { messenger } = await open();
      const listen = untyped(messenger)[call];
      const queue = { limit: 0, maxBytes: -1, policy: 'x', bogus: 1 };
      expect(() => listen('a', undefined, { qos: 2, concurrency: 1.5, queue, retain: true })).toThrow(
        invalid(
          `${call} was called with wrong options: handler must be a function; qos is 0 or 1; ` +
            'queue/limit must be a whole number from 1 to 1000000; ' +
            'queue/maxBytes must be a whole number from 1 to 4294967296; ' +
            'queue/policy must be drop-oldest, latest-per-topic or back-pressure; queue/bogus is no option; ' +
            'concurrency must be a whole number from 1 to 10000; retain is no option',
        ),
      );
      for (const options of [null, 5, { queue: 5 }]) {
        expect(() => listen('a', () => ({}), options)).toThrow(expect.objectContaining({ code: 'options_invalid' }));
      }
      expect(messenger.stats().subscriptions).toBe(0);
    },
  );
});

describe('Client-46-Data-Is-An-Object: data', () => {
  const noObjects = [undefined, null, 'a', 5, 10n, [1, 2], () => 1, new Date(0), new Map(), new Set(), { a: 10n }];

  it.each(noObjects)('that does not become a JSON object is refused by the one who sends it (%#)', async (data) => {
    const { messenger } = await open();
    const { publish, request, requestStream } = untyped(messenger);
    const refusal = expect.objectContaining({ name: 'SetpointError', code: 'message_invalid' });
    await expect(publish('a', data)).rejects.toEqual(refusal);
    await expect(request('a', data)).rejects.toEqual(refusal);
    await expect(requestStream('a', data).next()).rejects.toEqual(refusal);
    expect(messenger.stats()).toMatchObject({ sent: 0, pendingRequests: 0 });
  });

  it('of an interface, a class and a literal is taken; lists and other kinds of objects are no type for it', async () => {
    interface Reading {
      readonly celsius: number;
    }
    class Lamp {
      readonly isOn = true;
    }
    const { messenger } = await open();
    const reading: Reading = { celsius: 21 };
    const object: object = reading;
    for (const sent of [
      messenger.publish('a', reading),
      messenger.publish('a', object),
      messenger.publish('a', new Lamp()),
      messenger.publish('a', { call: 1, items: [2] }),
    ]) {
      expect(await sent).toEqual({ status: 'sent' });
    }
    const refused = [
      // @ts-expect-error a list
      messenger.publish('a', [1, 2]),
      // @ts-expect-error a date
      messenger.publish('a', new Date()),
      // @ts-expect-error a map
      messenger.publish('a', new Map()),
      // @ts-expect-error a function
      messenger.publish('a', () => 1),
      // @ts-expect-error a promise that nobody awaits
      messenger.publish('a', Promise.resolve({})),
      // @ts-expect-error a text
      messenger.publish('a', 'hello'),
      // @ts-expect-error a list
      messenger.request('a', [1]),
    ];
    for (const result of await Promise.allSettled(refused)) expect(result.status).toBe('rejected');
  });
});

describe('Client-47-Replies-Say-What-Is-Wrong: an answer', () => {
  it.each([
    ['nothing', async () => {}, 'nothing'],
    ['null', () => null, 'no object'],
    ['a list', () => [1, 2], 'no object'],
    ['a text', async () => 'the password is 1234', 'no object'],
    ['a bigint within', () => ({ secret: 10n }), 'no object'],
    ['too much', () => ({ text: 'x'.repeat(1_100_000) }), 'more than a message takes'],
    [
      'a stream of texts',
      async function* () {
        yield 'the password is 1234';
      },
      'no object',
    ],
  ])('that is %s is told on both sides', async (_, handler, what) => {
    const asking = await open('vad-1');
    const { messenger, faults } = await open('asr-1');
    const replying = untyped(messenger).reply('cmd', handler) as ReturnType<Messenger['reply']>;
    await replying.ready;
    await expect(asking.messenger.request('cmd', {})).rejects.toMatchObject({
      code: 'reply_failed',
      message: `the service that replies on cmd failed: its handler returned ${what} (it may have done its work); its log says more`,
    });
    expect(await faults.next()).toContain(`the handler of cmd threw: it returned ${what}: `);
    expect(replying.stats()).toMatchObject({ received: 1, failed: 1 });
  });

  it('a reply handler that returns nothing, a list or a stream of numbers does not compile', async () => {
    const { messenger } = await open();
    // @ts-expect-error nothing is returned
    messenger.reply('a', async () => {});
    // @ts-expect-error a list
    messenger.reply('b', () => [1, 2]);
    // @ts-expect-error a stream of numbers
    messenger.reply('c', async function* () {
      yield 1;
    });
    messenger.reply('d', () => ({ isOn: true }));
    messenger.reply('e', async function* () {
      yield { isOn: true };
    });
    expect(messenger.stats().subscriptions).toBe(5);
  });
});
