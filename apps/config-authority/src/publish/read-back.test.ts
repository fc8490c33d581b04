import type { Bus } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import type { VersionRecord } from '@setpoint/engine';
import { createKeyRing, createSigner, createSigningKey, createTopics, trustedKeyOf } from '@setpoint/protocol';
import { createInbox, midnight, sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readBack } from './read-back.ts';

const key = createSigningKey();
const signer = createSigner(key);
const keys = createKeyRing({ keys: [trustedKeyOf(key, 'authority')] });

let broker: MemoryBroker;
let bus: Bus;
const subscribed = { next: createInbox<string>() };
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  subscribed.next = createInbox();
  broker = createMemoryBroker({
    allow: ({ kind, topic }) => {
      if (kind === 'subscribe') subscribed.next.put(topic);
      return true;
    },
  });
  bus = broker.connect({ clientId: 'authority' });
  await bus.start();
});
afterEach(async () => {
  await bus.stop();
  vi.useRealTimers();
});

const record = (version: number, service = 'vad', deleted = false): VersionRecord => ({
  snapshot: snapshotOf(version, deleted ? {} : { n: version }, { service }),
  changed: [],
  deleted,
});
const sealed = (version: number): Uint8Array => sealSnapshot(record(version).snapshot, signer);

/** Reads back what the broker has of `records`, and says which were published again. */
async function read(records: readonly VersionRecord[], known: () => readonly VersionRecord[] = () => records) {
  const reasserted: string[] = [];
  const reading = readBack({
    bus,
    topics: createTopics(),
    keys,
    services: () => records.map(({ snapshot }) => snapshot.service),
    latest: (service) => known().find(({ snapshot }) => snapshot.service === service),
    reassert: ({ snapshot, deleted }) =>
      reasserted.push(`${snapshot.service} ${snapshot.version}${deleted ? ' deleted' : ''}`),
    now: () => midnight,
  });
  for (const _ of records) await subscribed.next.next();
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  await vi.advanceTimersByTimeAsync(500);
  await reading;
  return reasserted;
}

const keep = (payload: Uint8Array | string, service = 'vad'): Promise<void> =>
  bus.publish(`config/${service}/snapshot`, payload, { retain: true });

describe('reading back a retained snapshot', () => {
  it('leaves the present snapshot alone when this authority signed it', async () => {
    await keep(sealed(3));
    expect(await read([record(3)])).toEqual([]);
  });

  it.each<[string, () => Uint8Array | string]>([
    ['older', () => sealed(2)],
    ['newer than the store knows', () => sealed(4)],
    ['of another content', () => sealSnapshot(snapshotOf(3, { n: 'another' }), signer)],
    ['of another epoch', () => sealSnapshot(snapshotOf(3, { n: 3 }, { epoch: 8 }), signer)],
    ['not signed', () => sealSnapshot(record(3).snapshot)],
    ['signed by a stranger', () => sealSnapshot(record(3).snapshot, createSigner(createSigningKey()))],
    ['not JSON', () => 'hello'],
  ])('publishes the present snapshot again when the retained one is %s', async (_, make) => {
    await keep(make());
    expect(await read([record(3)])).toEqual(['vad 3']);
  });

  it('publishes a missing snapshot again after half a second', async () => {
    const reasserted: string[] = [];
    const reading = readBack({
      bus,
      topics: createTopics(),
      keys,
      services: () => ['vad'],
      latest: () => record(3),
      reassert: ({ snapshot }) => reasserted.push(snapshot.service),
      now: () => midnight,
    });
    await subscribed.next.next();
    await vi.advanceTimersByTimeAsync(499);
    expect(reasserted).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await reading;
    expect(reasserted).toEqual(['vad']);
  });

  it('removes the snapshot of a deleted service, and publishes nothing when it is already gone', async () => {
    await keep(sealed(1));
    expect(await read([record(2, 'vad', true), record(9, 'asr', true)])).toEqual(['vad 2 deleted']);
  });

  it('subscribes to the exact topic, and unsubscribes afterwards', async () => {
    await keep(sealed(3));
    await read([record(3), record(1, 'asr')]);
    expect(subscribed.next.all).toEqual(['config/vad/snapshot', 'config/asr/snapshot']);
    const heard: string[] = [];
    bus.onStatus(() => undefined);
    await bus.subscribe('marker', () => heard.push('marker')).ready;
    await keep(sealed(4));
    await bus.publish('marker', 'x');
    expect(heard).toEqual(['marker']);
  });

  it('compares with the version that is latest when the retained snapshot arrives', async () => {
    await keep(sealed(3));
    let latest = [record(2)];
    const reading = read([record(2)], () => latest);
    latest = [record(3)];
    expect(await reading).toEqual([]);
  });

  it('leaves the snapshot of a service that is no longer known alone', async () => {
    await keep(sealed(3));
    let latest = [record(2)];
    const reading = read([record(2)], () => latest);
    latest = [];
    expect(await reading).toEqual([]);
  });
});

describe('reading back', () => {
  it('reads nothing when there are no services', async () => {
    expect(await read([])).toEqual([]);
  });

  it('rejects when the bus has stopped', async () => {
    await bus.stop();
    await expect(
      readBack({
        bus,
        topics: createTopics(),
        keys,
        services: () => ['vad'],
        latest: () => record(1),
        reassert: () => {},
        now: () => 0,
      }),
    ).rejects.toMatchObject({ code: 'stopped' });
  });
});
