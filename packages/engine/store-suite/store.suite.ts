import type { Store } from '@setpoint/engine';
import { describe } from 'vitest';
import { describeBookmarks } from './bookmarks.suite.ts';
import { describeHistory } from './history.suite.ts';
import { describeLayers } from './layers.suite.ts';
import { describeModel } from './model.suite.ts';
import { describeOutbox } from './outbox.suite.ts';
import { describeReads } from './reads.suite.ts';
import { describeRetention } from './retention.suite.ts';
import { describeWrites } from './writes.suite.ts';

export { answer, type CommitChoices, clock, commit, tagOf } from './fixtures.ts';

/**
 * Describes everything that a store promises, as Vitest tests. `open` resolves with a new, empty store each time it is
 * called; its clock must be `clock`, which always says 1,790,000,000,900 ms.
 * @example
 * import { clock, describeStore } from '@setpoint/engine/store-suite';
 * describeStore('my store', () => openMyStore({ now: clock }));
 */
export function describeStore(name: string, open: () => Promise<Store>): void {
  describe(name, () => {
    describeWrites(open);
    describeReads(open);
    describeOutbox(open);
    describeLayers(open);
    describeBookmarks(open);
    describeHistory(open);
    describeRetention(open);
    describeModel(open);
  });
}
