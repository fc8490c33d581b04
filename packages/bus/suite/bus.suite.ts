import { describe } from 'vitest';
import { describeConnection } from './connection.ts';
import { describeDelivery } from './delivery.ts';
import { describePublishing } from './publishing.ts';
import { describeSubscriptions } from './subscriptions.ts';
import { type BrokerHarness, openTestBed } from './test-bed.ts';

export type { BrokerHarness };

/**
 * Tests everything that a bus promises, on the adapter and the broker that `open` gives. Call it in a test file of
 * vitest; each call is a `describe` of its own.
 * @param name of the adapter or broker, for the titles
 * @param open is called once, before the first test
 * @example
 * describeBusSuite('NATS', async () => {
 *   const server = await startNats();
 *   return {
 *     name: 'NATS',
 *     url: server.url,
 *     connect: (options) => createNatsBus({ url: server.url, ...options }),
 *     stop: () => server.stop(),
 *     start: () => server.start(),
 *     close: () => server.stop(),
 *   };
 * });
 */
export function describeBusSuite(name: string, open: () => Promise<BrokerHarness>): void {
  describe(`the bus over ${name}`, () => {
    const bed = openTestBed(open);
    describeDelivery(bed);
    describeSubscriptions(bed);
    describePublishing(bed);
    describeConnection(bed);
  });
}
