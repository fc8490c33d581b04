import type { Bus } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker, type MemoryPacket } from '@setpoint/bus/memory';
import { createEnvelopeWriter, type Health } from '@setpoint/protocol';
import { midnight } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Liveness, watchLiveness } from './liveness.ts';

const topic = 'system/health/config-authority';
const beacon = { sentAt: '2026-06-01T00:00:00.000Z', intervalMs: 2000 };

let stack: AsyncDisposableStack;
let broker: MemoryBroker;
/** What of the wire is lost. */
let lost: (packet: MemoryPacket) => boolean;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance'] });
  stack = new AsyncDisposableStack();
  lost = () => false;
  broker = createMemoryBroker({
    network: { admits: () => true, carry: (packet, pass) => lost(packet) || pass() },
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await stack.disposeAsync();
});

async function open(options: { now?: () => number; onSkew?: (skewMs: number) => void; bus?: Bus } = {}) {
  const bus = options.bus ?? broker.connect({ clientId: 'vad-1' });
  stack.defer(() => bus.stop());
  const told: string[] = [];
  bus.onStatus((status) => told.push(status.kind === 'reconnecting' ? status.reason : status.kind));
  const liveness: Liveness = watchLiveness({
    bus,
    authorityHealthTopic: topic,
    intervalMs: 1000,
    now: () => midnight,
    onSkew: () => undefined,
    ...options,
  });
  stack.defer(() => liveness.stop());
  await bus.start();
  return { bus, liveness, told };
}

/** One interval after the other, with the time for answers in between. */
async function intervals(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await vi.advanceTimersByTimeAsync(1000);
    for (let turn = 0; turn < 10; turn += 1) await new Promise((settle) => setImmediate(settle));
  }
}

async function sayOfAuthority(state: Health['state']): Promise<void> {
  const health: Health = {
    instance: 'config-authority',
    service: 'config-authority',
    session: 's1',
    ok: state === 'ready',
    state,
    event: state === 'ready' ? 'ready' : 'shutdown',
    startedAt: '2026-06-01T00:00:00.000Z',
  };
  const bus = broker.connect();
  await bus.start();
  const writer = createEnvelopeWriter({ source: '/authority/config-authority', now: () => midnight });
  const { bytes } = writer.seal({ type: 'setpoint.health.v1', subject: 'config-authority', data: health });
  await bus.publish(topic, bytes, { retain: true });
  await bus.stop();
}

describe('the liveness of the broker', () => {
  it('a broker that answers is left alone', async () => {
    const { told } = await open();
    await intervals(20);
    expect(told).toEqual(['connecting', 'connected']);
  });

  it('a broker that is silent for three intervals is reconnected to once', async () => {
    const { told, bus } = await open();
    await intervals(2);
    lost = () => true;
    await intervals(2);
    expect(told).toEqual(['connecting', 'connected']);
    await intervals(1);
    expect(told[2]).toBe('the broker has been silent for 3 intervals of 1000 ms');
    lost = () => false;
    await intervals(20);
    expect(bus.status).toEqual({ kind: 'connected', session: 2 });
  });

  it('a broker is not checked when the bus cannot ping', async () => {
    const inner = broker.connect();
    const bus = new Proxy(inner, {
      get: (target, name) => {
        if (name === 'probe') return undefined;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const { told } = await open({ bus });
    lost = () => true;
    await intervals(20);
    expect(told).toEqual(['connecting', 'connected']);
  });
});

describe('the liveness of the authority', () => {
  it('an authority whose beacons stop costs one reconnect, and no second one', async () => {
    const { told, liveness } = await open();
    liveness.heardAuthority(beacon);
    await intervals(5);
    expect(told).toEqual(['connecting', 'connected']);
    await intervals(60);
    expect(told).toEqual([
      'connecting',
      'connected',
      '3 beacons of the authority did not come, although it did not say goodbye',
      'connected',
    ]);
  });

  it('an authority that was never heard is not missed', async () => {
    const { told } = await open();
    await intervals(60);
    expect(told).toEqual(['connecting', 'connected']);
  });

  it('an authority that reported shutdown is not missed', async () => {
    const { told, liveness } = await open();
    liveness.heardAuthority(beacon);
    await sayOfAuthority('offline');
    await intervals(60);
    expect(told).toEqual(['connecting', 'connected']);
  });

  it('an authority that reports ready is expected to go on', async () => {
    const { told, liveness } = await open();
    liveness.heardAuthority(beacon);
    await sayOfAuthority('ready');
    await intervals(10);
    expect(told).toHaveLength(4);
  });

  it('an authority with a very short interval is given at least a second per beacon', async () => {
    const { told, liveness } = await open();
    liveness.heardAuthority({ ...beacon, intervalMs: 1 });
    await intervals(2);
    expect(told).toEqual(['connecting', 'connected']);
  });

  it('an authority whose clock differs is reported', async () => {
    const skews: number[] = [];
    const { liveness } = await open({ now: () => midnight + 11_000, onSkew: (skewMs) => skews.push(skewMs) });
    for (let index = 0; index < 5; index += 1) liveness.heardAuthority(beacon);
    expect(skews).toEqual([11_000]);
  });
});

it('liveness leaves no timer or listener behind when it stops', async () => {
  const { told, liveness } = await open();
  liveness.heardAuthority(beacon);
  liveness.stop();
  lost = () => true;
  await intervals(60);
  expect(told).toEqual(['connecting', 'connected']);
  expect(vi.getTimerCount()).toBe(0);
});
