import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import { createEnvelopeWriter, type Envelope, type JsonObject, openEnvelope } from '@setpoint/protocol';
import { createInbox } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMessenger } from './messenger.ts';
import { ReplyRefused } from './replier.ts';

let broker: MemoryBroker;
let stack: AsyncDisposableStack;
beforeEach(() => {
  broker = createMemoryBroker();
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  vi.useRealTimers();
  await stack.disposeAsync();
});

async function open(instance: string, messaging = {}) {
  const bus = broker.connect();
  stack.defer(() => bus.stop());
  await bus.start();
  const faults = createInbox<unknown>();
  const onFault = (_: string, cause: unknown): void => faults.put(cause);
  const options = { bus, service: 'vad', instance, prefix: '', now: Date.now, messaging, onFault };
  return { bus, faults, ...createMessenger(options) };
}

type Asker = Awaited<ReturnType<typeof open>>;

async function openPair(
  handler: (data: JsonObject, signal: AbortSignal) => object | AsyncIterable<object> | Promise<object>,
) {
  const asker = await open('asker');
  const replier = await open('replier');
  const subscription = replier.reply('count', (data, _, signal) => handler(data, signal));
  await subscription.ready;
  return { asker, replier, subscription };
}

const drain = async (asker: Asker, options = {}): Promise<unknown[]> => {
  const items: unknown[] = [];
  for await (const { n } of asker.requestStream<{ n: number }>('count', {}, options)) items.push(n);
  return items;
};

async function* countTo(end: number) {
  for (let n = 0; n < end; n++) yield { n };
}

const until = async (isThere: () => boolean): Promise<void> => {
  while (!isThere()) await new Promise((settle) => setTimeout(settle, 1));
};

describe('a stream', () => {
  it.each([0, 1, 16, 17, 100])('a stream of %i items arrives whole and in order', async (length) => {
    const { asker, subscription } = await openPair(() => countTo(length));
    expect(await drain(asker)).toEqual(Array.from({ length }, (_, n) => n));
    expect(asker.stats().pendingRequests).toBe(0);
    await until(() => subscription.stats().handled === 1);
  });

  it('a plain reply reads as a stream of one item, and a plain request gets the first item of a stream', async () => {
    const ended = Promise.withResolvers<void>();
    const { asker } = await openPair((data) => {
      if (data.plain === true) return { n: 7 };
      return (async function* () {
        try {
          yield* countTo(1000);
        } finally {
          ended.resolve();
        }
      })();
    });
    const items: unknown[] = [];
    for await (const item of asker.requestStream('count', { plain: true })) items.push(item);
    expect(items).toEqual([{ n: 7 }]);
    expect(await asker.request('count', {})).toEqual({ n: 0 });
    await ended.promise;
  });

  it('a stream is at most 16 items ahead of its reader', async () => {
    let made = 0;
    const { asker } = await openPair(async function* () {
      for (;;) yield { n: made++ };
    });
    let read = 0;
    for await (const _ of asker.requestStream('count', {})) {
      // As far as the other side gets while this one is slow.
      for (let turn = 0; turn < 40; turn++) await new Promise(setImmediate);
      read += 1;
      expect(made - read).toBeLessThanOrEqual(17);
      if (read === 40) break;
    }
    expect(read).toBe(40);
  });

  it('a stream is ended at its source when the loop is left early', async () => {
    const ended = Promise.withResolvers<unknown>();
    const { asker, subscription } = await openPair(async function* (_, signal) {
      try {
        yield* countTo(3);
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      } finally {
        ended.resolve(signal.reason);
      }
    });
    for await (const { n } of asker.requestStream<{ n: number }>('count', {})) if (n === 2) break;
    expect(await ended.promise).toMatchObject({ message: 'the one who asked has gone' });
    expect(asker.stats().pendingRequests).toBe(0);
    await until(() => subscription.stats().running === 0);
  });

  it('a stream ends at its source when the signal of the requester aborts, or the subscription is closed', async () => {
    const ends = createInbox<unknown>();
    const { asker, subscription } = await openPair(async function* (_, signal) {
      signal.addEventListener('abort', () => ends.put((signal.reason as Error).message));
      yield { n: 0 };
      await new Promise(() => {});
    });
    const controller = new AbortController();
    const first = asker.requestStream('count', {}, { signal: controller.signal });
    await first.next();
    const next = first.next();
    controller.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
    expect(await ends.next()).toBe('the one who asked has gone');

    const second = asker.requestStream('count', {}, { idleTimeoutMs: 300 });
    await second.next();
    await subscription.close();
    expect(await ends.next()).toBe('the subscription count was closed');
    await expect(second.next()).rejects.toMatchObject({ code: 'no_answer' });
  });

  it('a stream that fails rejects after the items before, with the reason only of a ReplyRefused', async () => {
    const { asker, replier } = await openPair(async function* (data) {
      yield { n: 0 };
      if (data.refused === true) throw new ReplyRefused('no more of them');
      throw new Error('the password is 1234');
    });
    const stream = asker.requestStream('count', {});
    expect(await stream.next()).toEqual({ value: { n: 0 }, done: false });
    await expect(stream.next()).rejects.toMatchObject({
      code: 'reply_failed',
      message: 'the service that replies on count failed: its handler threw; its log says more',
    });
    expect(await replier.faults.next()).toMatchObject({ message: 'the password is 1234' });
    const refused = asker.requestStream('count', { refused: true });
    await refused.next();
    await expect(refused.next()).rejects.toThrow('the service that replies on count failed: no more of them');
  });

  it('a stream that nobody answers rejects after its timeout, and one that falls silent after its idle timeout', async () => {
    const { asker } = await openPair(async function* () {
      yield { n: 0 };
      await new Promise(() => {});
    });
    const silent = asker.requestStream('elsewhere', {}, { timeoutMs: 20 });
    await expect(silent.next()).rejects.toMatchObject({ code: 'no_answer' });
    const falling = asker.requestStream('count', {}, { idleTimeoutMs: 20 });
    await falling.next();
    await expect(falling.next()).rejects.toMatchObject({
      code: 'no_answer',
      message: 'nobody answered on count within 20 ms; is a service that replies there running?',
    });
    expect(asker.stats().pendingRequests).toBe(0);
  });
});

describe('frames', () => {
  const writer = createEnvelopeWriter({ source: '/instance/stranger' });

  /** One who replies by hand. */
  async function openByHand() {
    const asker = await open('asker');
    const bus = broker.connect();
    stack.defer(() => bus.stop());
    await bus.start();
    const questions = createInbox<Envelope>();
    await bus.subscribe('count', ({ payload }) => {
      questions.put(openEnvelope(payload, { role: 'operator', now: 0 }).envelope);
    }).ready;
    const stream = asker.requestStream('count', {});
    const first = stream.next();
    const question = await questions.next();
    const send = (type: string, sequence: number) =>
      bus.publish(
        question.replyto as string,
        writer.seal({ type, subject: 'x', data: { n: sequence }, correlationid: question.id, sequence: `${sequence}` })
          .bytes,
      );
    return { stream, first, question, item: (n: number) => send('setpoint.stream.item.v1', n), send };
  }

  it('an item that comes twice is yielded once', async () => {
    const { stream, first, item, send } = await openByHand();
    for (const n of [0, 0, 1, 0, 1]) await item(n);
    await send('setpoint.stream.end.v1', 2);
    expect([await first, await stream.next(), await stream.next()]).toMatchObject([
      { value: { n: 0 } },
      { value: { n: 1 } },
      { done: true },
    ]);
  });

  it('a stream rejects when one of its items, or its end, is missing', async () => {
    const one = await openByHand();
    await one.item(0);
    await one.item(2);
    await one.first;
    await expect(one.stream.next()).rejects.toMatchObject({
      code: 'stream_broken',
      message: 'the stream of count lost a part: item 1 was due, and 2 came; ask again',
    });
    const two = await openByHand();
    await two.item(0);
    await two.send('setpoint.stream.end.v1', 2);
    await two.first;
    await expect(two.stream.next()).rejects.toMatchObject({ code: 'stream_broken' });
  });

  it('a stream rejects when items come faster than they were asked for, and does not keep them', async () => {
    const { stream, first, item } = await openByHand();
    await item(0);
    await first;
    for (let n = 1; n < 30; n++) await item(n);
    let given = 0;
    const reading = (async () => {
      for await (const _ of stream) given += 1;
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'stream_broken',
      message: 'the stream of count sends more than it was asked for',
    });
    expect(given).toBe(17);
  });
});

describe('questions', () => {
  it('no more requests wait at once than maxPendingRequests allows', async () => {
    const asker = await open('asker', { maxPendingRequests: 2 });
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = [asker.request('a', {}, { signal }), asker.request('a', {}, { signal })];
    await expect(asker.request('a', {})).rejects.toMatchObject({ code: 'overloaded' });
    controller.abort(new Error('enough'));
    for (const one of waiting) await expect(one).rejects.toThrow('enough');
    expect(asker.stats().pendingRequests).toBe(0);
  });

  it('a stream request that can not be sent rejects with the reason', async () => {
    const asker = await open('asker');
    await broker.stop();
    await until(() => asker.bus.status.kind !== 'connected');
    await expect(asker.request('a', {}, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'no_answer',
      message: 'nobody answered on a within 20 ms; there is no connection to the broker, which has to come back first',
    });
  });

  it('pending requests reject when the messenger stops', async () => {
    const asker = await open('asker');
    const waiting = asker.request('a', {});
    const stopping = asker.stop();
    await expect(waiting).rejects.toMatchObject({ code: 'stopped' });
    await stopping;
  });

  it('a request carries reply topic and id as MQTT properties too, and expires when nobody waits for the reply', async () => {
    const { asker, replier } = await openPair(() => ({}));
    const asked = vi.spyOn(asker.bus, 'publish');
    const answered = vi.spyOn(replier.bus, 'publish');
    await asker.request('count', {}, { timeoutMs: 2500 });
    const id = asked.mock.calls[0]?.[2]?.properties?.correlationData;
    expect(asked.mock.calls[0]?.[2]).toEqual({
      qos: 1,
      retain: false,
      maxAgeMs: 2500,
      lane: expect.anything(),
      properties: {
        contentType: 'application/cloudevents+json',
        responseTopic: 'service/vad/reply/asker',
        correlationData: expect.stringMatching(/^[0-9a-f-]{36}$/),
        messageExpirySeconds: 3,
      },
    });
    expect(answered.mock.calls[0]?.[2]?.properties).toEqual({
      contentType: 'application/cloudevents+json',
      correlationData: id,
    });
  });
});
