import type { BusFault } from '@setpoint/bus';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { type AedesHarness, type AedesHooks, openAedes } from '@setpoint/test-support/brokers/aedes';
import { openWebSocketBroker } from '@setpoint/test-support/brokers/aedes-websocket';
import { freePort } from '@setpoint/test-support/free-port';
import { hear, session } from '@setpoint/test-support/heard';
import { agree, openScriptedBroker } from '@setpoint/test-support/scripted-broker';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await stack.disposeAsync();
});

async function aedes(): Promise<AedesHarness> {
  const broker = await openAedes();
  stack.defer(() => broker.close());
  return broker;
}

function create(...url: readonly string[]) {
  const faults: BusFault[] = [];
  const bus = createMqttBus({
    url,
    clientId: 'vad-1',
    reconnectMinDelayMs: 20,
    reconnectMaxDelayMs: 200,
    onFault: (fault) => faults.push(fault),
  });
  stack.defer(() => bus.stop());
  return { bus, faults };
}

const isAt = (broker: AedesHarness): boolean => broker.broker.connectedClients === 1;

/** What the bus takes for ten seconds passes at once. */
function hold(): void {
  const { now } = performance;
  vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + 10_000);
}

describe('a bus with several brokers', () => {
  it('connects to the first broker that accepts, in the given order', async () => {
    const [second, third] = [await aedes(), await aedes()];
    const nobody = `mqtt://127.0.0.1:${await freePort()}`;
    const { bus, faults } = create(nobody, second.url, third.url);
    await bus.start();
    expect([isAt(second), isAt(third)]).toEqual([true, false]);
    expect(faults.map(({ message }) => message)).toEqual([
      expect.stringContaining(`can't connect to ${nobody}: connect ECONNREFUSED`),
    ]);
  });

  it('keeps its subscriptions when it moves to the next broker, and stays there although the first is back', async () => {
    const [first, second] = [await aedes(), await aedes()];
    const { bus } = create(first.url, second.url);
    await bus.start();
    const heard = hear(bus, 'a');
    await heard.subscription.ready;
    const moved = session(bus, 2);
    await first.stop();
    const early = bus.publish('a', 'on the way');
    await moved;
    await first.start({ keepRetained: true });
    await early;
    expect(await heard.next()).toBe('on the way');
    await bus.publish('a', 'there');
    expect(await heard.next()).toBe('there');
    expect([isAt(first), isAt(second)]).toEqual([false, true]);
  });

  it('begins with the first broker again when a stable connection is lost', async () => {
    const [first, second] = [await aedes(), await aedes()];
    const { bus } = create(first.url, second.url);
    await first.stop();
    await bus.start();
    await first.start({ keepRetained: true });
    hold();
    const back = session(bus, 2);
    await second.stop();
    await back;
    expect([isAt(first), isAt(second)]).toEqual([true, false]);
  });

  it('moves to the next broker when it has left one itself, however long the connection held', async () => {
    const [first, second] = [await aedes(), await aedes()];
    const { bus } = create(first.url, second.url);
    await bus.start();
    hold();
    const moved = session(bus, 2);
    bus.reconnect('it has been silent');
    await moved;
    expect([isAt(first), isAt(second)]).toEqual([false, true]);
  });

  it('leaves a broker that accepts and hangs up', async () => {
    const second = await aedes();
    const first = await openScriptedBroker((packet, client) => {
      agree(packet, client);
      if (packet.cmd === 'subscribe') client.hangUp();
    });
    stack.defer(() => first.close());
    const { bus } = create(first.url, second.url);
    const heard = hear(bus, 'a');
    await bus.start();
    await heard.subscription.ready;
    await session(bus, 2);
    await bus.publish('a', 'x');
    expect(await heard.next()).toBe('x');
    expect(isAt(second)).toBe(true);
  });

  it('uses the login and the transport of each broker', async () => {
    const logins: string[] = [];
    const authenticate: AedesHooks['authenticate'] = (_client, username, password, done) => {
      logins.push(`${username} ${password}`);
      done(null, username === 'bob');
    };
    const first = await openAedes({ authenticate });
    stack.defer(() => first.close());
    const second = stack.use(await openWebSocketBroker({ authenticate }));
    const { bus, faults } = create(first.url.replace('//', '//ann:one@'), `ws://bob:two@127.0.0.1:${second.port}/mqtt`);
    await bus.start();
    expect(logins).toEqual(['ann one', 'bob two']);
    expect(JSON.stringify(faults)).not.toMatch(/ann|bob|one@|two@/);
  });
});
