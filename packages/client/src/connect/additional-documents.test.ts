import type { Bus, BusStatus } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import { createInbox } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shareBus } from './additional-documents.ts';

let broker: MemoryBroker;
let bus: Bus;
beforeEach(() => {
  broker = createMemoryBroker();
  bus = broker.connect({ clientId: 'first' });
});
afterEach(() => bus.stop());

const will = { topic: 'will', payload: '', qos: 0, retain: false } as const;

describe('a shared bus', () => {
  it('a shared bus starts with its connection, calls its own listeners, and asks for its Last Will once', async () => {
    let asked = 0;
    const shared = shareBus(bus, {
      will: () => {
        asked += 1;
        return will;
      },
    });
    const told: BusStatus['kind'][] = [];
    shared.onStatus(({ kind }) => void told.push(kind));
    expect(shared.status).toEqual({ kind: 'idle' });
    await bus.start();
    expect(told).toEqual([]);
    await shared.start();
    expect([shared.status.kind, told, asked]).toEqual(['connected', ['connected'], 1]);
    await expect(shared.start()).rejects.toMatchObject({ code: 'stopped' });
    expect(broker.clientIds).toEqual(['first']);
  });

  it('a shared bus waits until the connection is there', async () => {
    const shared = shareBus(bus, {});
    const starting = shared.start();
    void bus.start();
    await starting;
    expect(shared.status.kind).toBe('connected');
  });

  it('a shared bus publishes and subscribes on the connection, and its stop ends only its own subscriptions', async () => {
    await bus.start();
    const shared = shareBus(bus, {});
    await shared.start();
    const [mine, theirs] = [createInbox<string>(), createInbox<string>()];
    await shared.subscribe('a', ({ payload }) => mine.put(String(payload))).ready;
    await bus.subscribe('a', ({ payload }) => theirs.put(String(payload))).ready;
    await shared.publish('a', 'one');
    expect([await mine.next(), await theirs.next()]).toEqual(['one', 'one']);
    await shared.stop();
    await shared.stop();
    await bus.publish('a', 'two');
    expect(await theirs.next()).toBe('two');
    expect(mine.all).toEqual(['one']);
    expect([bus.status.kind, shared.status.kind]).toEqual(['connected', 'closed']);
    await expect(shared.publish('a', 'three')).rejects.toMatchObject({ code: 'stopped' });
  });

  it('a shared bus is closed when the connection is', async () => {
    await bus.start();
    const shared = shareBus(bus, {});
    const told: BusStatus['kind'][] = [];
    await shared.start();
    const leave = shared.onStatus(({ kind }) => void told.push(kind));
    await bus.stop();
    expect([told.at(-1), shared.status.kind]).toEqual(['closed', 'closed']);
    leave();
    const late = shareBus(broker.connect({ clientId: 'second' }), {});
    const starting = late.start();
    await late[Symbol.asyncDispose]();
    await expect(starting).rejects.toMatchObject({ code: 'stopped' });
  });

  it('a shared bus gives up its start with its signal, and the connection goes on', async () => {
    const shared = shareBus(bus, {});
    const gone = new AbortController();
    const starting = shared.start({ signal: gone.signal });
    gone.abort(new Error('gone'));
    await expect(starting).rejects.toThrow('gone');
    await bus.start();
    expect([bus.status.kind, shared.status.kind]).toEqual(['connected', 'closed']);
  });

  it('a listener of a shared bus that throws is reported as a fault, and the others are called', async () => {
    await bus.start();
    const faults: string[] = [];
    const shared = shareBus(bus, { onFault: ({ kind, cause }) => faults.push(`${kind} ${(cause as Error).message}`) });
    await shared.start();
    const heard: string[] = [];
    shared.onStatus(() => {
      throw new Error('a listener of the user');
    });
    shared.onStatus(({ kind }) => heard.push(kind));
    await shared.stop();
    expect([heard, faults]).toEqual([['closed'], ['handler_threw a listener of the user']]);
  });

  it('a shared bus keeps nothing of a closed subscription', async () => {
    await bus.start();
    const closed: string[] = [];
    const watched: Bus = Object.assign(Object.create(bus) as Bus, {
      onStatus: () => () => {},
      subscribe: (filter: string) => ({
        ready: Promise.resolve(),
        refused: undefined,
        refresh: async () => {},
        close: async () => void closed.push(filter),
      }),
    });
    const shared = shareBus(watched, {});
    await shared.subscribe('a', () => {}).close();
    shared.subscribe('b', () => {});
    await shared.stop();
    expect(closed).toEqual(['a', 'b']);
  });

  it('a shared bus passes reconnect and ping on to the connection', async () => {
    await bus.start();
    const asked: string[] = [];
    const able: Bus = Object.assign(Object.create(bus) as Bus, {
      reconnect: (reason: string) => void asked.push(reason),
      probe: async () => true,
    });
    shareBus(able, {}).reconnect('silent');
    expect(asked).toEqual(['silent']);
    expect(await shareBus(able, {}).probe?.()).toBe(true);
    const unable: Bus = Object.assign(Object.create(bus) as Bus, { probe: undefined });
    expect(shareBus(unable, {}).probe).toBeUndefined();
  });
});
