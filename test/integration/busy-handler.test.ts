import { connect, type MessageSubscription } from '@setpoint/client';
import { createEnvelopeWriter } from '@setpoint/protocol';
import { availableBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

/** `SETPOINT_BUSY_MS=60000` for the whole promise. */
const busyMs = Number(process.env.SETPOINT_BUSY_MS ?? 3000);
// Long beside what a shared machine holds back even an idle process, and short beside the work that waits: 4 s.
const heartbeatMs = 1000;
const workMs = 4;
/** Ten times what a handler of `workMs` can take. */
const messagesPerMs = 10 / workMs;
const limit = 1000;

const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function workWithoutPause(): void {
  const end = performance.now() + workMs;
  while (performance.now() < end);
}

const workElsewhere = (): Promise<void> => new Promise((settle) => setTimeout(settle, workMs));

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  async function start(stack: AsyncDisposableStack) {
    const connection = await connect({
      bus: (options) => broker.connect(options),
      service: 'busy',
      instance: 'busy-1',
      schema: z.object({}),
      cacheDir: false,
      startTimeoutMs: 1,
      heartbeatIntervalMs: heartbeatMs,
      logger,
    });
    stack.use(connection);
    const other = stack.use(broker.connect());
    await other.start();
    const beatsAtMs: number[] = [];
    await other.subscribe('system/keepalive/busy-1', () => beatsAtMs.push(performance.now()), { qos: 0 }).ready;
    return { connection, other, beatsAtMs };
  }

  type Other = Awaited<ReturnType<typeof start>>['other'];

  /** Publishes ten times as much as the handler can take, and looks at the subscription meanwhile. */
  async function flood(other: Other, subscription: MessageSubscription): Promise<number> {
    const writer = createEnvelopeWriter({ source: '/instance/other' });
    const startedAtMs = performance.now();
    let published = 0;
    let mostWaiting = 0;
    for (;;) {
      const elapsedMs = performance.now() - startedAtMs;
      if (elapsedMs >= busyMs) return mostWaiting;
      // What a machine that stood still has missed is not made up for at once: that would be this loop's own stall.
      const upTo = Math.min(elapsedMs * messagesPerMs, published + 200);
      for (; published < upTo; published += 1) {
        const { bytes } = writer.seal({ type: 'a.type', subject: 'busy', data: { n: published } });
        other.publish(`busy/${published % 7}`, bytes, { qos: 0 }).catch(() => {});
      }
      mostWaiting = Math.max(mostWaiting, subscription.stats().waiting);
      await new Promise((settle) => setTimeout(settle, 1));
    }
  }

  it.each([
    ['without a pause', workWithoutPause],
    ['asynchronously', workElsewhere],
  ])(
    'Client-05-Busy-Handler: a handler that works %s delays no heartbeat, no other handler, and its queue stays bounded',
    async (_, work) => {
      await using stack = new AsyncDisposableStack();
      const { connection, other, beatsAtMs } = await start(stack);
      const subscription = connection.messenger.subscribe('busy/+', work, { queue: { limit } });
      let heardElsewhere = 0;
      const elsewhere = connection.messenger.subscribe('busy/0', () => {
        heardElsewhere += 1;
      });
      await Promise.all([subscription.ready, elsewhere.ready]);
      const beatsBefore = beatsAtMs.length;
      const mostWaiting = await flood(other, subscription);
      const beats = beatsAtMs.slice(Math.max(0, beatsBefore - 1));
      const { received, handled, dropped } = subscription.stats();

      // A heartbeat behind the queue would come after the work of all that waits, when nobody publishes any more.
      expect(beats.length).toBeGreaterThanOrEqual(1 + Math.floor(busyMs / heartbeatMs / 2));
      expect(received).toBeGreaterThan(handled * 5);
      expect(dropped).toBeGreaterThan(0);
      expect(mostWaiting).toBe(limit);
      // One in seven is for the other handler, and it has had nearly all of them.
      expect(heardElsewhere).toBeGreaterThan(received / 7 / 2);
      expect(elsewhere.stats().dropped).toBe(0);
    },
    busyMs + 30_000,
  );
});
