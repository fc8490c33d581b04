import type { BusFault } from '@setpoint/bus';
import { describe, expect } from 'vitest';
import { hear, reached, text } from './recorder.ts';
import type { TestBed } from './test-bed.ts';

/** How messages reach handlers. */
export function describeDelivery({ test, connect, stopBroker, startBroker, restartBroker }: TestBed): void {
  describe('delivers', () => {
    test('delivers a message to the subscriber of its topic', async (root) => {
      const bus = await connect();
      const heard = await hear(bus, `${root}/a`);
      await bus.publish(`${root}/a`, 'hello');
      const message = await heard.next();
      expect(message.topic).toBe(`${root}/a`);
      expect(text(message)).toBe('hello');
      expect(message.retained).toBe(false);
    });

    test('delivers every byte unchanged, also of a view into a larger buffer', async (root) => {
      const bus = await connect();
      const heard = await hear(bus, `${root}/bytes`);
      const all = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
      await bus.publish(`${root}/bytes`, all.subarray(20, 290));
      const { payload } = await heard.next();
      expect(payload).toBeInstanceOf(Uint8Array);
      expect([...payload]).toEqual([...all.subarray(20, 290)]);
    });

    test('delivers a QoS 0 message', async (root) => {
      const bus = await connect();
      const heard = await hear(bus, `${root}/zero`);
      await bus.publish(`${root}/zero`, 'light', { qos: 0 });
      expect(text(await heard.next())).toBe('light');
    });

    test('delivers a message of half a megabyte', async (root) => {
      const bus = await connect();
      const heard = await hear(bus, `${root}/large`);
      await bus.publish(`${root}/large`, new Uint8Array(524_288).fill(7));
      expect((await heard.next()).payload.byteLength).toBe(524_288);
    });

    test('delivers a message to another client', async (root) => {
      const [publisher, subscriber] = [await connect(), await connect()];
      const heard = await hear(subscriber, `${root}/a`);
      await publisher.publish(`${root}/a`, 'over there');
      expect(text(await heard.next())).toBe('over there');
    });

    test('delivers messages in the order of publishing when none is awaited before the next', async (root) => {
      const [publisher, subscriber] = [await connect(), await connect()];
      const heard = await hear(subscriber, `${root}/order`);
      const sent = Array.from({ length: 200 }, (_, index) => `${index}`);
      await Promise.all(sent.map((payload) => publisher.publish(`${root}/order`, payload)));
      await heard.seen(200);
      expect(heard.texts).toEqual(sent);
    });

    test('delivers a message with properties, which not every broker carries', async (root) => {
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
    test('marks a retained message as retained for a late subscriber, and not for a live one', async (root) => {
      const bus = await connect();
      const early = await hear(bus, `${root}/kept`);
      await bus.publish(`${root}/kept`, 'v1', { retain: true });
      expect((await early.next()).retained).toBe(false);
      const late = await hear(await connect(), `${root}/kept`);
      const message = await late.next();
      expect(text(message)).toBe('v1');
      expect(message.retained).toBe(true);
    });

    test('sends a late subscriber only the newest retained message', async (root) => {
      const bus = await connect();
      await bus.publish(`${root}/kept`, 'v1', { retain: true });
      await bus.publish(`${root}/kept`, 'v2', { retain: true });
      const late = await hear(bus, `${root}/kept`);
      expect(text(await late.next())).toBe('v2');
    });

    test('removes a retained message by an empty payload, which live subscribers get', async (root) => {
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

    test('delivers retained messages again when a subscription is refreshed', async (root) => {
      const bus = await connect();
      await bus.publish(`${root}/kept`, 'v1', { retain: true });
      const heard = await hear(bus, `${root}/kept`);
      expect(text(await heard.next())).toBe('v1');
      await heard.subscription.refresh();
      const again = await heard.next();
      expect(text(again)).toBe('v1');
      expect(again.retained).toBe(true);
    });

    test('delivers retained messages to a second handler of a filter that is subscribed already', async (root) => {
      const bus = await connect();
      await bus.publish(`${root}/kept`, 'v1', { retain: true });
      const first = await hear(bus, `${root}/kept`);
      await first.next();
      const second = await hear(bus, `${root}/kept`);
      expect(text(await second.next())).toBe('v1');
    });

    test('delivers retained messages after a restart of a broker that keeps them', async (root) => {
      const bus = await connect();
      await bus.publish(`${root}/kept`, 'v1', { retain: true });
      await restartBroker(true);
      const late = await hear(await connect(), `${root}/kept`);
      expect(text(await late.next())).toBe('v1');
    });

    test('delivers no retained message after a restart of a broker that does not keep them', async (root) => {
      const bus = await connect();
      await bus.publish(`${root}/kept`, 'v1', { retain: true });
      await restartBroker(false);
      const late = await hear(await connect(), `${root}/kept`);
      await bus.publish(`${root}/kept`, 'marker');
      expect(text(await late.next())).toBe('marker');
    });
  });

  describe('a handler that throws', () => {
    test('reports a handler that throws, and calls the other handlers all the same', async (root) => {
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

    test('reports an asynchronous handler that rejects', async (root) => {
      const fault = Promise.withResolvers<BusFault>();
      const bus = await connect({ onFault: fault.resolve });
      const handler = async (): Promise<void> => {
        throw new Error('too late');
      };
      await bus.subscribe(`${root}/a`, handler).ready;
      await bus.publish(`${root}/a`, 'one');
      expect(await fault.promise).toMatchObject({ kind: 'handler_threw' });
    });

    test('goes on when onFault throws as well as a handler', async (root) => {
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
    test('delivers what was held back in order, once every holder has let go', async (root) => {
      const bus = await connect();
      if (!bus.holdBack) return;
      const other = await connect();
      const holds: (() => void)[] = [];
      await bus.subscribe(`${root}/a`, () => {
        if (holds.length === 0 && bus.holdBack) holds.push(bus.holdBack(), bus.holdBack());
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

    test('connects again and stops although messages are held back', async (root) => {
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
}
