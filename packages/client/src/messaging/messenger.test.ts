import type { Bus } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import { createEnvelopeWriter, type Envelope } from '@setpoint/protocol';
import { createInbox } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMessenger, type Messenger } from './messenger.ts';
import { ReplyRefused } from './replier.ts';

let broker: MemoryBroker;
let stack: AsyncDisposableStack;
beforeEach(() => {
  broker = createMemoryBroker();
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  await stack.disposeAsync();
  vi.useRealTimers();
});

async function startBus(): Promise<Bus> {
  const bus = broker.connect();
  stack.defer(() => bus.stop());
  await bus.start();
  return bus;
}

async function open(instance = 'vad-1', prefix = '') {
  const bus = await startBus();
  const faults = createInbox<string>();
  const messenger = createMessenger({
    bus,
    service: 'vad',
    instance,
    prefix,
    now: Date.now,
    onFault: (message, cause) => faults.put(cause === undefined ? message : `${message}: ${(cause as Error).message}`),
  });
  return { bus, messenger, faults };
}

/** Resolves when the broker has granted what was subscribed before. */
async function granted(bus: Bus): Promise<void> {
  await bus.subscribe('a-marker', () => {}).ready;
}

async function collect(bus: Bus, messenger: Messenger, filter: string) {
  const inbox = createInbox<{ message: Envelope; topic: string }>();
  const end = messenger.subscribe(filter, (message, topic) => inbox.put({ message, topic }));
  await granted(bus);
  return { ...inbox, end };
}

const writer = createEnvelopeWriter({ source: '/instance/stranger' });
const seal = (id: string, data: object = {}, replyto?: string): Uint8Array =>
  writer.seal({ id, type: 'a.type', subject: 'vad', data, replyto }).bytes;

describe('a message', () => {
  it('a message is a CloudEvent of its sender', async () => {
    const { bus, messenger } = await open();
    const { next } = await collect(bus, messenger, 'audio/in');
    await messenger.publish('audio/in', { frames: 3 });
    await messenger.publish('audio/in', { frames: 4 }, { type: 'audio.v1' });
    const { message, topic } = await next();
    expect(topic).toBe('audio/in');
    expect(message).toMatchObject({
      specversion: '1.0',
      source: '/instance/vad-1',
      type: 'setpoint.message.v1',
      subject: 'vad',
      data: { frames: 3 },
    });
    expect((await next()).message.type).toBe('audio.v1');
  });

  it('a message is retained by the broker when the call says so', async () => {
    const { bus, messenger } = await open();
    await messenger.publish('audio/state', { on: true }, { retain: true, qos: 0 });
    const { next } = await collect(bus, messenger, 'audio/state');
    expect((await next()).message.data).toEqual({ on: true });
  });

  it('a message that is too large is refused', async () => {
    const { messenger } = await open();
    await expect(messenger.publish('audio/in', { text: 'x'.repeat(1_100_000) })).rejects.toMatchObject({
      code: 'message_too_large',
    });
  });

  it('a message reaches every matching subscription once', async () => {
    const { bus, messenger } = await open();
    const one = await collect(bus, messenger, 'audio/+/frames');
    const all = await collect(bus, messenger, 'audio/#');
    await messenger.publish('audio/left/frames', { n: 1 });
    await messenger.publish('audio/left/other', { n: 2 });
    await messenger.publish('audio/right/frames', { n: 3 });
    expect([(await all.next()).topic, (await all.next()).topic, (await all.next()).topic]).toEqual([
      'audio/left/frames',
      'audio/left/other',
      'audio/right/frames',
    ]);
    expect([(await one.next()).topic, (await one.next()).topic]).toEqual(['audio/left/frames', 'audio/right/frames']);
    expect(one.all).toHaveLength(2);
  });

  it('a message that comes twice is delivered once', async () => {
    const { bus, messenger } = await open();
    const { next, all } = await collect(bus, messenger, 'audio/in');
    for (const id of ['a', 'a', 'b', 'a', 'c']) await bus.publish('audio/in', seal(id));
    while ((await next()).message.id !== 'c');
    expect(all.map(({ message }) => message.id)).toEqual(['a', 'b', 'c']);
  });

  it('a message that is no CloudEvent is reported, and the next one is delivered', async () => {
    const { bus, messenger, faults } = await open();
    const { next } = await collect(bus, messenger, 'audio/in');
    await bus.publish('audio/in', 'hello');
    await bus.publish('audio/in', seal('a'));
    expect(await faults.next()).toMatch(/^a message on audio\/in is ignored: not JSON/);
    expect((await next()).message.id).toBe('a');
  });
});

describe('a handler', () => {
  it('a handler is called for one message after another, in their order', async () => {
    const { bus, messenger } = await open();
    const steps = createInbox<string>();
    messenger.subscribe<{ n: number }>('audio/in', async ({ data }) => {
      steps.put(`begin ${data.n}`);
      await new Promise(setImmediate);
      steps.put(`end ${data.n}`);
    });
    await granted(bus);
    for (const n of [1, 2, 3]) void messenger.publish('audio/in', { n });
    for (let step = 0; step < 6; step++) await steps.next();
    expect(steps.all).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
  });

  it('a handler that throws is reported, its message does not count as handled, and no other handler misses a message', async () => {
    const { bus, messenger, faults } = await open();
    const delivered = createInbox<string>();
    let throws = 2;
    messenger.subscribe('audio/in', ({ id }) => {
      if (id === 'a' && throws-- > 0) throw new Error('not yet');
      delivered.put(id);
    });
    const other = await collect(bus, messenger, 'audio/in');
    for (const id of ['a', 'b', 'a', 'a', 'a', 'c']) await bus.publish('audio/in', seal(id));
    while ((await delivered.next()) !== 'c');
    expect(delivered.all).toEqual(['b', 'a', 'c']);
    while ((await other.next()).message.id !== 'c');
    expect(other.all.map(({ message }) => message.id)).toEqual(['a', 'b', 'c']);
    expect(faults.all).toEqual(['the handler of audio/in threw: not yet', 'the handler of audio/in threw: not yet']);
  });

  it('a slow handler loses the oldest waiting messages, which is reported', async () => {
    const { bus, messenger, faults } = await open();
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const delivered = createInbox<number>();
    const subscription = messenger.subscribe<{ n: number }>('audio/in', async ({ data }) => {
      delivered.put(data.n);
      begun.resolve();
      await go.promise;
    });
    await granted(bus);
    const send = (n: number): Promise<unknown> => messenger.publish('audio/in', { n });
    await send(0);
    await begun.promise;
    await Promise.all(Array.from({ length: 900 }, (_, index) => send(index + 1)));
    await Promise.all(Array.from({ length: 102 }, (_, index) => send(index + 901)));
    expect(await faults.next()).toMatch(
      /^the oldest of 1000 messages that wait for the handler of audio\/in was dropped: within \d+ ms 1001 came and it took 0; make it faster, raise its concurrency or its queue limit, or let the latest message of each topic win$/,
    );
    go.resolve();
    while ((await delivered.next()) !== 1002);
    expect(delivered.all).toEqual([0, ...Array.from({ length: 1000 }, (_, index) => index + 3)]);
    expect(faults.all).toHaveLength(1);
    expect(subscription.stats()).toMatchObject({ received: 1003, dropped: 2, waiting: 0 });
  });

  it('a handler is not called after its subscription has ended, not even for waiting messages', async () => {
    const { bus, messenger } = await open();
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const delivered: string[] = [];
    const end = messenger.subscribe('audio/in', async ({ id }) => {
      delivered.push(id);
      begun.resolve();
      await go.promise;
    });
    const other = await collect(bus, messenger, 'audio/in');
    for (const id of ['a', 'b']) await bus.publish('audio/in', seal(id));
    await begun.promise;
    while ((await other.next()).message.id !== 'b');
    await end.close();
    go.resolve();
    await bus.publish('audio/in', seal('c'));
    while ((await other.next()).message.id !== 'c');
    await new Promise(setImmediate);
    expect(delivered).toEqual(['a']);
  });
});

describe('a question', () => {
  it('a request gets the reply of the replier', async () => {
    const asking = await open('vad-1', 'acme/prod');
    const answering = await open('asr-1', 'acme/prod');
    answering.messenger.reply<{ n: number }>('math/double', ({ n }, topic) => ({ twice: n * 2, topic }));
    await granted(answering.bus);
    expect(await asking.messenger.request('math/double', { n: 21 })).toEqual({ twice: 42, topic: 'math/double' });
  });

  it('a request gets its own reply among many, in whatever order they come', async () => {
    const { bus, messenger } = await open();
    const replier = await startBus();
    const asked: Envelope<{ n: number }>[] = [];
    const { messenger: listener } = await open('asr-1');
    listener.subscribe<{ n: number }>('math/double', (message) => {
      asked.push(message);
      if (asked.length < 20) return;
      for (const { id, data, replyto = '' } of asked.reverse()) {
        const draft = { type: 'a.type', subject: 'vad', data: { twice: data.n * 2 }, correlationid: id };
        void replier.publish(replyto, writer.seal(draft).bytes);
      }
    });
    await granted(bus);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => messenger.request<{ twice: number }>('math/double', { n })),
    );
    expect(answers.map(({ twice }) => twice)).toEqual(Array.from({ length: 20 }, (_, n) => n * 2));
  });

  it('a requester listens for replies on a topic of its own instance', async () => {
    const { bus, messenger } = await open('vad-1', 'acme');
    const heard = await collect(bus, messenger, 'math/double');
    const asking = messenger.request('math/double', {});
    const { message } = await heard.next();
    expect(message.replyto).toBe('acme/service/vad/reply/vad-1');
    await bus.publish('acme/service/vad/reply/vad-1', 'no answer at all');
    await bus.publish('acme/service/vad/reply/vad-1', seal('an answer to nothing'));
    const strange = { type: 'a.type', subject: 'vad', data: {}, correlationid: 'another question' };
    await bus.publish('acme/service/vad/reply/vad-1', writer.seal(strange).bytes);
    const answer = { type: 'a.type', subject: 'vad', data: { right: true }, correlationid: message.id };
    await bus.publish('acme/service/vad/reply/vad-1', writer.seal(answer).bytes);
    expect(await asking).toEqual({ right: true });
  });

  it('a request that nobody answers rejects after its timeout', async () => {
    const { bus, messenger } = await open();
    const heard = await collect(bus, messenger, 'math/double');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const asking = expect(messenger.request('math/double', {}, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'no_answer',
      message: 'nobody answered on math/double within 300 ms; is a service that replies there running?',
    });
    await heard.next();
    await vi.advanceTimersByTimeAsync(300);
    await asking;
    const again = messenger.request('math/double', {});
    const { message } = await heard.next();
    const answer = { type: 'a.type', subject: 'vad', data: {}, correlationid: message.id };
    await bus.publish('service/vad/reply/vad-1', writer.seal(answer).bytes);
    expect(await again).toEqual({});
  });

  it('a request that can not be sent rejects with the reason', async () => {
    const { bus, messenger } = await open();
    await expect(messenger.request('math/+', {})).rejects.toMatchObject({ code: 'topic_invalid' });
    await expect(messenger.request('math/double', { text: 'x'.repeat(1_100_000) })).rejects.toMatchObject({
      code: 'message_too_large',
    });
    await bus.stop();
    await expect(messenger.request('math/double', {})).rejects.toMatchObject({ code: 'stopped' });
  });

  it('a request whose handler throws is refused without the reason, and the next one gets a reply', async () => {
    const asking = await open('vad-1');
    const answering = await open('asr-1');
    answering.messenger.reply<{ n: number }>('math/invert', async ({ n }) => {
      if (n === 0) throw new Error('the password is 1234');
      if (n < 0) throw new ReplyRefused('only of positive numbers');
      return { inverse: 1 / n };
    });
    await granted(answering.bus);
    await expect(asking.messenger.request('math/invert', { n: 0 })).rejects.toMatchObject({
      code: 'reply_failed',
      message: 'the service that replies on math/invert failed: its handler threw; its log says more',
    });
    expect(await answering.faults.next()).toBe('the handler of math/invert threw: the password is 1234');
    await expect(asking.messenger.request('math/invert', { n: -1 })).rejects.toMatchObject({
      message: 'the service that replies on math/invert failed: only of positive numbers',
    });
    expect(await asking.messenger.request('math/invert', { n: 4 })).toEqual({ inverse: 0.25 });
  });

  it('a replier ignores a message that wants no reply, and sends none to an invalid topic', async () => {
    const { bus, messenger, faults } = await open();
    const called: unknown[] = [];
    const end = messenger.reply('math/double', (data) => {
      called.push(data);
      return {};
    });
    await granted(bus);
    await messenger.publish('math/double', { n: 1 });
    await bus.publish('math/double', seal('a', { n: 2 }, 'a/wildcard/#'));
    expect(await faults.next()).toMatch(/^the handler of math\/double threw: can't publish to "a\/wildcard\/#"/);
    expect(called).toEqual([{ n: 2 }]);
    await end.close();
  });
});
