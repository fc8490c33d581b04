import { BusError, type BusStatus, type PublishOptions } from '@setpoint/bus';
import { createMemoryBroker } from '@setpoint/bus/memory';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createOutbox, type OutboxOptions, type PublishResult } from './outbox.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** The bus's side, whose answers the test gives. */
function openBus(kind: 'connected' | 'connecting' = 'connected') {
  const sent: { topic: string; options: PublishOptions | undefined; done: () => void; fail: (e: Error) => void }[] = [];
  let status = (kind === 'connected' ? { kind, session: 1 } : { kind, attempt: 0 }) as BusStatus;
  let listener: (status: BusStatus) => void = () => {};
  return {
    sent,
    topics: () => sent.map(({ topic }) => topic),
    become(next: BusStatus) {
      status = next;
      listener(next);
    },
    bus: {
      get status() {
        return status;
      },
      onStatus: (called: (status: BusStatus) => void) => {
        listener = called;
        return () => {};
      },
      publish: (topic: string, _payload: Uint8Array | string, options?: PublishOptions) =>
        new Promise<void>((done, fail) => sent.push({ topic, options, done, fail })),
    },
  };
}

const lost: BusStatus = { kind: 'reconnecting', attempt: 0, reason: 'gone' };
const back: BusStatus = { kind: 'connected', session: 2 };

function open(kind?: 'connected' | 'connecting', bounds: Partial<OutboxOptions> = {}) {
  const { bus, ...rest } = openBus(kind);
  const outbox = createOutbox({ bus, maxMessages: 3, maxBytes: 100, policy: 'drop-oldest', ...bounds });
  const publish = (topic: string, options: { qos?: 0 | 1; maxAgeMs?: number; bytes?: number } = {}) => {
    const { qos = 1, maxAgeMs = 1000, bytes = 10 } = options;
    return outbox.publish(topic, new Uint8Array(bytes), { qos, retain: false, maxAgeMs });
  };
  return { outbox, publish, ...rest };
}

async function outcomeOf(result: PublishResult) {
  if (result.status !== 'queued') throw new Error(`not queued, but ${result.status}`);
  return result.outcome;
}

describe('a bus that throws', () => {
  const throwing = (cause: unknown) => {
    const { bus, ...rest } = openBus('connecting');
    const publish = (topic: string, payload: Uint8Array | string, options?: PublishOptions): Promise<void> => {
      if (topic === 'good') return bus.publish(topic, payload, options);
      throw cause;
    };
    const outbox = createOutbox({
      bus: Object.create(bus, { publish: { value: publish } }),
      maxMessages: 10_000,
      maxBytes: 1_000_000,
      policy: 'refuse',
    });
    const send = (topic: string) =>
      outbox.publish(topic, new Uint8Array(10), { qos: 1, retain: false, maxAgeMs: 1000 });
    return { ...rest, outbox, send };
  };

  it.each([new TypeError('no packet'), undefined, 'a text'])(
    'harms no connection and no other message (%s)',
    async (cause) => {
      const { outbox, send, become, topics, sent } = throwing(cause);
      const bad = await Promise.all(Array.from({ length: 5000 }, () => send('bad')));
      const good = await send('good');
      expect(() => become(back)).not.toThrow();
      for (const outcome of await Promise.all(bad.map(outcomeOf))) {
        expect(outcome).toMatchObject({
          status: 'dropped',
          reason: 'publish_refused',
          error: { name: 'BusError', cause },
        });
      }
      expect(topics()).toEqual(['good']);
      sent[0]?.done();
      expect(await outcomeOf(good)).toEqual({ status: 'sent' });
      expect(outbox.counters()).toEqual({
        sent: 1,
        dropped: 5000,
        expired: 0,
        waiting: 0,
        waitingBytes: 0,
        underWay: 0,
      });
    },
  );

  it('is answered at once where there is a connection', async () => {
    const { send, become } = throwing(new TypeError('no packet'));
    become(back);
    expect(await send('bad')).toMatchObject({ status: 'dropped', reason: 'publish_refused' });
  });
});

describe('a message', () => {
  it('is sent when the broker has it', async () => {
    const { publish, sent } = open();
    const result = publish('a');
    sent[0]?.done();
    expect(await result).toEqual({ status: 'sent' });
  });

  it('is queued at once without a connection, and sent in its order when there is one', async () => {
    const { publish, sent, topics, become, outbox } = open('connecting');
    const results = [await publish('a'), await publish('b')];
    expect([topics(), outbox.counters()]).toMatchObject([[], { waiting: 2, waitingBytes: 20, underWay: 0 }]);
    become(back);
    expect(topics()).toEqual(['a', 'b']);
    for (const { done } of sent) done();
    expect(await Promise.all(results.map(outcomeOf))).toEqual([{ status: 'sent' }, { status: 'sent' }]);
    expect(outbox.counters()).toEqual({ sent: 2, dropped: 0, expired: 0, waiting: 0, waitingBytes: 0, underWay: 0 });
  });

  it('is queued when the connection is lost while it is under way', async () => {
    const { publish, sent, become } = open();
    const publishing = publish('a');
    become(lost);
    const result = await publishing;
    expect(result.status).toBe('queued');
    sent[0]?.done();
    expect(await outcomeOf(result)).toEqual({ status: 'sent' });
  });

  it('expires at its age, each at its own', async () => {
    const { publish, become, topics, outbox } = open('connecting');
    const old = await publish('a', { maxAgeMs: 500 });
    const young = await publish('b', { maxAgeMs: 2000 });
    const oldest = await publish('c', { maxAgeMs: 100 });
    await vi.advanceTimersByTimeAsync(100);
    expect(await outcomeOf(oldest)).toEqual({ status: 'expired', maybeSent: false });
    await vi.advanceTimersByTimeAsync(400);
    expect(await outcomeOf(old)).toEqual({ status: 'expired', maybeSent: false });
    expect(outbox.counters()).toMatchObject({ expired: 2, waiting: 1, waitingBytes: 10 });
    become(back);
    expect(topics()).toEqual(['b']);
    expect(young.status).toBe('queued');
  });

  it('that expires under way says that it may have been sent, and holds its place until the bus is done', async () => {
    const { publish, sent, outbox } = open();
    const result = publish('a', { maxAgeMs: 100 });
    await vi.advanceTimersByTimeAsync(100);
    expect(await result).toEqual({ status: 'expired', maybeSent: true });
    expect(outbox.counters().underWay).toBe(1);
    sent[0]?.done();
    await Promise.resolve();
    expect(outbox.counters()).toMatchObject({ sent: 0, expired: 1, underWay: 0 });
  });

  it('is tried again where the bus gave up before its age', async () => {
    const { publish, sent, topics } = open();
    const result = publish('a', { maxAgeMs: 60_000 });
    sent[0]?.fail(new BusError('publish_timeout', 'too late'));
    await Promise.resolve();
    await Promise.resolve();
    expect(topics()).toEqual(['a', 'a']);
    sent[1]?.done();
    expect(await result).toEqual({ status: 'sent' });
  });

  it('that the broker refuses is dropped with the reason', async () => {
    const { publish, sent } = open();
    const result = publish('a');
    const error = new BusError('publish_refused', 'no');
    sent[0]?.fail(error);
    expect(await result).toEqual({ status: 'dropped', reason: 'publish_refused', error });
  });

  it('of QoS 0 waits for no connection', async () => {
    const { publish, sent, become, outbox } = open();
    expect(sent).toEqual([]);
    become(lost);
    expect(await publish('a', { qos: 0 })).toMatchObject({ status: 'dropped', reason: 'not_connected' });
    expect(outbox.counters()).toMatchObject({ dropped: 1, waiting: 0 });
  });

  it.each(['', 'a/+', '#', 'a\0'])('to the topic %j is thrown back', async (topic) => {
    const { publish } = open('connecting');
    await expect(publish(topic)).rejects.toMatchObject({ code: 'topic_invalid' });
  });
});

describe('a full outbox', () => {
  it('drops the oldest', async () => {
    const { publish, outbox } = open('connecting');
    const [first] = [await publish('a'), await publish('b'), await publish('c'), await publish('d')];
    expect(await outcomeOf(first as PublishResult)).toMatchObject({
      status: 'dropped',
      reason: 'outbox_full',
      error: {
        message: 'a: 3 messages of 30 bytes wait already; slow down, or raise outboxMaxMessages, outboxMaxBytes',
      },
    });
    expect(outbox.counters()).toMatchObject({ dropped: 1, waiting: 3 });
  });

  it('refuses the new one where that is the policy', async () => {
    const { publish, outbox } = open('connecting', { policy: 'refuse' });
    for (const topic of ['a', 'b', 'c']) await publish(topic);
    expect(await publish('d')).toMatchObject({ status: 'dropped', reason: 'outbox_full' });
    expect(outbox.counters()).toMatchObject({ dropped: 1, waiting: 3 });
  });

  it('is full by bytes too, and has no room at all for what is larger than it', async () => {
    const { publish, outbox } = open('connecting');
    await publish('a', { bytes: 60 });
    await publish('b', { bytes: 60 });
    expect(outbox.counters()).toMatchObject({ dropped: 1, waiting: 1, waitingBytes: 60 });
    expect(await publish('c', { bytes: 101 })).toMatchObject({ status: 'dropped', reason: 'outbox_full' });
  });

  it('is its own: to the bus no more goes at once than it takes, in bytes too', async () => {
    const bytes = 1_048_576;
    const { publish, sent, outbox } = open('connected', { maxMessages: 1000, maxBytes: 1_000_000_000 });
    const results = Array.from({ length: 60 }, (_, n) => publish(`t${n}`, { bytes }));
    expect(outbox.counters()).toMatchObject({ underWay: 8, waiting: 52, waitingBytes: 52 * bytes, dropped: 0 });
    for (let n = 0; n < 60; n += 1) {
      sent[n]?.done();
      await vi.advanceTimersByTimeAsync(0);
    }
    expect((await Promise.all(results)).every(({ status }) => status === 'sent')).toBe(true);
    expect(sent.map(({ topic }) => topic)).toEqual(Array.from({ length: 60 }, (_, n) => `t${n}`));
    // One that is larger than all that may be there at once goes alone.
    void publish('large', { bytes: 9_000_000 });
    void publish('small');
    expect(outbox.counters()).toMatchObject({ underWay: 1, waiting: 1 });
  });

  it('is one while connected too: 64 are with the bus, the rest waits', async () => {
    const { publish, sent, outbox } = open();
    const results = Array.from({ length: 70 }, (_, n) => publish(`t${n}`));
    expect(sent).toHaveLength(64);
    expect(outbox.counters()).toMatchObject({ underWay: 64, waiting: 3, dropped: 3 });
    expect(await results[64]).toMatchObject({ status: 'dropped', reason: 'outbox_full' });
    sent[0]?.done();
    await results[0];
    expect(sent[64]?.topic).toBe('t67');
  });
});

describe('at the end', () => {
  it('what waits is dropped, and what comes too', async () => {
    const { publish, outbox } = open('connecting');
    const waiting = await publish('a');
    outbox.stop();
    expect(await outcomeOf(waiting)).toMatchObject({ status: 'dropped', reason: 'stopped' });
    expect(await publish('b')).toMatchObject({ status: 'dropped', reason: 'stopped' });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('what is under way is waited for as long as there is a connection', async () => {
    const { publish, sent, outbox, become } = open();
    void publish('a');
    void publish('b');
    const drained = vi.fn();
    const draining = outbox.whenDrained().then(drained);
    sent[0]?.done();
    await vi.advanceTimersByTimeAsync(0);
    expect(drained).not.toHaveBeenCalled();
    become(lost);
    await draining;
    expect(outbox.counters()).toMatchObject({ sent: 1 });
  });
});

it('carries messages over a broker that goes and comes back', async () => {
  vi.useRealTimers();
  const broker = createMemoryBroker();
  await using bus = broker.connect();
  await using listener = broker.connect();
  await Promise.all([bus.start(), listener.start()]);
  const heard: string[] = [];
  const all = Promise.withResolvers<void>();
  const subscription = listener.subscribe('#', ({ topic }) => {
    heard.push(topic);
    if (heard.length === 20) all.resolve();
  });
  await subscription.ready;
  const outbox = createOutbox({ bus, maxMessages: 100, maxBytes: 10_000, policy: 'drop-oldest' });
  await broker.stop();
  while (bus.status.kind === 'connected') await new Promise(setImmediate);
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      outbox.publish(`t/${n}`, new Uint8Array(1), { qos: 1, retain: true, maxAgeMs: 20_000 }),
    ),
  );
  expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['queued']));
  await broker.start();
  expect(await Promise.all(results.map(outcomeOf))).toEqual(Array.from({ length: 20 }, () => ({ status: 'sent' })));
  await all.promise;
  expect(heard.sort()).toEqual(Array.from({ length: 20 }, (_, n) => `t/${n}`).sort());
  outbox.stop();
});
