import { type BusFault, createPublishLane } from '@setpoint/bus';
import { describe, expect } from 'vitest';
import { hear, reached, recorder, text } from './recorder.ts';
import type { TestBed } from './test-bed.ts';

/** What becomes of publishes that can not be sent at once, or not at all. */
export function describePublishing({ test, create, connect, stopBroker, startBroker }: TestBed): void {
  describe('without a connection', () => {
    test('keeps QoS 1 messages while there is no connection, and sends them in order when the broker is back', async (root) => {
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

    test('sends what was published before the start', async (root) => {
      const bus = create();
      const sent = bus.publish(`${root}/kept`, 'early', { retain: true });
      await bus.start();
      await sent;
      const late = await hear(bus, `${root}/kept`);
      expect(text(await late.next())).toBe('early');
    });

    test('refuses a QoS 0 message while there is no connection', async (root) => {
      const bus = create();
      await expect(bus.publish(`${root}/a`, 'light', { qos: 0 })).rejects.toMatchObject({ code: 'not_connected' });
    });

    test('refuses a message when as many wait as outboxMaxMessages allows', async (root) => {
      const bus = create({ outboxMaxMessages: 2 });
      const waiting = Promise.allSettled([bus.publish(`${root}/a`, '1'), bus.publish(`${root}/a`, '2')]);
      await expect(bus.publish(`${root}/a`, '3')).rejects.toMatchObject({ code: 'outbox_full' });
      await bus.start();
      expect((await waiting).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
      await bus.publish(`${root}/a`, '4');
    });

    test('refuses a message when as many bytes wait as outboxMaxBytes allows', async (root) => {
      const bus = create({ outboxMaxBytes: 1000 });
      const waiting = Promise.allSettled([bus.publish(`${root}/a`, 'x'.repeat(600))]);
      await expect(bus.publish(`${root}/a`, 'x'.repeat(600))).rejects.toMatchObject({ code: 'outbox_full' });
      await bus.stop();
      expect(await waiting).toMatchObject([{ status: 'rejected', reason: { code: 'stopped' } }]);
    });

    test('gives up a message that waits longer than publishTimeoutMs', async (root) => {
      const bus = await connect({ publishTimeoutMs: 50 });
      await stopBroker();
      await reached(bus, (status) => status.kind === 'reconnecting');
      await expect(bus.publish(`${root}/a`, 'late')).rejects.toMatchObject({ code: 'publish_timeout' });
    });

    test('House-10-Age-And-Overflow: gives up each message at its own maxAgeMs', async (root) => {
      const bus = create();
      const old = bus.publish(`${root}/old`, 'x', { maxAgeMs: 20 });
      const young = bus.publish(`${root}/young`, 'x', { maxAgeMs: 60_000 });
      const older = bus.publish(`${root}/older`, 'x', { maxAgeMs: 1 });
      const timeout = { code: 'publish_timeout', maybeSent: false };
      await Promise.all([expect(older).rejects.toMatchObject(timeout), expect(old).rejects.toMatchObject(timeout)]);
      const heard = recorder();
      bus.subscribe(`${root}/+`, heard.handler);
      await bus.start();
      await young;
      await bus.publish(`${root}/end`, 'end');
      await heard.seen(2);
      expect(heard.texts).toEqual(['x', 'end']);
    });

    test('sends a message that is younger than its maxAgeMs, although it is older than publishTimeoutMs', async (root) => {
      const bus = create({ publishTimeoutMs: 20 });
      const patient = bus.publish(`${root}/a`, 'patient', { maxAgeMs: 60_000 });
      await expect(bus.publish(`${root}/a`, 'hasty')).rejects.toMatchObject({ code: 'publish_timeout' });
      await bus.start();
      await patient;
    });

    test('House-10-Age-And-Overflow: drops the oldest message when as many wait as outboxMaxMessages allows and outboxPolicy says so', async (root) => {
      const bus = create({ outboxMaxMessages: 2, outboxPolicy: 'drop-oldest' });
      const heard = recorder();
      bus.subscribe(`${root}/a`, heard.handler);
      const sent = ['1', '2', '3', '4'].map((payload) => bus.publish(`${root}/a`, payload));
      const ends = Promise.allSettled(sent);
      await bus.start();
      expect(await ends).toMatchObject([
        { status: 'rejected', reason: { code: 'outbox_full' } },
        { status: 'rejected', reason: { code: 'outbox_full' } },
        { status: 'fulfilled' },
        { status: 'fulfilled' },
      ]);
      await heard.seen(2);
      expect(heard.texts).toEqual(['3', '4']);
    });

    test('drops the oldest messages when as many bytes wait as outboxMaxBytes allows and outboxPolicy says so', async (root) => {
      const bus = create({ outboxMaxBytes: 1000, outboxPolicy: 'drop-oldest' });
      const [first, second] = [300, 600].map((bytes) => bus.publish(`${root}/a`, 'x'.repeat(bytes)));
      const dropped = expect(first).rejects.toMatchObject({ code: 'outbox_full' });
      const third = bus.publish(`${root}/a`, 'x'.repeat(300));
      const tooLarge = bus.publish(`${root}/a`, 'x'.repeat(1000));
      await Promise.all([dropped, expect(tooLarge).rejects.toMatchObject({ code: 'outbox_full' })]);
      await bus.start();
      await Promise.all([second, third]);
    });

    test('House-11-Lanes: bounds the messages of a lane apart from all others', async (root) => {
      const bus = create({ outboxMaxMessages: 1 });
      const lane = createPublishLane({ maxMessages: 1, maxBytes: 1000, overflow: 'drop-oldest' });
      const own = bus.publish(`${root}/own`, 'x');
      const pushedOut = expect(bus.publish(`${root}/1`, 'x', { lane })).rejects.toMatchObject({ code: 'outbox_full' });
      const sent = bus.publish(`${root}/2`, 'x', { lane });
      expect(lane.waiting).toBe(1);
      await pushedOut;
      await bus.start();
      await Promise.all([own, sent]);
      expect([lane.waiting, lane.waitingBytes, lane.underWay]).toEqual([0, 0, 0]);
    });

    test('rejects what waits on a lane that is closed, and nothing else', async (root) => {
      const bus = create();
      const lane = createPublishLane({ maxMessages: 10, maxBytes: 1000, overflow: 'refuse' });
      const other = bus.publish(`${root}/other`, 'x');
      const waiting = expect(bus.publish(`${root}/a`, 'x', { lane })).rejects.toMatchObject({ code: 'stopped' });
      lane.close();
      await waiting;
      await expect(bus.publish(`${root}/a`, 'x', { lane })).rejects.toMatchObject({ code: 'stopped' });
      await bus.start();
      await other;
    });

    test('reports that the connection was lost', async () => {
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
    test('refuses a message over maxMessageBytes, topic included', async (root) => {
      const bus = await connect({ maxMessageBytes: 1000 });
      const topic = `${root}/a`;
      await bus.publish(topic, 'x'.repeat(1000 - topic.length));
      const refused = bus.publish(topic, 'x'.repeat(1001 - topic.length));
      await expect(refused).rejects.toMatchObject({
        code: 'message_too_large',
        message: expect.stringContaining('1001 bytes are over the limit of 1000'),
      });
    });

    test('refuses a topic that is not valid', async () => {
      const bus = await connect();
      for (const topic of ['', 'a/+', '#', 'a\0']) {
        await expect(bus.publish(topic, 'x')).rejects.toMatchObject({ code: 'topic_invalid', name: 'BusError' });
      }
    });

    test('refuses wrong options, and the next connection works', async (root) => {
      const bus = await connect();
      for (const options of [
        { qos: 7 },
        { qos: '1' },
        { maxAgeMs: 0 },
        { lane: {} },
        { retain: 'yes' },
        { properties: { user: { a: 5 } } },
        null,
      ]) {
        const refused = Reflect.apply(bus.publish, bus, [`${root}/a`, 'x', options]);
        await expect(refused).rejects.toMatchObject({ code: 'options_invalid', name: 'BusError' });
      }
      const invalid = expect.objectContaining({ code: 'options_invalid' });
      expect(() => Reflect.apply(bus.subscribe, bus, [`${root}/a`, () => {}, { qos: 7 }])).toThrow(invalid);
      expect(() => Reflect.apply(bus.subscribe, bus, [`${root}/a`, undefined])).toThrow(invalid);
      await stopBroker();
      await startBroker(true);
      const heard = recorder();
      await bus.subscribe(`${root}/a`, heard.handler).ready;
      await bus.publish(`${root}/a`, 'hello');
      expect(text(await heard.next())).toBe('hello');
    });
  });
}
