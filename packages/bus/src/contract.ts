import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Bus, BusFault, BusMessage, BusOptions, BusStatus } from './bus.ts';
import type { BusError } from './bus-error.ts';

/** A broker that a suite can switch off and on, and what connects to it. */
export interface BrokerHarness {
  readonly name: string;
  /** `mqtt://…`; `undefined` for a broker that has no socket. */
  readonly url: string | undefined;
  /** A bus that is not started yet, with delays fit for a test. */
  connect(options?: BusOptions & { readonly clientId?: string }): Bus;
  stop(): Promise<void>;
  start(options: { readonly keepRetained: boolean }): Promise<void>;
  /** Ends the broker for good. */
  close(): Promise<void>;
}

/** What every bus promises, tried on the adapter and the broker that `open` gives. */
export function describeBusContract(name: string, open: () => Promise<BrokerHarness>): void {
  describe(`the bus over ${name}`, () => {
    let broker: BrokerHarness;
    let buses: Bus[] = [];
    let isStopped = false;
    let tests = 0;
    /** The root of this test's topics: retained messages of other tests stay out of sight. */
    let root = '';

    beforeAll(async () => {
      broker = await open();
    });

    afterAll(() => broker.close());

    afterEach(async () => {
      await Promise.all(buses.map((bus) => bus.stop()));
      buses = [];
      if (isStopped) await startBroker(true);
    });

    const test = (title: string, body: () => Promise<void>): void => {
      it(title, async () => {
        tests += 1;
        root = `contract${tests}`;
        await body();
      });
    };

    const create = (options?: BusOptions & { clientId?: string }): Bus => {
      const bus = broker.connect(options);
      buses.push(bus);
      return bus;
    };

    const connect = async (options?: BusOptions & { clientId?: string }): Promise<Bus> => {
      const bus = create(options);
      await bus.start();
      return bus;
    };

    const stopBroker = async (): Promise<void> => {
      isStopped = true;
      await broker.stop();
    };

    const startBroker = async (keepRetained: boolean): Promise<void> => {
      await broker.start({ keepRetained });
      isStopped = false;
    };

    const restartBroker = async (keepRetained: boolean): Promise<void> => {
      await stopBroker();
      await startBroker(keepRetained);
    };

    describe('delivers', () => {
      test('a message to the subscriber of its topic', async () => {
        const bus = await connect();
        const heard = await hear(bus, `${root}/a`);
        await bus.publish(`${root}/a`, 'hello');
        const message = await heard.next();
        expect(message.topic).toBe(`${root}/a`);
        expect(text(message)).toBe('hello');
        expect(message.retained).toBe(false);
      });

      test('every byte as it was, also of a view into a larger buffer', async () => {
        const bus = await connect();
        const heard = await hear(bus, `${root}/bytes`);
        const all = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
        await bus.publish(`${root}/bytes`, all.subarray(20, 290));
        const { payload } = await heard.next();
        expect(payload).toBeInstanceOf(Uint8Array);
        expect([...payload]).toEqual([...all.subarray(20, 290)]);
      });

      test('a QoS 0 message', async () => {
        const bus = await connect();
        const heard = await hear(bus, `${root}/zero`);
        await bus.publish(`${root}/zero`, 'light', { qos: 0 });
        expect(text(await heard.next())).toBe('light');
      });

      test('half a megabyte', async () => {
        const bus = await connect();
        const heard = await hear(bus, `${root}/large`);
        await bus.publish(`${root}/large`, new Uint8Array(524_288).fill(7));
        expect((await heard.next()).payload.byteLength).toBe(524_288);
      });

      test('to another client', async () => {
        const [publisher, subscriber] = [await connect(), await connect()];
        const heard = await hear(subscriber, `${root}/a`);
        await publisher.publish(`${root}/a`, 'over there');
        expect(text(await heard.next())).toBe('over there');
      });

      test('in the order of publishing, without waiting for one before the next', async () => {
        const [publisher, subscriber] = [await connect(), await connect()];
        const heard = await hear(subscriber, `${root}/order`);
        const sent = Array.from({ length: 200 }, (_, index) => `${index}`);
        await Promise.all(sent.map((payload) => publisher.publish(`${root}/order`, payload)));
        await heard.seen(200);
        expect(heard.texts).toEqual(sent);
      });

      test('with properties, which not every broker carries', async () => {
        const bus = await connect();
        const heard = await hear(bus, `${root}/properties`);
        await bus.publish(`${root}/properties`, 'told', {
          properties: {
            contentType: 'application/json',
            responseTopic: `${root}/answer`,
            correlationData: 'c-1',
            messageExpirySeconds: 60,
            user: { traceparent: '00-1-2-01' },
          },
        });
        expect(text(await heard.next())).toBe('told');
      });
    });

    describe('retained messages', () => {
      test('reach a late subscriber, marked as retained; the live copy is not', async () => {
        const bus = await connect();
        const early = await hear(bus, `${root}/kept`);
        await bus.publish(`${root}/kept`, 'v1', { retain: true });
        expect((await early.next()).retained).toBe(false);
        const late = await hear(await connect(), `${root}/kept`);
        const message = await late.next();
        expect(text(message)).toBe('v1');
        expect(message.retained).toBe(true);
      });

      test('are replaced by the next one', async () => {
        const bus = await connect();
        await bus.publish(`${root}/kept`, 'v1', { retain: true });
        await bus.publish(`${root}/kept`, 'v2', { retain: true });
        const late = await hear(bus, `${root}/kept`);
        expect(text(await late.next())).toBe('v2');
      });

      test('are removed by an empty payload, which live subscribers hear', async () => {
        const bus = await connect();
        await bus.publish(`${root}/kept`, 'v1', { retain: true });
        const early = await hear(bus, `${root}/kept`);
        expect(text(await early.next())).toBe('v1');
        await bus.publish(`${root}/kept`, '', { retain: true });
        expect((await early.next()).payload.byteLength).toBe(0);
        const late = await hear(await connect(), `${root}/kept`);
        await bus.publish(`${root}/kept`, 'marker');
        expect(text(await late.next())).toBe('marker');
      });

      test('come again when a subscription is refreshed', async () => {
        const bus = await connect();
        await bus.publish(`${root}/kept`, 'v1', { retain: true });
        const heard = await hear(bus, `${root}/kept`);
        expect(text(await heard.next())).toBe('v1');
        await heard.subscription.refresh();
        const again = await heard.next();
        expect(text(again)).toBe('v1');
        expect(again.retained).toBe(true);
      });

      test('reach a second handler of a filter that is subscribed already', async () => {
        const bus = await connect();
        await bus.publish(`${root}/kept`, 'v1', { retain: true });
        const first = await hear(bus, `${root}/kept`);
        await first.next();
        const second = await hear(bus, `${root}/kept`);
        expect(text(await second.next())).toBe('v1');
      });

      test('survive a restart of a broker that keeps them', async () => {
        const bus = await connect();
        await bus.publish(`${root}/kept`, 'v1', { retain: true });
        await restartBroker(true);
        const late = await hear(await connect(), `${root}/kept`);
        expect(text(await late.next())).toBe('v1');
      });

      test('are gone after a restart of a broker that does not keep them', async () => {
        const bus = await connect();
        await bus.publish(`${root}/kept`, 'v1', { retain: true });
        await restartBroker(false);
        const late = await hear(await connect(), `${root}/kept`);
        await bus.publish(`${root}/kept`, 'marker');
        expect(text(await late.next())).toBe('marker');
      });
    });

    describe('subscriptions', () => {
      test('match + and # as MQTT says', async () => {
        const bus = await connect();
        const plus = await hear(bus, `${root}/plus/+/c`);
        const hash = await hear(bus, `${root}/hash/#`);
        for (const topic of ['plus/b/c', 'plus/b/d', 'plus/b/c/d', 'plus/end/c']) {
          await bus.publish(`${root}/${topic}`, topic);
        }
        for (const topic of ['hash', 'hash/a', 'hash/a/b', 'hashes']) await bus.publish(`${root}/${topic}`, topic);
        await bus.publish(`${root}/hash/end`, 'hash/end');
        await plus.seen(2);
        await hash.seen(4);
        expect(plus.texts).toEqual(['plus/b/c', 'plus/end/c']);
        expect(hash.texts).toEqual(['hash', 'hash/a', 'hash/a/b', 'hash/end']);
      });

      test('of one filter share its messages, each handler hearing each once', async () => {
        const bus = await connect();
        const [first, second] = [await hear(bus, `${root}/a`), await hear(bus, `${root}/a`)];
        await bus.publish(`${root}/a`, 'one');
        await bus.publish(`${root}/a`, 'two');
        await Promise.all([first.seen(2), second.seen(2)]);
        expect(first.texts).toEqual(['one', 'two']);
        expect(second.texts).toEqual(['one', 'two']);
      });

      test('that overlap all hear the message', async () => {
        const bus = await connect();
        const exact = await hear(bus, `${root}/a/b`);
        const wild = await hear(bus, `${root}/a/+`);
        await bus.publish(`${root}/a/b`, 'both');
        expect(text(await exact.next())).toBe('both');
        expect(text(await wild.next())).toBe('both');
      });

      test('made before the start work after it', async () => {
        const bus = create();
        const heard = recorder();
        const subscription = bus.subscribe(`${root}/a`, heard.handler);
        await bus.start();
        await subscription.ready;
        await bus.publish(`${root}/a`, 'hello');
        expect(text(await heard.next())).toBe('hello');
      });

      test('that are closed hear nothing more, while others of the same filter do', async () => {
        const bus = await connect();
        const [closed, open] = [await hear(bus, `${root}/a`), await hear(bus, `${root}/a`)];
        await bus.publish(`${root}/a`, 'one');
        await Promise.all([closed.next(), open.next()]);
        await closed.subscription.close();
        await closed.subscription.close();
        await bus.publish(`${root}/a`, 'two');
        expect(text(await open.next())).toBe('two');
        expect(closed.texts).toEqual(['one']);
        await open.subscription.close();
        const marker = await hear(bus, `${root}/marker`);
        await bus.publish(`${root}/a`, 'three');
        await bus.publish(`${root}/marker`, 'end');
        await marker.next();
        expect(open.texts).toEqual(['one', 'two']);
      });

      test('are live again after the broker restarts', async () => {
        const bus = await connect();
        const exact = await hear(bus, `${root}/a`);
        const wild = await hear(bus, `${root}/wild/+`);
        const reconnected = reached(bus, (status) => status.kind === 'connected' && status.session === 2);
        await restartBroker(true);
        await reconnected;
        await bus.publish(`${root}/a`, 'again');
        await bus.publish(`${root}/wild/a`, 'again too');
        expect(text(await exact.next())).toBe('again');
        expect(text(await wild.next())).toBe('again too');
      });

      test('are made while there is no connection', async () => {
        const bus = await connect();
        await stopBroker();
        await reached(bus, (status) => status.kind === 'reconnecting');
        const heard = recorder();
        const subscription = bus.subscribe(`${root}/a`, heard.handler);
        await subscription.refresh();
        await startBroker(true);
        await subscription.ready;
        await bus.publish(`${root}/a`, 'hello');
        expect(text(await heard.next())).toBe('hello');
      });

      test('that are not valid are refused at once, and so are shared ones', async () => {
        const bus = await connect();
        for (const filter of ['', 'a/#/b', 'a+', '#a', '$share/group/a', '$share']) {
          expect(() => bus.subscribe(filter, () => {})).toThrow(expect.objectContaining({ code: 'topic_invalid' }));
        }
      });

      test('that were never granted say so when the bus stops', async () => {
        const bus = create();
        const { ready } = bus.subscribe(`${root}/a`, () => {});
        const rejected = expect(ready).rejects.toMatchObject({ code: 'stopped' });
        await bus.stop();
        await rejected;
      });
    });

    describe('a handler that throws', () => {
      test('is reported, and keeps nobody else from the message', async () => {
        const faults: BusFault[] = [];
        const bus = await connect({ onFault: (fault) => faults.push(fault) });
        const cause = new Error('broken handler');
        await bus.subscribe(`${root}/a`, () => {
          throw cause;
        }).ready;
        const heard = await hear(bus, `${root}/a`);
        await bus.publish(`${root}/a`, 'one');
        await bus.publish(`${root}/a`, 'two');
        await heard.seen(2);
        expect(heard.texts).toEqual(['one', 'two']);
        expect(faults).toEqual([
          { kind: 'handler_threw', message: `the handler of ${root}/a threw: broken handler`, cause },
          { kind: 'handler_threw', message: `the handler of ${root}/a threw: broken handler`, cause },
        ]);
      });

      test('may be one that was meant to be asynchronous', async () => {
        const fault = Promise.withResolvers<BusFault>();
        const bus = await connect({ onFault: fault.resolve });
        const handler = async (): Promise<void> => {
          throw new Error('too late');
        };
        await bus.subscribe(`${root}/a`, handler).ready;
        await bus.publish(`${root}/a`, 'one');
        expect(await fault.promise).toMatchObject({ kind: 'handler_threw' });
      });

      test('survives a listener of faults that throws as well', async () => {
        const bus = await connect({
          onFault: () => {
            throw new Error('broken listener');
          },
        });
        await bus.subscribe(`${root}/a`, () => {
          throw new Error('broken handler');
        }).ready;
        const heard = await hear(bus, `${root}/a`);
        await bus.publish(`${root}/a`, 'one');
        expect(text(await heard.next())).toBe('one');
      });
    });

    describe('what is held back', () => {
      test('comes when it is let go, all of it and in order', async () => {
        const bus = await connect();
        const other = await connect();
        const holds: (() => void)[] = [];
        await bus.subscribe(`${root}/a`, () => {
          if (holds.length === 0) holds.push(bus.holdBack?.() as () => void, bus.holdBack?.() as () => void);
        }).ready;
        const heard = await hear(bus, `${root}/a`);
        const elsewhere = await hear(other, `${root}/a`);
        for (const payload of ['one', 'two', 'three']) await other.publish(`${root}/a`, payload);
        await elsewhere.seen(3);
        holds[0]?.();
        expect(heard.texts).toEqual(['one']);
        holds[1]?.();
        await heard.seen(3);
        await other.publish(`${root}/a`, 'four');
        await heard.seen(4);
        expect(heard.texts).toEqual(['one', 'two', 'three', 'four']);
      });

      test('keeps nobody from the next connection, and nobody from stopping', async () => {
        const bus = await connect();
        const other = await connect();
        const heard = await hear(bus, `${root}/a`);
        const elsewhere = await hear(other, `${root}/a`);
        const letGo = bus.holdBack?.();
        await other.publish(`${root}/a`, 'before');
        await elsewhere.seen(1);
        await stopBroker();
        letGo?.();
        await reached(bus, ({ kind }) => kind !== 'connected');
        await startBroker(false);
        await reached(bus, ({ kind }) => kind === 'connected');
        await heard.subscription.refresh();
        await reached(other, ({ kind }) => kind === 'connected');
        await elsewhere.subscription.refresh();
        await other.publish(`${root}/a`, 'after');
        while (heard.texts.at(-1) !== 'after') await heard.next();
        bus.holdBack?.();
        await other.publish(`${root}/a`, 'never');
        await elsewhere.seen(3);
        await bus.stop();
        expect(bus.status.kind).toBe('closed');
        expect(heard.texts.at(-1)).toBe('after');
      });
    });

    describe('the Last Will', () => {
      const will = (payload: string) => () => ({ topic: `${root}/will`, payload, qos: 1, retain: true }) as const;

      test('is sent when the connection ends abruptly, and kept', async () => {
        const watcher = await connect();
        const heard = await hear(watcher, `${root}/will`);
        const bus = await connect({ will: will('lost') });
        await bus.stop({ abrupt: true });
        expect(text(await heard.next())).toBe('lost');
        const late = await hear(await connect(), `${root}/will`);
        expect(text(await late.next())).toBe('lost');
      });

      test('is not sent at a graceful stop', async () => {
        const watcher = await connect();
        const heard = await hear(watcher, `${root}/will`);
        const bus = await connect({ will: will('lost') });
        await bus.stop();
        await watcher.publish(`${root}/will`, 'marker');
        expect(text(await heard.next())).toBe('marker');
      });

      test('is another one for each connection', async () => {
        const watcher = await connect();
        const heard = await hear(watcher, `${root}/will`);
        let current = 0;
        const bus = create({ will: () => will(`session ${current}`)() });
        current = 1;
        await bus.start();
        current = 2;
        const reconnected = reached(bus, (status) => status.kind === 'connected' && status.session === 2);
        bus.reconnect('a test wants another session');
        expect(text(await heard.next())).toBe('session 1');
        await reconnected;
        await bus.stop({ abrupt: true });
        expect(text(await heard.next())).toBe('session 2');
      });

      test('that can not be made is reported, and the bus connects without', async () => {
        const faults: BusFault[] = [];
        const bus = create({
          onFault: (fault) => faults.push(fault),
          will: () => {
            throw new Error('no will');
          },
        });
        await bus.start();
        expect(faults[0]).toMatchObject({ kind: 'handler_threw', message: 'the Last Will could not be made: no will' });
      });
    });

    describe('without a connection', () => {
      test('QoS 1 messages wait, and arrive in order when the broker is back', async () => {
        const bus = await connect();
        const heard = await hear(bus, `${root}/a`);
        await stopBroker();
        await reached(bus, (status) => status.kind === 'reconnecting');
        const sent = ['one', 'two', 'three'].map((payload) => bus.publish(`${root}/a`, payload));
        await startBroker(true);
        await Promise.all(sent);
        await heard.seen(3);
        expect(heard.texts).toEqual(['one', 'two', 'three']);
      });

      test('messages published before the start wait for it', async () => {
        const bus = create();
        const sent = bus.publish(`${root}/kept`, 'early', { retain: true });
        await bus.start();
        await sent;
        const late = await hear(bus, `${root}/kept`);
        expect(text(await late.next())).toBe('early');
      });

      test('QoS 0 messages are refused', async () => {
        const bus = create();
        await expect(bus.publish(`${root}/a`, 'light', { qos: 0 })).rejects.toMatchObject({ code: 'not_connected' });
      });

      test('no more messages wait than the outbox takes', async () => {
        const bus = create({ outboxMaxMessages: 2 });
        const waiting = Promise.allSettled([bus.publish(`${root}/a`, '1'), bus.publish(`${root}/a`, '2')]);
        await expect(bus.publish(`${root}/a`, '3')).rejects.toMatchObject({ code: 'outbox_full' });
        await bus.start();
        expect((await waiting).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
        await bus.publish(`${root}/a`, '4');
      });

      test('no more bytes wait than the outbox takes', async () => {
        const bus = create({ outboxMaxBytes: 1000 });
        const waiting = Promise.allSettled([bus.publish(`${root}/a`, 'x'.repeat(600))]);
        await expect(bus.publish(`${root}/a`, 'x'.repeat(600))).rejects.toMatchObject({ code: 'outbox_full' });
        await bus.stop();
        expect(await waiting).toMatchObject([{ status: 'rejected', reason: { code: 'stopped' } }]);
      });

      test('a message waits no longer than its deadline', async () => {
        const bus = await connect({ publishTimeoutMs: 50 });
        await stopBroker();
        await reached(bus, (status) => status.kind === 'reconnecting');
        await expect(bus.publish(`${root}/a`, 'late')).rejects.toMatchObject({ code: 'publish_timeout' });
      });

      test('its end is reported', async () => {
        const lost = Promise.withResolvers<BusFault>();
        const onFault = (fault: BusFault): void => {
          if (fault.kind === 'connection_lost') lost.resolve(fault);
        };
        await connect({ onFault });
        await stopBroker();
        expect((await lost.promise).message).toMatch(/lost/);
      });
    });

    describe('refuses', () => {
      test('a message over the limit, topic included', async () => {
        const bus = await connect({ maxMessageBytes: 1000 });
        const topic = `${root}/a`;
        await bus.publish(topic, 'x'.repeat(1000 - topic.length));
        const refused = bus.publish(topic, 'x'.repeat(1001 - topic.length));
        await expect(refused).rejects.toMatchObject({
          code: 'message_too_large',
          message: expect.stringContaining('1001 bytes are over the limit of 1000'),
        });
      });

      test('a topic that is not valid', async () => {
        const bus = await connect();
        for (const topic of ['', 'a/+', '#', 'a\0']) {
          await expect(bus.publish(topic, 'x')).rejects.toMatchObject({ code: 'topic_invalid', name: 'BusError' });
        }
      });

      test('a call with options that can not be right, which the next connection hears nothing of', async () => {
        const bus = await connect();
        for (const options of [{ qos: 7 }, { qos: '1' }, { retain: 'yes' }, { properties: { user: { a: 5 } } }, null]) {
          const refused = bus.publish(`${root}/a`, 'x', options as never);
          await expect(refused).rejects.toMatchObject({ code: 'options_invalid', name: 'BusError' });
        }
        const invalid = expect.objectContaining({ code: 'options_invalid' });
        expect(() => bus.subscribe(`${root}/a`, () => {}, { qos: 7 as never })).toThrow(invalid);
        expect(() => bus.subscribe(`${root}/a`, undefined as never)).toThrow(invalid);
        await stopBroker();
        await startBroker(true);
        const heard = recorder();
        await bus.subscribe(`${root}/a`, heard.handler).ready;
        await bus.publish(`${root}/a`, 'hello');
        expect(text(await heard.next())).toBe('hello');
      });
    });

    describe('the status', () => {
      test('tells a life in order', async () => {
        const bus = create();
        const told: BusStatus[] = [bus.status];
        bus.onStatus((status) => told.push(status));
        await bus.start();
        const reconnected = reached(bus, (status) => status.kind === 'connected' && status.session === 2);
        bus.reconnect('a test wants another session');
        await reconnected;
        await bus.stop();
        expect(bus.status).toEqual({ kind: 'closed' });
        expect(told).toEqual([
          { kind: 'idle' },
          { kind: 'connecting', attempt: 0 },
          { kind: 'connected', session: 1 },
          { kind: 'reconnecting', attempt: 0, reason: 'a test wants another session' },
          { kind: 'connected', session: 2 },
          { kind: 'draining' },
          { kind: 'closed' },
        ]);
      });

      test('counts the attempts and says why they failed', async () => {
        await stopBroker();
        const bus = create();
        const failed = reached(bus, (status) => status.kind === 'connecting' && status.attempt === 1);
        const started = bus.start();
        expect(await failed).toEqual({ kind: 'connecting', attempt: 1, reason: expect.stringMatching(/.+/) });
        await startBroker(true);
        await started;
        expect(bus.status).toEqual({ kind: 'connected', session: 1 });
      });

      test('is told to every listener, although one throws, and to none that has left', async () => {
        const faults: BusFault[] = [];
        const bus = create({ onFault: (fault) => faults.push(fault) });
        const told: string[] = [];
        bus.onStatus(() => {
          throw new Error('broken listener');
        });
        bus.onStatus(async () => {
          throw new Error('broken later');
        });
        const leave = bus.onStatus(({ kind }) => told.push(`early ${kind}`));
        bus.onStatus(({ kind }) => told.push(kind));
        await bus.start();
        leave();
        await bus.stop();
        expect(told).toEqual(['early connecting', 'connecting', 'early connected', 'connected', 'draining', 'closed']);
        expect(faults[0]?.kind).toBe('handler_threw');
        expect(faults.map(({ cause }) => (cause as Error).message)).toContain('broken later');
      });
    });

    describe('a probe', () => {
      test('is answered by a broker that is there', async () => {
        const bus = await connect();
        expect(await bus.probe?.()).toBe(true);
        expect(await Promise.all([bus.probe?.(), bus.probe?.()])).toEqual([true, true]);
      });

      test('has no answer without a connection', async () => {
        const bus = create();
        expect(await bus.probe?.()).toBe(false);
        await bus.start();
        await stopBroker();
        await reached(bus, (status) => status.kind === 'reconnecting');
        expect(await bus.probe?.()).toBe(false);
      });
    });

    describe('stop', () => {
      test('gives publishes under way their time', async () => {
        const bus = await connect();
        const sent = Array.from({ length: 50 }, (_, index) => bus.publish(`${root}/a`, `${index}`));
        await bus.stop();
        const ends = await Promise.allSettled(sent);
        expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(50);
      });

      test('can be called twice, at once and later', async () => {
        const bus = await connect();
        await Promise.all([bus.stop(), bus.stop()]);
        await bus.stop({ abrupt: true });
        expect(bus.status).toEqual({ kind: 'closed' });
      });

      test('works before the start', async () => {
        const bus = create();
        await bus.stop();
        expect(bus.status).toEqual({ kind: 'closed' });
      });

      test('works while connecting, and ends the start', async () => {
        await stopBroker();
        const bus = create();
        const failed = reached(bus, (status) => status.kind === 'connecting' && status.attempt === 1);
        const started = expect(bus.start()).rejects.toMatchObject({ code: 'stopped' });
        await failed;
        await bus.stop();
        await started;
        expect(bus.status).toEqual({ kind: 'closed' });
      });

      test('works in the very moment of connecting', async () => {
        const bus = create();
        const started = expect(bus.start()).rejects.toMatchObject({ code: 'stopped' });
        await bus.stop();
        await started;
      });

      test('lets nothing be done after it', async () => {
        const bus = await connect();
        await bus.stop();
        await expect(bus.start()).rejects.toMatchObject({ code: 'stopped' });
        await expect(bus.publish(`${root}/a`, 'x')).rejects.toMatchObject({ code: 'stopped' });
        expect(() => bus.subscribe(`${root}/a`, () => {})).toThrow(expect.objectContaining({ code: 'stopped' }));
        bus.reconnect('nothing happens');
        expect(bus.status).toEqual({ kind: 'closed' });
      });

      test('delivers nothing any more', async () => {
        const bus = await connect();
        const heard = await hear(bus, `${root}/a`);
        const stopped = bus.stop();
        const other = await connect();
        await other.publish(`${root}/a`, 'too late');
        await stopped;
        expect(heard.texts).toEqual([]);
      });

      test('rejects what still waits for a connection', async () => {
        const bus = create();
        const waiting: Promise<BusError> = bus.publish(`${root}/a`, 'x').then(
          () => Promise.reject(new Error('it was published')),
          (error) => error,
        );
        await bus.stop();
        expect((await waiting).code).toBe('stopped');
      });

      test('is called when the scope of the bus ends', async () => {
        const bus = create();
        {
          await using scoped = bus;
          await scoped.start();
        }
        expect(bus.status).toEqual({ kind: 'closed' });
      });
    });

    describe('start', () => {
      test('can be called twice', async () => {
        const bus = create();
        await Promise.all([bus.start(), bus.start()]);
        expect(bus.status).toEqual({ kind: 'connected', session: 1 });
      });

      test('gives up when its signal aborts, and the bus is stopped', async () => {
        await stopBroker();
        const bus = create();
        const controller = new AbortController();
        const stopped = reached(bus, (status) => status.kind === 'closed');
        const started = expect(bus.start({ signal: controller.signal })).rejects.toThrow('enough');
        controller.abort(new Error('enough'));
        await started;
        await stopped;
      });

      test('does nothing when its signal is aborted already', async () => {
        const bus = create();
        await expect(bus.start({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
        expect(bus.status).toEqual({ kind: 'idle' });
      });
    });
  });
}

interface Recorder {
  readonly handler: (message: BusMessage) => void;
  /** Everything heard until now. */
  readonly texts: string[];
  /** The next message that was not taken yet. */
  next(): Promise<BusMessage>;
  /** Resolves when `count` messages have been heard. */
  seen(count: number): Promise<void>;
}

function recorder(): Recorder {
  const messages: BusMessage[] = [];
  let taken = 0;
  let heard = Promise.withResolvers<void>();
  const seen = async (count: number): Promise<void> => {
    while (messages.length < count) await heard.promise;
  };
  return {
    handler: (message) => {
      messages.push(message);
      heard.resolve();
      heard = Promise.withResolvers<void>();
    },
    get texts() {
      return messages.map(text);
    },
    next: async () => {
      taken += 1;
      const index = taken - 1;
      await seen(taken);
      return messages[index] as BusMessage;
    },
    seen,
  };
}

async function hear(bus: Bus, filter: string): Promise<Recorder & { subscription: ReturnType<Bus['subscribe']> }> {
  const heard = recorder();
  const subscription = bus.subscribe(filter, heard.handler);
  await subscription.ready;
  return Object.assign(heard, { subscription });
}

/** Resolves with the first status, from now on or already, that `wanted` accepts. */
function reached(bus: Bus, wanted: (status: BusStatus) => boolean): Promise<BusStatus> {
  return new Promise((resolve) => {
    const check = (status: BusStatus): void => {
      if (!wanted(status)) return;
      leave();
      resolve(status);
    };
    const leave = bus.onStatus(check);
    check(bus.status);
  });
}

function text({ payload }: BusMessage): string {
  return Buffer.from(payload).toString();
}
