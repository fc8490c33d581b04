import type { Store } from '@setpoint/engine';
import { expect, it } from 'vitest';
import { commit } from './fixtures.ts';

export function describeOutbox(open: () => Promise<Store>): void {
  it('holds what is to be published in the order it was stored', async () => {
    await using store = await open();
    await store.append([commit('web', 1), commit('api', 1)]);
    await store.append([commit('web', 2)]);
    expect(await store.pendingOutbox()).toEqual([
      { service: 'web', version: 1 },
      { service: 'api', version: 1 },
      { service: 'web', version: 2 },
    ]);
  });

  it('takes what was sent and what is older, of that service alone', async () => {
    await using store = await open();
    await store.append([commit('web', 1), commit('api', 1), commit('web', 2), commit('web', 3)]);
    await store.markSent([{ service: 'web', version: 2 }]);
    expect(await store.pendingOutbox()).toEqual([
      { service: 'api', version: 1 },
      { service: 'web', version: 3 },
    ]);
    await store.markSent([
      { service: 'api', version: 1 },
      { service: 'web', version: 3 },
    ]);
    expect(await store.pendingOutbox()).toEqual([]);
  });

  it('does not bring back what was sent when an older version is marked after it', async () => {
    await using store = await open();
    await store.append([commit('web', 1), commit('web', 2), commit('web', 3)]);
    await store.markSent([{ service: 'web', version: 2 }]);
    await store.markSent([{ service: 'web', version: 1 }]);
    expect(await store.pendingOutbox()).toEqual([{ service: 'web', version: 3 }]);
  });

  it('does not take versions that are only stored later', async () => {
    await using store = await open();
    await store.append([commit('web', 1)]);
    await store.markSent([
      { service: 'web', version: 7 },
      { service: 'ghost', version: 1 },
    ]);
    await store.append([commit('web', 2), commit('ghost', 1)]);
    expect(await store.pendingOutbox()).toEqual([
      { service: 'web', version: 2 },
      { service: 'ghost', version: 1 },
    ]);
  });

  it('keeps thousands of rows in order while most of them are sent', async () => {
    await using store = await open();
    for (let version = 1; version <= 3000; version += 100) {
      const versions = Array.from({ length: 100 }, (_, i) => version + i);
      await store.append(versions.flatMap((each) => [commit('api', each), commit('web', each)]));
      await store.markSent(versions.map((each) => ({ service: 'api', version: each })));
    }
    const pending = await store.pendingOutbox();
    expect(pending).toHaveLength(3000);
    expect(pending.at(0)).toEqual({ service: 'web', version: 1 });
    expect(pending.at(-1)).toEqual({ service: 'web', version: 3000 });
  });
}
