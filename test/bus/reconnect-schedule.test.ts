import type { MqttBus } from '@setpoint/bus/mqtt';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { reached, session } from '@setpoint/test-support/heard';
import { agree, openScriptedBroker, type ScriptedBroker } from '@setpoint/test-support/scripted-broker';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

/** What the longest delay before each attempt after a loss is, from the first on. Milliseconds. */
const ceilingsMs = [100, 500, 1000, 2000, 4000, 5000, 5000, 5000];
const almostOne = 1 - Number.EPSILON;

let stack: AsyncDisposableStack;
let broker: ScriptedBroker;
let isOpen: boolean;
/** Every connection of now, to be ended. */
let hangUps: (() => void)[];
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  isOpen = true;
  hangUps = [];
  broker = await openScriptedBroker((packet, client) => {
    if (!isOpen) return client.hangUp();
    agree(packet, client);
    if (packet.cmd === 'connect') hangUps.push(() => client.hangUp());
    return undefined;
  });
  stack.defer(() => broker.close());
  // The sockets are real; what is waited for is not.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await stack.disposeAsync();
});

async function connect(random: () => number): Promise<MqttBus> {
  const bus = createMqttBus({ url: broker.url, clientId: 'vad-1', protocolVersion: 4, random });
  stack.defer(() => bus.stop({ abrupt: true }));
  await bus.start();
  return bus;
}

function lose(): void {
  for (const hangUp of hangUps.splice(0)) hangUp();
}

/** Lets the fake clock run until the next attempt is made, and says how long that took. */
function gapMs(bus: MqttBus): number {
  const beganMs = performance.now();
  let attempted = false;
  bus.client?.once('reconnect', () => {
    attempted = true;
  });
  while (!attempted && performance.now() - beganMs < 10_000) vi.advanceTimersByTime(1);
  return Math.round(performance.now() - beganMs);
}

/** The gaps before the next `count` attempts, all of which fail. */
async function gapsOfOutage(bus: MqttBus, count: number): Promise<number[]> {
  isOpen = false;
  lose();
  const gaps: number[] = [];
  for (let attempt = 0; attempt < count; attempt += 1) {
    await reached(bus, (now) => now.kind === 'reconnecting' && now.attempt === attempt);
    gaps.push(gapMs(bus));
  }
  await reached(bus, (now) => now.kind === 'reconnecting' && now.attempt === count);
  return gaps;
}

describe('Client-07-Backoff-Schedule: after a loss', () => {
  it('the attempts come after at most 0.1, 0.5, 1, 2, 4, and then 5 s', async () => {
    expect(await gapsOfOutage(await connect(() => almostOne), 8)).toEqual(ceilingsMs.map((ceiling) => ceiling - 1));
  });

  it('each attempt comes at a random time between at once and its ceiling', async () => {
    const chances = fc.array(fc.double({ min: 0, max: almostOne, noNaN: true }), { minLength: 8, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(chances, async (randoms) => {
        let next = 0;
        isOpen = true;
        const bus = await connect(() => randoms[next++ % 8] ?? 0);
        const gaps = await gapsOfOutage(bus, 8);
        // A timer of no time at all is one of a millisecond.
        const expected = randoms.map((random, index) => Math.max(1, Math.floor(random * (ceilingsMs[index] ?? 0))));
        expect(gaps).toEqual(expected);
        await bus.stop({ abrupt: true });
      }),
      { numRuns: 20 },
    );
  });

  it('the schedule begins anew once a connection has held for ten seconds', async () => {
    const bus = await connect(() => almostOne);
    expect(await gapsOfOutage(bus, 3)).toEqual([99, 499, 999]);
    isOpen = true;
    vi.advanceTimersByTime(2000);
    await session(bus, 2);
    vi.advanceTimersByTime(10_000);
    expect(await gapsOfOutage(bus, 2)).toEqual([99, 499]);
  });

  it('the schedule goes on where it was after a connection that did not hold', async () => {
    const bus = await connect(() => almostOne);
    expect(await gapsOfOutage(bus, 3)).toEqual([99, 499, 999]);
    isOpen = true;
    vi.advanceTimersByTime(2000);
    await session(bus, 2);
    vi.advanceTimersByTime(9900);
    expect(await gapsOfOutage(bus, 2)).toEqual([3999, 4999]);
  });
});
