import type { Bus } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import { createEnvelopeWriter } from '@setpoint/protocol';
import { createInbox } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMessenger } from './messenger.ts';
import type { MessageSubscribeOptions, MessageSubscription } from './subscription.ts';

let broker: MemoryBroker;
let stack: AsyncDisposableStack;
beforeEach(() => {
  broker = createMemoryBroker();
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

async function open(dedupe = { ttlMs: 30_000, maxEntries: 2048 }) {
  const bus = broker.connect({ outboxMaxMessages: 100_000 });
  stack.defer(() => bus.stop());
  await bus.start();
  const faults = createInbox<string>();
  const onFault = (message: string): void => faults.put(message);
  const options = { bus, service: 'vad', instance: 'vad-1', prefix: '', now: Date.now, dedupe, onFault };
  return { bus, messenger: createMessenger(options), faults };
}

const writer = createEnvelopeWriter({ source: '/instance/stranger' });
const seal = (id: string, n = 0, sequence?: string): Uint8Array =>
  writer.seal({ id, type: 'a.type', subject: 'vad', data: { n }, sequence }).bytes;

/** A handler that stays in every call until it is let go. */
function createGate<T>() {
  const entered = createInbox<T>();
  const waiting: (() => void)[] = [];
  let isOpen = false;
  return {
    entered,
    enter: (item: T): Promise<void> | undefined => {
      entered.put(item);
      return isOpen ? undefined : new Promise((settle) => waiting.push(settle));
    },
    releaseOne: () => waiting.shift()?.(),
    open: () => {
      isOpen = true;
      for (const settle of waiting.splice(0)) settle();
    },
  };
}

const until = async (isThere: () => boolean): Promise<void> => {
  while (!isThere()) await new Promise((settle) => setTimeout(settle, 1));
};

describe('a subscription', () => {
  it('a subscription gets what its filter matches, and no topic of the broker through a wildcard', async () => {
    const { bus, messenger } = await open();
    const filters = ['#', '+/b', 'a/#', 'a/b', '$SYS/#', '+/+', '+'];
    const heard = new Map<string, string[]>();
    for (const filter of filters) {
      heard.set(filter, []);
      await messenger.subscribe(filter, (_, topic) => heard.get(filter)?.push(topic)).ready;
    }
    for (const topic of ['a/b', 'a', '$SYS/b', 'c/b', 'end']) await bus.publish(topic, seal(topic));
    await until(() => heard.get('#')?.includes('end') === true);
    expect(Object.fromEntries(heard)).toEqual({
      '#': ['a/b', 'a', 'c/b', 'end'],
      '+/b': ['a/b', 'c/b'],
      'a/#': ['a/b', 'a'],
      'a/b': ['a/b'],
      '$SYS/#': ['$SYS/b'],
      '+/+': ['a/b', 'c/b'],
      '+': ['a', 'end'],
    });
  });

  it('aborts the signal of its handler when the subscription is closed', async () => {
    const { bus, messenger } = await open();
    const entered = createInbox<AbortSignal>();
    const ended = Promise.withResolvers<unknown>();
    const subscription = messenger.subscribe('a', async (_, __, signal) => {
      entered.put(signal);
      signal.addEventListener('abort', () => ended.resolve(signal.reason));
      await ended.promise;
    });
    await subscription.ready;
    await bus.publish('a', seal('1'));
    await bus.publish('a', seal('2'));
    expect((await entered.next()).aborted).toBe(false);
    await until(() => subscription.stats().waiting === 1);
    await subscription.close();
    expect(await ended.promise).toMatchObject({ message: 'the subscription a was closed' });
    await until(() => subscription.stats().running === 0);
    expect(subscription.stats()).toMatchObject({ received: 2, handled: 1, dropped: 1, waiting: 0 });
    await subscription.close();
    expect(messenger.stats().subscriptions).toBe(0);
  });

  it('aborts the signal of a handler when the messenger stops, and waits for the handler no longer than the grace time', async () => {
    const { bus, messenger } = await open();
    const entered = createInbox<AbortSignal>();
    const subscription = messenger.subscribe('a', (_, __, signal) => {
      entered.put(signal);
      return new Promise(() => {});
    });
    await subscription.ready;
    await bus.publish('a', seal('1'));
    const signal = await entered.next();
    await messenger.stop({ graceMs: 20 });
    expect(signal.aborted).toBe(true);
    expect(await messenger.publish('a', {})).toMatchObject({ status: 'dropped', reason: 'stopped' });
    await messenger.stop();
  });

  it('a subscription handles as many messages at once as concurrency says, and never two copies of one message', async () => {
    const { bus, messenger } = await open();
    const gate = createGate<string>();
    const subscription = messenger.subscribe('a', ({ id }) => gate.enter(id), { concurrency: 3 });
    await subscription.ready;
    for (const id of ['1', '1', '2', '3']) await bus.publish('a', seal(id));
    await until(() => subscription.stats().received === 4);
    expect(gate.entered.all).toEqual(['1', '2']);
    expect(subscription.stats()).toMatchObject({ running: 3, waiting: 1 });
    gate.releaseOne();
    await until(() => subscription.stats().duplicates === 1);
    gate.open();
    await until(() => subscription.stats().running === 0);
    expect(gate.entered.all).toEqual(['1', '2', '3']);
  });

  it('the second copy of a message reaches the handler when the first one failed, also when both wait', async () => {
    const { bus, messenger, faults } = await open();
    const gate = createGate<string>();
    let calls = 0;
    const subscription = messenger.subscribe(
      'a',
      async ({ id }) => {
        calls += 1;
        const isFirst = calls === 1;
        await gate.enter(id);
        if (isFirst) throw new Error('not yet');
      },
      { concurrency: 2 },
    );
    await subscription.ready;
    await bus.publish('a', seal('1'));
    await bus.publish('a', seal('1'));
    await gate.entered.next();
    gate.open();
    await until(() => subscription.stats().handled === 1);
    expect(subscription.stats()).toMatchObject({ received: 2, failed: 1, handled: 1, duplicates: 0 });
    expect(faults.all).toEqual(['the handler of a threw']);
  });

  it('knows a message that was sent again under another id by its sequence', async () => {
    const { bus, messenger } = await open();
    const heard: string[] = [];
    const subscription = messenger.subscribe('a', ({ id }) => heard.push(id));
    await subscription.ready;
    await bus.publish('a', seal('1', 0, '41'));
    await bus.publish('a', seal('2', 0, '41'));
    await bus.publish('a', seal('3', 0, '42'));
    await until(() => subscription.stats().received === 3);
    expect(heard).toEqual(['1', '3']);
  });

  it('delivers every copy where deduplication is off', async () => {
    const { bus, messenger } = await open({ ttlMs: 0, maxEntries: 1 });
    const heard: string[] = [];
    const subscription = messenger.subscribe('a', ({ id }) => heard.push(id));
    await subscription.ready;
    await bus.publish('a', seal('1'));
    await bus.publish('a', seal('1'));
    await until(() => subscription.stats().received === 2);
    expect(heard).toEqual(['1', '1']);
  });

  it.each([
    ['queue/limit must be a whole number from 1 to 1000000', { queue: { limit: 0 } }],
    ['queue/maxBytes must be a whole number from 1 to 4294967296', { queue: { maxBytes: Number.NaN } }],
    ['concurrency must be a whole number from 1 to 10000', { concurrency: 10_001 }],
  ])('is refused where %s', async (fault, options) => {
    const { messenger } = await open();
    expect(() => messenger.subscribe('a', () => {}, options)).toThrow(
      `subscribe was called with wrong options: ${fault}`,
    );
  });
});

describe('a burst', () => {
  /** All of them arrive in one turn of the event loop. */
  const burst = (bus: Bus, count: number): void => {
    for (let n = 0; n < count; n++) void bus.publish(`t/${n % 5}`, seal(`${n}`, n), { qos: 0 });
  };

  it.each<[string, (n: number, all: number[]) => unknown, MessageSubscribeOptions]>([
    ['returns at once', (n, all) => void all.push(n), {}],
    ['returns a promise', async (n, all) => void all.push(n), {}],
    ['does without a large queue', async (n, all) => void all.push(n), { queue: { limit: 20 } }],
    ['wants room for few bytes', (n, all) => void all.push(n), { queue: { maxBytes: 4000 } }],
    ['may run several times at once', (n, all) => void all.push(n), { concurrency: 4 }],
    ['would have its filter taken back', (n, all) => void all.push(n), { queue: { policy: 'back-pressure' } }],
  ])('of ten thousand messages is handled to the last one where the handler %s', async (_, handle, options) => {
    const { bus, messenger, faults } = await open();
    const all: number[] = [];
    const subscription = messenger.subscribe<{ n: number }>('t/+', ({ data }) => handle(data.n, all), options);
    await subscription.ready;
    burst(bus, 10_000);
    await until(() => subscription.stats().received === 10_000 && subscription.stats().running === 0);
    expect(faults.all).toEqual([]);
    expect(subscription.stats()).toMatchObject({ handled: 10_000, dropped: 0, waiting: 0, pauses: 0 });
    expect(all).toEqual(Array.from({ length: 10_000 }, (_, n) => n));
  });

  it('a burst is handled to the last message by every quick handler, although each waits for the others', async () => {
    const { bus, messenger, faults } = await open();
    const subscriptions = ['t/+', '#', 't/+'].map((filter) => messenger.subscribe(filter, () => {}));
    for (const { ready } of subscriptions) await ready;
    burst(bus, 10_000);
    await until(() => subscriptions.every((each) => each.stats().handled + each.stats().dropped === 10_000));
    expect(subscriptions.map((each) => each.stats().handled)).toEqual([10_000, 10_000, 10_000]);
    expect(faults.all).toEqual([]);
  });

  it('a burst on one topic leaves the latest message where that is the policy, and holds nothing back', async () => {
    const { bus, messenger } = await open();
    const gate = createGate<number>();
    const subscription = messenger.subscribe<{ n: number }>('t/+', ({ data }) => gate.enter(data.n), {
      queue: { policy: 'latest-per-topic', limit: 5 },
    });
    await subscription.ready;
    burst(bus, 1000);
    await until(() => subscription.stats().received === 1000);
    expect(subscription.stats()).toMatchObject({ waiting: 5, replaced: 994, dropped: 0 });
    gate.open();
    await until(() => subscription.stats().handled === 6);
    expect(gate.entered.all).toEqual([0, 996, 997, 998, 999, 995]);
  });

  it('a burst holds the connection back for a moment only, and the report says what came and what was taken', async () => {
    const { bus, messenger, faults } = await open();
    const gate = createGate<number>();
    const subscription = messenger.subscribe<{ n: number }>('t/+', ({ data }) => gate.enter(data.n));
    const other = messenger.subscribe('t/0', () => {});
    await Promise.all([subscription.ready, other.ready]);
    burst(bus, 10_000);
    await until(() => other.stats().handled === 2000);
    expect(subscription.stats()).toMatchObject({ received: 10_000, waiting: 1000, dropped: 8999 });
    expect(faults.all).toEqual([
      expect.stringMatching(
        /^the oldest of 1000 messages that wait for the handler of t\/\d was dropped: within \d+ ms 1001 came and it took 0; make it faster, /,
      ),
    ]);
    gate.open();
    await until(() => subscription.stats().handled === 1001);
  });
});

describe('a slow handler', () => {
  it('a subscription with latest-per-topic gets the latest message of each topic', async () => {
    const { bus, messenger, faults } = await open();
    const gate = createGate<string>();
    const subscription = messenger.subscribe<{ n: number }>(
      't/+',
      ({ data }, topic) => gate.enter(`${topic} ${data.n}`),
      { queue: { policy: 'latest-per-topic', limit: 10 } },
    );
    await subscription.ready;
    await bus.publish('t/first', seal('0'));
    await gate.entered.next();
    for (let n = 1; n <= 50; n++) {
      await bus.publish('t/a', seal(`a${n}`, n));
      await bus.publish('t/b', seal(`b${n}`, n));
    }
    await until(() => subscription.stats().received === 101);
    expect(subscription.stats()).toMatchObject({ waiting: 2, replaced: 98, dropped: 0 });
    gate.open();
    await until(() => subscription.stats().handled === 3);
    expect(gate.entered.all).toEqual(['t/first 0', 't/a 50', 't/b 50']);
    expect(faults.all).toEqual([]);
  });

  it('a subscription with back-pressure unsubscribes at the broker, and gets afterwards what was retained meanwhile', async () => {
    const { bus, messenger } = await open();
    const gate = createGate<number>();
    const subscription = messenger.subscribe<{ n: number }>('t/#', ({ data }) => gate.enter(data.n), {
      queue: { policy: 'back-pressure', limit: 4 },
    });
    const other: string[] = [];
    await messenger.subscribe('t/+/x', ({ id }) => other.push(id)).ready;
    await subscription.ready;
    for (let n = 0; n < 5; n++) await bus.publish('t/a', seal(`a${n}`, n));
    await until(() => subscription.stats().isPaused);
    await bus.publish('t/kept/x', seal('kept', 100), { retain: true });
    await bus.publish('t/lost/x', seal('lost', 200));
    await until(() => other.length === 2);
    expect(subscription.stats()).toMatchObject({ received: 5, waiting: 4, dropped: 0, pauses: 1, isPaused: true });
    gate.open();
    await until(() => gate.entered.all.includes(100));
    expect(gate.entered.all).toEqual([0, 1, 2, 3, 4, 100]);
    expect(subscription.stats()).toMatchObject({ pauses: 1, isPaused: false });
    expect(other).toEqual(['kept', 'lost']);
  });

  it('a slow handler delays no other handler', async () => {
    const { bus, messenger } = await open();
    const slow = createGate<string>();
    const subscription = messenger.subscribe('a', ({ id }) => slow.enter(id));
    const heard = createInbox<string>();
    await messenger.subscribe('a', ({ id }) => heard.put(id)).ready;
    await bus.publish('a', seal('1'));
    await bus.publish('a', seal('2'));
    expect([await heard.next(), await heard.next()]).toEqual(['1', '2']);
    expect(slow.entered.all).toEqual(['1']);
    await subscription.close();
  });
});

it('the counters account for every message, whatever its handler does', async () => {
  const { bus, messenger } = await open();
  let calls = 0;
  const subscription: MessageSubscription = messenger.subscribe(
    'a',
    (): unknown => {
      calls += 1;
      // As long as all of it takes to arrive: a burst that a handler can take is not dropped.
      if (calls === 2) return until(() => subscription.stats().received === 300);
      if (calls % 3 === 0) throw new Error('every third');
      return calls % 2 === 0 ? new Promise((settle) => setImmediate(settle)) : undefined;
    },
    { queue: { limit: 20 } },
  );
  await subscription.ready;
  await Promise.all(
    Array.from({ length: 300 }, (_, n) => bus.publish('a', n % 10 === 0 ? 'no event' : seal(`${n % 200}`))),
  );
  await until(() => subscription.stats().received === 300 && subscription.stats().running === 0);
  const { handled, failed, duplicates, invalid, dropped, replaced, waiting } = subscription.stats();
  expect(handled + failed + duplicates + invalid + dropped + replaced + waiting).toBe(300);
  expect(Math.min(handled, failed, invalid, dropped)).toBeGreaterThan(0);
});
