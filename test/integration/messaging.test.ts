import { connect } from '@setpoint/client';
import { createEnvelopeWriter } from '@setpoint/protocol';
import { availableBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { hangMs } from '@setpoint/test-support/hang';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const until = async (isThere: () => boolean): Promise<void> => {
  while (!isThere()) await new Promise((settle) => setTimeout(settle, 2));
};

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  const start = async (stack: AsyncDisposableStack, instance: string) => {
    const connection = await connect({
      bus: (options) => broker.connect(options),
      service: 'talker',
      instance,
      schema: z.object({}),
      cacheDir: false,
      startTimeoutMs: 1,
      logger,
    });
    stack.use(connection);
    await connection.bus.start();
    return connection;
  };

  it('holds messages published while the broker is away, and reports the outcome of each', async () => {
    await using stack = new AsyncDisposableStack();
    const sender = await start(stack, 'talker-1');
    const listener = await start(stack, 'talker-2');
    const heard: unknown[] = [];
    const subscription = listener.messenger.subscribe<{ n: number }>('away/+', ({ data }) => heard.push(data.n));
    await subscription.ready;
    await broker.stop();
    await until(() => sender.bus.status.kind !== 'connected' && listener.bus.status.kind !== 'connected');
    const results = [];
    for (let n = 0; n < 10; n++) results.push(await sender.messenger.publish(`away/${n}`, { n }, { retain: true }));
    const old = await sender.messenger.publish('away/old', { n: -1 }, { maxAgeMs: 20 });
    expect(new Set([...results, old].map(({ status }) => status))).toEqual(new Set(['queued']));
    expect(await (old.status === 'queued' ? old.outcome : old)).toEqual({ status: 'expired', maybeSent: false });
    await broker.start({ keepRetained: true });
    const outcomes = await Promise.all(results.map((result) => (result.status === 'queued' ? result.outcome : result)));
    expect(outcomes).toEqual(Array.from({ length: 10 }, () => ({ status: 'sent' })));
    await until(() => heard.length === 10);
    expect(new Set(heard)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  });

  it('Client-16-Burst-Kept: delivers all of ten thousand messages that come at once to a quick handler, with the default queue', async () => {
    await using stack = new AsyncDisposableStack();
    const listener = await start(stack, 'talker-2');
    const source = stack.use(broker.connect({ outboxMaxMessages: 10_000 }));
    await source.start();
    const writer = createEnvelopeWriter({ source: '/instance/source' });
    const heard: number[] = [];
    const subscription = listener.messenger.subscribe<{ n: number }>('burst/+', ({ data }) => heard.push(data.n));
    await subscription.ready;
    const all = Array.from({ length: 10_000 }, (_, n) => n);
    for (const n of all) {
      const { bytes } = writer.seal({ type: 'a.type', subject: 'talker', data: { n } });
      void source.publish(`burst/${n % 5}`, bytes, { qos: 0 });
    }
    await until(() => subscription.stats().received === 10_000 && subscription.stats().waiting === 0);
    expect(subscription.stats()).toMatchObject({ handled: 10_000, dropped: 0 });
    expect(heard).toEqual(all);
  });

  it('streams an answer, and ends it at its source when the requester stops reading', async () => {
    await using stack = new AsyncDisposableStack();
    const asker = await start(stack, 'talker-1');
    const replier = await start(stack, 'talker-2');
    let made = 0;
    const ended = Promise.withResolvers<void>();
    const subscription = replier.messenger.reply<{ upTo: number }>('count', async function* ({ upTo }) {
      try {
        for (made = 0; made < upTo; made++) yield { n: made };
      } finally {
        ended.resolve();
      }
    });
    await subscription.ready;
    const items: number[] = [];
    for await (const { n } of asker.messenger.requestStream<{ n: number }>('count', { upTo: 60 })) items.push(n);
    expect(items).toEqual(Array.from({ length: 60 }, (_, n) => n));
    for await (const { n } of asker.messenger.requestStream<{ n: number }>('count', { upTo: 1e9 })) if (n === 30) break;
    await ended.promise;
    expect(made).toBeLessThan(60);
  });

  it('subscribes again after backpressure, and gets what was retained meanwhile', async () => {
    await using stack = new AsyncDisposableStack();
    const sender = await start(stack, 'talker-1');
    const listener = await start(stack, 'talker-2');
    const heard: number[] = [];
    const go = Promise.withResolvers<void>();
    const subscription = listener.messenger.subscribe<{ n: number }>(
      'fast/+',
      async ({ data }) => {
        heard.push(data.n);
        await go.promise;
      },
      { queue: { policy: 'back-pressure', limit: 5 } },
    );
    await subscription.ready;
    for (let n = 0; n < 6; n++) await sender.messenger.publish('fast/a', { n });
    await until(() => subscription.stats().isPaused);
    // Nothing of this connection is held up by it.
    await listener.bus.subscribe('a-marker', () => {}).ready;
    await sender.messenger.publish('fast/b', { n: 100 }, { retain: true });
    go.resolve();
    await until(() => heard.includes(100));
    expect(heard).toEqual([0, 1, 2, 3, 4, 5, 100]);
    expect(subscription.stats()).toMatchObject({ dropped: 0, pauses: 1, isPaused: false });
  });

  it("stops although a handler hangs, and aborts the handler's signal", async () => {
    await using stack = new AsyncDisposableStack();
    const connection = await start(stack, 'talker-1');
    const entered = Promise.withResolvers<AbortSignal>();
    const subscription = connection.messenger.subscribe('hang', (_, __, signal) => {
      entered.resolve(signal);
      return new Promise(() => {});
    });
    await subscription.ready;
    await connection.messenger.publish('hang', {});
    const signal = await entered.promise;
    const startedAtMs = performance.now();
    const stopping = connection.stop();
    expect(signal.aborted).toBe(true);
    await Promise.all([stopping, connection.stop()]);
    expect(performance.now() - startedAtMs).toBeLessThan(hangMs);
    expect(await connection.messenger.publish('hang', {})).toMatchObject({ status: 'dropped', reason: 'stopped' });
  });
});
