import { describeBusSuite } from '@setpoint/bus/suite';
import { describe, expect, it } from 'vitest';
import type { Bus, BusFault } from '../bus.ts';
import { createMemoryBroker } from './memory-broker.ts';

describeBusSuite('memory', async () => {
  const broker = createMemoryBroker();
  return { name: 'memory', url: undefined, ...broker, close: () => broker.stop() };
});

describe('the memory broker', () => {
  it('the memory broker loses the message that intercept drops, and a refresh brings the retained copy', async () => {
    let lost = 0;
    const broker = createMemoryBroker({
      intercept: ({ to, retained }) => {
        if (to !== 'subscriber' || retained || lost > 0) return 'deliver';
        lost += 1;
        return 'drop';
      },
    });
    await using publisher = await started(broker.connect());
    await using subscriber = await started(broker.connect({ clientId: 'subscriber' }));
    const heard = listen(subscriber, 'a');
    await heard.subscription.ready;
    await publisher.publish('a', 'v1', { retain: true });
    expect(lost).toBe(1);
    await heard.subscription.refresh();
    expect(await heard.next()).toBe('v1');
    await publisher.publish('a', 'v2', { retain: true });
    expect(await heard.next()).toBe('v2');
  });

  it('the memory broker refuses what allow refuses', async () => {
    const faults: BusFault[] = [];
    const broker = createMemoryBroker({ allow: ({ topic }) => topic !== 'secret' });
    await using bus = await started(broker.connect({ onFault: (fault) => faults.push(fault) }));
    await expect(bus.publish('secret', 'x')).rejects.toMatchObject({ code: 'publish_refused' });
    await bus.publish('secret', 'x', { qos: 0 });
    const denied = bus.subscribe('secret', () => {});
    const heard = listen(bus, 'open');
    await heard.subscription.ready;
    expect(denied.refused).toBe('Not authorized');
    expect(faults).toEqual([
      { kind: 'subscription_refused', message: 'the broker refused the subscription secret: Not authorized' },
    ]);
    await bus.publish('open', 'y');
    expect(await heard.next()).toBe('y');
  });

  it('asks again for a refused filter at the next connection', async () => {
    let allowed = false;
    const broker = createMemoryBroker({ allow: () => allowed });
    await using bus = await started(broker.connect());
    const subscription = bus.subscribe('a', () => {});
    await subscription.refresh();
    expect(subscription.refused).toBe('Not authorized');
    allowed = true;
    bus.reconnect('ask again');
    await subscription.ready;
    expect(subscription.refused).toBeUndefined();
  });

  it('the memory broker disconnects a client, sends its Last Will, and lets it come back', async () => {
    const broker = createMemoryBroker();
    await using watcher = await started(broker.connect());
    const heard = listen(watcher, 'will');
    const will = { topic: 'will', payload: 'lost', qos: 1, retain: false } as const;
    await using bus = await started(broker.connect({ clientId: 'victim', will: () => will }));
    expect(broker.clientIds).toContain('victim');
    const back = Promise.withResolvers<void>();
    bus.onStatus((status) => status.kind === 'connected' && back.resolve());
    broker.disconnect('victim');
    expect(await heard.next()).toBe('lost');
    await back.promise;
    expect(bus.status).toEqual({ kind: 'connected', session: 2 });
  });

  it('the memory broker lets a second client of one id take over, and both report it', async () => {
    const fault = Promise.withResolvers<BusFault>();
    const broker = createMemoryBroker();
    await using _first = await started(broker.connect({ clientId: 'twin', onFault: fault.resolve }));
    await using _second = await started(broker.connect({ clientId: 'twin' }));
    expect(await fault.promise).toEqual({
      kind: 'connection_lost',
      message: 'connection lost: another client has taken over the client id "twin"',
    });
  });
});

async function started(bus: Bus): Promise<Bus> {
  await bus.start();
  return bus;
}

function listen(bus: Bus, filter: string) {
  const texts: string[] = [];
  let heard = Promise.withResolvers<void>();
  const subscription = bus.subscribe(filter, ({ payload }) => {
    texts.push(Buffer.from(payload).toString());
    heard.resolve();
    heard = Promise.withResolvers<void>();
  });
  const next = async (): Promise<string> => {
    while (texts.length === 0) await heard.promise;
    return texts.shift() ?? '';
  };
  return { subscription, next };
}
