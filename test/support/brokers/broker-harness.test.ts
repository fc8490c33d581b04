import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWatcher } from '../watcher.ts';
import { openWebSocketHarness } from './aedes-websocket.ts';
import { openBrokerProcess } from './broker-process.ts';
import { availableBrokers, type BrokerHarness, isMosquittoHere } from './brokers.ts';
import { openMosquitto } from './mosquitto.ts';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const withWebSocket = { name: 'aedes over WebSocket', open: () => openWebSocketHarness() };

describe.each([...(await availableBrokers()), withWebSocket])('House-70-Broker-Harness: $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeEach(async () => {
    broker = await open();
    stack.defer(() => broker.close());
  });

  async function connected() {
    const bus = broker.connect();
    stack.defer(() => bus.stop());
    await bus.start();
    return bus;
  }

  it('keeps its connections and its retained messages when it is started while it runs', async () => {
    const bus = await connected();
    await bus.publish('lamp', 'on', { retain: true });
    await broker.start({ keepRetained: false });
    await broker.start({ keepRetained: true });
    expect(bus.status).toEqual({ kind: 'connected', session: 1 });
    const { text } = await createWatcher(await connected(), 'lamp').until(({ text }) => text !== '');
    expect(text).toBe('on');
  });

  it('stops twice, starts again, and closes whether it runs or not', async () => {
    await broker.stop();
    await broker.stop();
    await broker.start({ keepRetained: false });
    await connected();
    await broker.stop();
    await broker.close();
    await broker.close();
  });
});

describe.skipIf(!(await isMosquittoHere()))('House-70-Broker-Harness: Mosquitto', () => {
  it('starts again after it was killed, and stops after it was killed', async () => {
    const broker = await openMosquitto();
    stack.defer(() => broker.close());
    await broker.kill();
    await broker.start({ keepRetained: true });
    await broker.kill();
    await broker.kill();
    await broker.stop();
    await broker.close();
  });

  it('stops while it is frozen', async () => {
    const broker = await openMosquitto();
    stack.defer(() => broker.close());
    await broker.freeze();
    await broker.stop();
  });
});

it('House-70-Broker-Harness: aedes in a process of its own closes twice, and while it is frozen', async () => {
  const broker = await openBrokerProcess();
  await broker.freeze();
  await broker.close();
  await broker.close();
});
