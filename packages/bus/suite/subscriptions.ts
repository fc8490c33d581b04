import { describe, expect } from 'vitest';
import { hear, reached, recorder, text } from './recorder.ts';
import type { TestBed } from './test-bed.ts';

/** What is promised of subscriptions. */
export function describeSubscriptions({
  test,
  create,
  connect,
  stopBroker,
  startBroker,
  restartBroker,
}: TestBed): void {
  describe('subscriptions', () => {
    test('matches + and # as MQTT specifies', async (root) => {
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

    test('calls every handler of one filter once for each message', async (root) => {
      const bus = await connect();
      const [first, second] = [await hear(bus, `${root}/a`), await hear(bus, `${root}/a`)];
      await bus.publish(`${root}/a`, 'one');
      await bus.publish(`${root}/a`, 'two');
      await Promise.all([first.seen(2), second.seen(2)]);
      expect(first.texts).toEqual(['one', 'two']);
      expect(second.texts).toEqual(['one', 'two']);
    });

    test('calls the handlers of all filters that match a message', async (root) => {
      const bus = await connect();
      const exact = await hear(bus, `${root}/a/b`);
      const wild = await hear(bus, `${root}/a/+`);
      await bus.publish(`${root}/a/b`, 'both');
      expect(text(await exact.next())).toBe('both');
      expect(text(await wild.next())).toBe('both');
    });

    test('subscribes after the start to what was subscribed to before it', async (root) => {
      const bus = create();
      const heard = recorder();
      const subscription = bus.subscribe(`${root}/a`, heard.handler);
      await bus.start();
      await subscription.ready;
      await bus.publish(`${root}/a`, 'hello');
      expect(text(await heard.next())).toBe('hello');
    });

    test('calls no handler of a closed subscription, and still calls others of the same filter', async (root) => {
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

    test('restores subscriptions after the broker restarts', async (root) => {
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

    test('House-12-Awaited-Subscription: resolves an awaited subscription when it is granted', async (root) => {
      const bus = await connect();
      await bus.publish(`${root}/a`, 'kept', { retain: true });
      const heard = recorder();
      const subscription = await bus.subscribe(`${root}/a`, heard.handler);
      expect(subscription.refused).toBeUndefined();
      expect(text(await heard.next())).toBe('kept');
      await subscription.close();
      await bus.publish(`${root}/a`, 'unheard');
      expect(heard.texts).toEqual(['kept']);
    });

    test('rejects an awaited subscription when it is closed before it is granted', async (root) => {
      const subscription = create().subscribe(`${root}/a`, () => {});
      const rejected = expect(subscription).rejects.toMatchObject({ code: 'stopped' });
      await subscription.close();
      await rejected;
    });

    test('accepts a subscription while there is no connection', async (root) => {
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

    test('throws for a filter that is not valid, and for a shared one', async () => {
      const bus = await connect();
      for (const filter of ['', 'a/#/b', 'a+', '#a', '$share/group/a', '$share']) {
        expect(() => bus.subscribe(filter, () => {})).toThrow(expect.objectContaining({ code: 'topic_invalid' }));
      }
    });

    test('rejects ready of a subscription that was never granted when the bus stops', async (root) => {
      const bus = create();
      const { ready } = bus.subscribe(`${root}/a`, () => {});
      const rejected = expect(ready).rejects.toMatchObject({ code: 'stopped' });
      await bus.stop();
      await rejected;
    });
  });
}
