import { type Bus, BusError, type BusStatus, type PublishOptions } from '@setpoint/bus';
import { createMemoryBroker, type MemoryNetwork } from '@setpoint/bus/memory';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createMessagePublisher,
  createPublishPromise,
  type MessagePublisherOptions,
  outcomeOf,
  type PublishResult,
} from './message-publisher.ts';

const lost: BusStatus = { kind: 'reconnecting', attempt: 0, reason: 'gone' };
const connected: BusStatus = { kind: 'connected', session: 1 };

/** A bus whose answers the test gives. */
function openScripted(status: BusStatus = connected, publish?: Bus['publish']) {
  const sent: { topic: string; options: PublishOptions | undefined; done: () => void; fail: (e: unknown) => void }[] =
    [];
  const listeners = new Set<(status: BusStatus) => void>();
  const bus: MessagePublisherOptions['bus'] = {
    get status() {
      return status;
    },
    onStatus(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    publish:
      publish ??
      ((topic, _payload, options) => new Promise<void>((done, fail) => sent.push({ topic, options, done, fail }))),
  };
  const publisher = createMessagePublisher({ bus, maxMessages: 3, maxBytes: 100, policy: 'drop-oldest' });
  return {
    sent,
    publisher,
    send: (topic: string, qos: 0 | 1 = 1) =>
      publisher.publish(topic, new Uint8Array(10), { qos, retain: false, maxAgeMs: 1000 }),
    become(next: BusStatus) {
      status = next;
      for (const listener of listeners) listener(next);
    },
  };
}

/** A bus in memory, which connects when the test says so; `answers` are held back by the network until `answer` is called. */
function openInMemory(bounds: Partial<MessagePublisherOptions> = {}) {
  let isUp = false;
  const answers: (() => void)[] = [];
  const network: MemoryNetwork = {
    admits: () => isUp,
    carry: ({ kind }, pass) => {
      if (kind === 'answer') answers.push(pass);
      else pass();
    },
  };
  const broker = createMemoryBroker({ network });
  const bus = broker.connect();
  const publisher = createMessagePublisher({
    bus,
    maxMessages: 3,
    maxBytes: 100,
    policy: 'drop-oldest',
    ...bounds,
  });
  return {
    bus,
    publisher,
    answers,
    publish(topic: string, options: { qos?: 0 | 1; maxAgeMs?: number; bytes?: number } = {}) {
      const { qos = 1, maxAgeMs = 1000, bytes = 9 } = options;
      return publisher.publish(topic, new Uint8Array(bytes), { qos, retain: false, maxAgeMs });
    },
    async connect() {
      isUp = true;
      await bus.start();
    },
    /** Answers everything, and what is sent because of it. */
    async answerAll() {
      for (let rounds = 0; rounds < 20; rounds += 1) {
        for (const answer of answers.splice(0)) answer();
        await new Promise(setImmediate);
      }
    },
    [Symbol.asyncDispose]: () => bus.stop({ abrupt: true }),
  };
}

async function endOf(result: PublishResult) {
  if (result.status !== 'queued') throw new Error(`not queued, but ${result.status}`);
  return result.outcome;
}

describe('a published message', () => {
  it('a published message is sent when the bus has published it', async () => {
    const { send, sent, publisher } = openScripted();
    const result = send('a');
    sent[0]?.done();
    expect(await result).toEqual({ status: 'sent' });
    expect(publisher.counters()).toMatchObject({ sent: 1, dropped: 0, expired: 0 });
  });

  it('a published message carries its age and the lane of the publisher', async () => {
    const { send, sent } = openScripted();
    void send('a');
    void send('b');
    const [first, second] = sent.map(({ options }) => options);
    expect(first).toEqual({ qos: 1, retain: false, maxAgeMs: 1000, lane: expect.anything() });
    expect(second?.lane).toBe(first?.lane);
  });

  it('a message is queued at once without a connection, and sent when there is one', async () => {
    const { send, sent, become } = openScripted(lost);
    const results = [await send('a'), await send('b')];
    become(connected);
    for (const { done } of sent) done();
    expect(await Promise.all(results.map(endOf))).toEqual([{ status: 'sent' }, { status: 'sent' }]);
  });

  it('a message is queued when the connection is lost while it is under way', async () => {
    const { send, sent, become } = openScripted();
    const publishing = send('a');
    become(lost);
    const result = await publishing;
    sent[0]?.done();
    expect(await endOf(result)).toEqual({ status: 'sent' });
  });

  it('a QoS 0 message is never queued', async () => {
    const { send, sent, become } = openScripted();
    const publishing = send('a', 0);
    become(lost);
    const error = new BusError('not_connected', 'no connection');
    sent[0]?.fail(error);
    expect(await publishing).toEqual({ status: 'dropped', reason: 'not_connected', error });
  });

  it.each([
    [true, true],
    [false, false],
    [undefined, true],
  ])('expires when the bus gives it up (maybe sent: %s)', async (given, maybeSent) => {
    const { send, sent, publisher } = openScripted();
    const result = send('a');
    sent[0]?.fail(new BusError('publish_timeout', 'late', given === undefined ? {} : { maybeSent: given }));
    expect(await result).toEqual({ status: 'expired', maybeSent });
    expect(publisher.counters()).toMatchObject({ expired: 1 });
  });

  it('a message that the broker refuses is dropped with the reason', async () => {
    const { send, sent } = openScripted();
    const result = send('a');
    const error = new BusError('publish_refused', 'no');
    sent[0]?.fail(error);
    expect(await result).toEqual({ status: 'dropped', reason: 'publish_refused', error });
  });

  it.each(['', 'a/+', '#', 'a\0'])('a message to the topic %j rejects', async (topic) => {
    await using opened = openInMemory();
    await expect(opened.publish(topic)).rejects.toMatchObject({ code: 'topic_invalid' });
    expect(opened.publisher.counters()).toMatchObject({ dropped: 0, waiting: 0 });
  });

  it.each([new TypeError('no packet'), undefined, 'a text'])(
    'a message is dropped when the bus throws %s, and disturbs no other message',
    async (cause) => {
      const { publisher, send } = openScripted(connected, async (topic) => {
        if (topic === 'bad') throw cause;
      });
      const bad = await Promise.all(Array.from({ length: 5000 }, () => send('bad')));
      for (const result of bad) {
        expect(result).toMatchObject({
          status: 'dropped',
          reason: 'publish_refused',
          error: { name: 'BusError', cause },
        });
      }
      expect(await send('good')).toEqual({ status: 'sent' });
      expect(publisher.counters()).toMatchObject({ sent: 1, dropped: 5000 });
    },
  );
});

describe('the promise of publish', () => {
  it('House-13-Awaited-Outcome: has the outcome in the end, whether or not the message was queued', async () => {
    const { send, sent, become } = openScripted(lost);
    const promise = createPublishPromise(() => send('a'));
    expect((await promise).status).toBe('queued');
    become(connected);
    sent[0]?.done();
    expect(await promise.outcome).toEqual({ status: 'sent' });
    const second = createPublishPromise(() => send('b'));
    sent[1]?.done();
    expect(await second.outcome).toEqual({ status: 'sent' });
  });

  it('rejects with what was thrown, and so does its outcome', async () => {
    const promise = createPublishPromise(() => {
      throw new Error('wrong call');
    });
    await expect(promise).rejects.toThrow('wrong call');
    await expect(promise.outcome).rejects.toThrow('wrong call');
    expect(
      promise.then(
        () => {},
        () => {},
      ).constructor,
    ).toBe(Promise);
  });
});

describe('messages that wait in the bus', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('waiting messages expire each at its own age', async () => {
    await using opened = openInMemory();
    const { publish, publisher, connect, answerAll } = opened;
    const old = await publish('a', { maxAgeMs: 500 });
    const young = await publish('b', { maxAgeMs: 2000 });
    const oldest = await publish('c', { maxAgeMs: 100 });
    await vi.advanceTimersByTimeAsync(100);
    expect(await endOf(oldest)).toEqual({ status: 'expired', maybeSent: false });
    await vi.advanceTimersByTimeAsync(400);
    expect(await endOf(old)).toEqual({ status: 'expired', maybeSent: false });
    expect(publisher.counters()).toMatchObject({ expired: 2, waiting: 1, waitingBytes: 10 });
    await connect();
    await answerAll();
    expect(await endOf(young)).toEqual({ status: 'sent' });
  });

  it('a message that expires under way says that it may have been sent', async () => {
    await using opened = openInMemory();
    const { publish, publisher, connect, answerAll } = opened;
    await connect();
    const result = publish('a', { maxAgeMs: 100 });
    await vi.advanceTimersByTimeAsync(100);
    expect(await result).toEqual({ status: 'expired', maybeSent: true });
    expect(publisher.counters().underWay).toBe(1);
    await answerAll();
    expect(publisher.counters()).toMatchObject({ sent: 0, expired: 1, underWay: 0 });
  });

  it('a message is sent again when the broker is silent about it, up to its age', async () => {
    await using opened = openInMemory();
    const { publish, connect, answers, answerAll } = opened;
    await connect();
    const result = publish('a', { maxAgeMs: 60_000 });
    await new Promise(setImmediate);
    answers.length = 0;
    await vi.advanceTimersByTimeAsync(30_001);
    await answerAll();
    expect(await result).toEqual({ status: 'sent' });
  });

  it('a new message pushes out the oldest when as many wait as allowed', async () => {
    await using opened = openInMemory();
    const { publish, publisher } = opened;
    const [first] = [await publish('a'), await publish('b'), await publish('c'), await publish('d')];
    expect(await endOf(first as PublishResult)).toMatchObject({
      status: 'dropped',
      reason: 'outbox_full',
      error: {
        message: 'a: 3 messages of 30 bytes wait already; slow down, or raise outboxMaxMessages, outboxMaxBytes',
      },
    });
    expect(publisher.counters()).toMatchObject({ dropped: 1, waiting: 3 });
  });

  it('a new message is refused when as many wait as allowed and the policy is to refuse', async () => {
    await using opened = openInMemory({ policy: 'refuse' });
    const { publish, publisher } = opened;
    for (const topic of ['a', 'b', 'c']) await publish(topic);
    expect(await publish('d')).toMatchObject({ status: 'dropped', reason: 'outbox_full' });
    expect(publisher.counters()).toMatchObject({ dropped: 1, waiting: 3 });
  });

  it('waiting messages are bounded by bytes too, and a message larger than the bound is refused', async () => {
    await using opened = openInMemory();
    const { publish, publisher } = opened;
    await publish('a', { bytes: 59 });
    await publish('b', { bytes: 59 });
    expect(publisher.counters()).toMatchObject({ dropped: 1, waiting: 1, waitingBytes: 60 });
    expect(await publish('c', { bytes: 100 })).toMatchObject({ status: 'dropped', reason: 'outbox_full' });
  });

  it('waiting messages are bounded while connected too, behind those that the broker has not acknowledged', async () => {
    await using opened = openInMemory();
    const { publish, publisher, connect, answerAll } = opened;
    await connect();
    const results = Array.from({ length: 14 }, (_, n) => publish(`t${n}`));
    expect(publisher.counters()).toMatchObject({ underWay: 8, waiting: 3, dropped: 0 });
    expect(await results[8]).toMatchObject({ status: 'dropped', reason: 'outbox_full' });
    await answerAll();
    expect((await Promise.all(results)).map(({ status }) => status)).toEqual([
      ...Array<string>(8).fill('sent'),
      ...Array<string>(3).fill('dropped'),
      ...Array<string>(3).fill('sent'),
    ]);
  });

  it('waiting messages do not push out what others publish on the same bus', async () => {
    await using opened = openInMemory();
    const { publish, bus, connect, answerAll } = opened;
    const report = bus.publish('report', 'alive');
    for (let n = 0; n < 20; n += 1) await publish(`t${n}`);
    await connect();
    await answerAll();
    await report;
  });

  it('waiting messages are dropped when the publisher is stopped, and so is every later message', async () => {
    await using opened = openInMemory();
    const { publish, publisher } = opened;
    const waiting = await publish('a');
    publisher.stop();
    expect(await endOf(waiting)).toMatchObject({ status: 'dropped', reason: 'stopped' });
    expect(await publish('b')).toMatchObject({ status: 'dropped', reason: 'stopped' });
  });
});

it('waits for messages under way until they have ended, or the connection is lost', async () => {
  const { send, sent, publisher, become } = openScripted();
  void send('a');
  void send('b');
  const drained = vi.fn();
  const draining = publisher.whenDrained().then(drained);
  sent[0]?.done();
  await new Promise(setImmediate);
  expect(drained).not.toHaveBeenCalled();
  become(lost);
  await draining;
  expect(publisher.counters()).toMatchObject({ sent: 1 });
});

it('carries messages over a broker that goes and comes back', async () => {
  const broker = createMemoryBroker();
  await using bus = broker.connect();
  await using listener = broker.connect();
  await Promise.all([bus.start(), listener.start()]);
  const heard: string[] = [];
  const all = Promise.withResolvers<void>();
  await listener.subscribe('#', ({ topic }) => {
    heard.push(topic);
    if (heard.length === 20) all.resolve();
  });
  const publisher = createMessagePublisher({ bus, maxMessages: 100, maxBytes: 10_000, policy: 'drop-oldest' });
  await broker.stop();
  while (bus.status.kind === 'connected') await new Promise(setImmediate);
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      publisher.publish(`t/${n}`, new Uint8Array(1), { qos: 1, retain: true, maxAgeMs: 20_000 }),
    ),
  );
  expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['queued']));
  await broker.start();
  expect(await Promise.all(results.map(outcomeOf))).toEqual(Array.from({ length: 20 }, () => ({ status: 'sent' })));
  await all.promise;
  expect(heard.sort()).toEqual(Array.from({ length: 20 }, (_, n) => `t/${n}`).sort());
  publisher.stop();
});
