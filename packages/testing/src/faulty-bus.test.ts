import type { Bus } from '@setpoint/bus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Faults } from './faults.ts';
import { createFaultyBus, type FaultyBus } from './faulty-bus.ts';
import { installVirtualClock, type VirtualClock } from './virtual-clock.ts';

let clock: VirtualClock;

beforeEach(() => {
  clock = installVirtualClock({ startMs: 0 });
});

afterEach(() => clock.uninstall());

async function connect(broker: FaultyBus, clientId: string): Promise<Bus> {
  const bus = broker.connect({ clientId });
  void bus.start().catch(() => undefined);
  await clock.settle();
  return bus;
}

function refusalOf(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (cause) {
    return cause;
  }
}

function listen(bus: Bus, filter = '#'): string[] {
  const heard: string[] = [];
  bus.subscribe(filter, ({ payload }) => heard.push(Buffer.from(payload).toString()));
  return heard;
}

/** Publishes `a0`, `a1`, …, one every 10 ms, and returns what arrived. */
async function send(broker: FaultyBus, faults: Faults, options: { qos: 0 | 1 }, count = 100): Promise<string[]> {
  const [publisher, subscriber] = [await connect(broker, 'publisher'), await connect(broker, 'subscriber')];
  const heard = listen(subscriber);
  await clock.settle();
  broker.setFaults(faults);
  for (let index = 0; index < count; index += 1) {
    void publisher.publish('a', `a${index}`, options).catch(() => undefined);
    await clock.advance(10);
  }
  broker.calm();
  await clock.advance(10_000);
  return heard;
}

const all = Array.from({ length: 100 }, (_, index) => `a${index}`);

describe('a faulty bus', () => {
  it('delivers everything until a fault is configured', async () => {
    const broker = createFaultyBus({ seed: 1 });
    expect(await send(broker, {}, { qos: 0 })).toEqual(all);
    expect(broker.clientIds).toEqual(['publisher', 'subscriber']);
  });

  it('repeats its faults for the same seed, and differs for another', async () => {
    const faults = { drop: 0.3, duplicate: 0.2, reorder: 0.2, delay: 0.3 };
    const runs = [];
    for (const seed of [7, 7, 8]) {
      const broker = createFaultyBus({ seed, faults: {} });
      runs.push({ heard: await send(broker, faults, { qos: 0 }), log: broker.log.lines.length });
    }
    expect(runs[0]).toEqual(runs[1]);
    expect(runs[0]?.heard).not.toEqual(runs[2]?.heard);
  });

  it('drops QoS 0 in both directions, and QoS 1 never', async () => {
    const heard = await send(createFaultyBus({ seed: 1 }), { drop: 0.5 }, { qos: 0 });
    expect(heard.length).toBeGreaterThan(10);
    // A quarter comes through where each direction loses half.
    expect(heard.length).toBeLessThan(45);
    expect(await send(createFaultyBus({ seed: 1 }), { drop: 1 }, { qos: 1 })).toEqual(all);
  });

  it('loses QoS 1 messages to a client, as a broker with a full queue does', async () => {
    const broker = createFaultyBus({ seed: 1 });
    const heard = await send(broker, { overflow: 0.5 }, { qos: 1 });
    expect(heard.length).toBeGreaterThan(25);
    expect(heard.length).toBeLessThan(75);
    expect(broker.log.lines.filter((line) => line.includes('lost: publish a to subscriber, QoS 1'))).toHaveLength(
      100 - heard.length,
    );
  });

  it('loses QoS 1 messages with the connection, and sends them again after it is back', async () => {
    const broker = createFaultyBus({ seed: 3 });
    const heard = await send(broker, { cut: 0.1 }, { qos: 1 });
    expect(broker.log.lines.some((line) => line.includes('cut: publish a from publisher'))).toBe(true);
    const missed = all.filter((text) => !heard.includes(text));
    // What was cut to the subscriber is lost; what was cut from the publisher is not.
    expect(missed.length).toBeGreaterThan(0);
    expect(missed.length).toBeLessThan(90);
    expect(heard).toContain('a99');
  });

  it('delivers messages twice', async () => {
    const heard = await send(createFaultyBus({ seed: 1 }), { duplicate: 1, maxDelayMs: 5 }, { qos: 1 });
    for (const text of all) expect(heard.filter((other) => other === text).length).toBeGreaterThanOrEqual(2);
  });

  it('delays messages in order, and reorders them', async () => {
    expect(await send(createFaultyBus({ seed: 1 }), { delay: 0.5 }, { qos: 0 })).toEqual(all);
    const heard = await send(createFaultyBus({ seed: 1 }), { reorder: 0.5 }, { qos: 0 });
    expect(heard).not.toEqual(all);
    expect([...heard].sort()).toEqual([...all].sort());
  });

  it('holds every message of a partitioned client, and delivers them after the partition', async () => {
    const broker = createFaultyBus({ seed: 1 });
    const [publisher, subscriber] = [await connect(broker, 'publisher'), await connect(broker, 'subscriber')];
    const heard = listen(subscriber);
    await clock.settle();
    broker.partition('subscriber');
    broker.partition('subscriber');
    let isAnswered = false;
    void publisher.publish('a', 'x');
    void subscriber.publish('b', 'y').then(() => {
      isAnswered = true;
    });
    await clock.advance(100);
    expect({ heard, isAnswered }).toEqual({ heard: [], isAnswered: false });
    broker.heal('subscriber', 'resume');
    broker.heal('subscriber');
    await clock.advance(100);
    expect({ heard, isAnswered }).toEqual({ heard: ['x', 'y'], isAnswered: true });
    expect(subscriber.status).toMatchObject({ kind: 'connected', session: 1 });
  });

  it('keeps a partitioned client from connecting, until it is healed', async () => {
    const broker = createFaultyBus({ seed: 1 });
    broker.partition('late');
    const bus = await connect(broker, 'late');
    await clock.advance(1000);
    expect(bus.status).toMatchObject({ kind: 'connecting', reason: 'the broker is not reached' });
    broker.calm();
    await clock.advance(1000);
    expect(bus.status).toMatchObject({ kind: 'connected', session: 1 });
  });

  it('ends the connection of a partition that was too long', async () => {
    const broker = createFaultyBus({ seed: 1 });
    const bus = await connect(broker, 'a');
    broker.partition('a');
    broker.heal('a', 'cut');
    await clock.advance(1000);
    expect(bus.status).toMatchObject({ kind: 'connected', session: 2 });
    broker.disconnect('a');
    await clock.advance(1000);
    expect(bus.status).toMatchObject({ kind: 'connected', session: 3 });
  });

  it('serves older retained messages instead of the last, and none that was cleared', async () => {
    const broker = createFaultyBus({ seed: 1, faults: { staleRetained: 1 } });
    const publisher = await connect(broker, 'publisher');
    for (const text of ['v1', '', 'v2', 'v3']) void publisher.publish('a', text, { retain: true });
    await clock.settle();
    const heard = listen(await connect(broker, 'subscriber'));
    await clock.settle();
    expect(heard).toHaveLength(1);
    expect(['v1', 'v2']).toContain(heard[0]);
    // A message that is published now is never an older one.
    void publisher.publish('a', 'v4', { retain: true });
    await clock.settle();
    expect(heard[1]).toBe('v4');
  });

  it('restarts with its retained messages, or without', async () => {
    const broker = createFaultyBus({ seed: 1 });
    const publisher = await connect(broker, 'publisher');
    void publisher.publish('a', 'kept', { retain: true });
    await clock.settle();
    await broker.restart();
    expect(listen(await connect(broker, 'first'))).toEqual([]);
    await clock.settle();
    const second = listen(await connect(broker, 'second'));
    await clock.settle();
    expect(second).toEqual(['kept']);
    await broker.restart({ keepRetained: false });
    const third = listen(await connect(broker, 'third'));
    await clock.advance(100);
    expect(third).toEqual([]);
  });

  it('describes its seed and its faults for the message of a failed test', async () => {
    const broker = createFaultyBus({ seed: 99 });
    broker.partition('victim');
    const failing = broker.explain(async () => {
      throw new Error('expected 3 to be 4');
    });
    await expect(failing).rejects.toThrow(
      /^expected 3 to be 4\nseed 99; what the network did:\n.*partitioned: victim$/,
    );
    await expect(broker.explain(async () => Promise.reject('no error'))).rejects.toThrow('no error');
    expect(await broker.explain(async () => 5)).toBe(5);
  });

  it('draws a seed when none is given, and keeps its log bounded', () => {
    const broker = createFaultyBus();
    expect(Number.isInteger(broker.seed)).toBe(true);
    for (let count = 0; count < 3000; count += 1) broker.log.note('x');
    expect(broker.log.lines).toHaveLength(500);
  });
});

describe('the options of a faulty bus', () => {
  it('the options of a faulty bus are refused with all faults at once', () => {
    const faults = { drop: 2, cut: -1, drp: 0.5, delay: Number.NaN, maxDelayMs: -5 } as Faults;
    const wrong = { seed: 'x' as never, faults, fault: {} };
    expect(refusalOf(() => createFaultyBus(wrong))).toMatchObject({
      code: 'options_invalid',
      message:
        'createFaultyBus was called with wrong options: fault is unknown, there are seed and faults; ' +
        'seed must be a whole number, and is x; faults/drop must be 0 to 1, and is 2; ' +
        'faults/cut must be 0 to 1, and is -1; faults/drp is unknown, there are drop, overflow, cut, duplicate, delay, ' +
        'reorder, maxDelayMs and staleRetained; faults/delay must be 0 to 1, and is NaN; ' +
        'faults/maxDelayMs must be 0 to 2147483647, and is -5',
      faults: [
        { pointer: '/fault', message: 'is unknown, there are seed and faults' },
        { pointer: '/seed', message: 'must be a whole number, and is x' },
        { pointer: '/faults/drop', message: 'must be 0 to 1, and is 2' },
        { pointer: '/faults/cut', message: 'must be 0 to 1, and is -1' },
        { pointer: '/faults/drp' },
        { pointer: '/faults/delay', message: 'must be 0 to 1, and is NaN' },
        { pointer: '/faults/maxDelayMs', message: 'must be 0 to 2147483647, and is -5' },
      ],
    });
    expect(refusalOf(() => createFaultyBus({ faults: 0.5 as never }))).toMatchObject({
      faults: [{ pointer: '/faults', message: 'must be an object of faults, and is 0.5' }],
    });
  });

  it('wrong options that are set later are refused, and the previous ones stay in force', async () => {
    const broker = createFaultyBus({ seed: 1, faults: { drop: 1 } });
    expect(refusalOf(() => broker.setFaults({ drop: 0, duplicate: 1.5 }))).toMatchObject({
      code: 'options_invalid',
      message: 'setFaults was called with wrong options: duplicate must be 0 to 1, and is 1.5',
    });
    const bus = await connect(broker, 'a');
    const heard = listen(bus);
    await clock.settle();
    await bus.publish('a', 'x', { qos: 0 });
    await clock.advance(5000);
    expect(heard).toEqual([]);
  });
});
