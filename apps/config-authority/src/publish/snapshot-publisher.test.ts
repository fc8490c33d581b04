import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import type { Store, VersionRecord } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import { createEnvelopeWriter, createTopics, type JsonObject } from '@setpoint/protocol';
import { type HeldBus, type HeldPublish, holdPublishes } from '@setpoint/test-support/held-bus';
import { midnight, snapshotOf } from '@setpoint/test-support/samples';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSnapshotPublisher } from './snapshot-publisher.ts';

let broker: MemoryBroker;
let stack: AsyncDisposableStack;
let warnings: string[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  broker = createMemoryBroker();
  stack = new AsyncDisposableStack();
  warnings = [];
});
afterEach(async () => {
  await stack.disposeAsync();
  vi.useRealTimers();
});

const logger = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(JSON.parse(line).msg) });

const record = (version: number, service = 'vad', values: JsonObject = { n: version }): VersionRecord => ({
  snapshot: snapshotOf(version, values, { service }),
  changed: [],
  deleted: false,
});

/** Lets everything happen that is under way. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function open(options: { store?: Store; start?: boolean } = {}) {
  const bus = holdPublishes(broker.connect({ clientId: 'authority' }));
  stack.defer(() => bus.stop());
  if (options.start ?? true) await bus.start();
  const sent: string[] = [];
  const store =
    options.store ??
    ({
      markSent: async (rows) => {
        for (const { service, version } of rows) sent.push(`${service} ${version}`);
      },
    } as Partial<Store> as Store);
  const writer = createEnvelopeWriter({ source: '/authority/config-authority', now: () => midnight });
  const outbox = createSnapshotPublisher({ bus, store, topics: createTopics(), writer, logger });
  stack.defer(() => outbox.stop());
  return { bus, outbox, sent };
}

const versionOf = ({ text }: HeldPublish): number => JSON.parse(text).data.version;
const versions = (bus: HeldBus): number[] => bus.held.map(versionOf);

describe('the outbox', () => {
  it('publishes a version, retained, and marks it sent when the broker has it', async () => {
    const { bus, outbox, sent } = await open();
    expect(outbox.isEmpty).toBe(true);
    outbox.enqueue(record(1));
    expect(outbox.isEmpty).toBe(false);
    const held = await bus.nextHeld();
    expect(held).toMatchObject({ topic: 'config/vad/snapshot', options: { qos: 1, retain: true } });
    expect(JSON.parse(held.text)).toMatchObject({
      type: 'setpoint.snapshot.v1',
      subject: 'vad',
      source: '/authority/config-authority',
      data: { version: 1, values: { n: 1 } },
    });
    expect(sent).toEqual([]);
    await held.pass();
    await outbox.flush(new AbortController().signal);
    expect(sent).toEqual(['vad 1']);
    expect(outbox.isEmpty).toBe(true);
  });

  it('publishes one version of a service at a time, and of those that wait the newest alone', async () => {
    const { bus, outbox, sent } = await open();
    outbox.enqueue(record(1));
    const first = await bus.nextHeld();
    for (let version = 2; version <= 100; version++) outbox.enqueue(record(version));
    expect(bus.held).toHaveLength(1);
    await first.pass();
    const second = await bus.nextHeld();
    outbox.enqueue(record(101));
    await second.pass();
    await (await bus.nextHeld()).pass();
    await settle();
    expect(versions(bus)).toEqual([1, 100, 101]);
    expect(sent).toEqual(['vad 1', 'vad 100', 'vad 101']);
  });

  it('lets no service wait for another', async () => {
    const { bus, outbox } = await open();
    outbox.enqueue(record(1, 'vad'));
    outbox.enqueue(record(4, 'asr'));
    expect(bus.held.map(({ topic }) => topic)).toEqual(['config/vad/snapshot', 'config/asr/snapshot']);
  });

  it('says with an empty message that a service was deleted', async () => {
    const { bus, outbox, sent } = await open();
    outbox.enqueue({ ...record(2), deleted: true });
    const held = await bus.nextHeld();
    expect([held.text, held.options]).toEqual(['', { qos: 1, retain: true }]);
    await held.pass();
    await settle();
    expect(sent).toEqual(['vad 2']);
  });

  it('warns of a snapshot that some brokers do not keep', async () => {
    const { outbox } = await open();
    outbox.enqueue(record(1, 'vad', { text: 'x'.repeat(59_000) }));
    expect(warnings).toEqual([]);
    outbox.enqueue(record(1, 'asr', { text: 'x'.repeat(60_000) }));
    expect(warnings).toEqual(['a snapshot is larger than some brokers keep (60 KB)']);
  });
});

describe('a publish that failed', () => {
  it('is done again a second later', async () => {
    const { bus, outbox, sent } = await open();
    outbox.enqueue(record(1));
    (await bus.nextHeld()).fail(new Error('refused'));
    await settle();
    vi.advanceTimersByTime(999);
    expect(bus.held).toHaveLength(1);
    vi.advanceTimersByTime(1);
    await (await bus.nextHeld()).pass();
    await settle();
    expect(versions(bus)).toEqual([1, 1]);
    expect(sent).toEqual(['vad 1']);
    expect(warnings).toEqual(['a snapshot was not acknowledged; it is published again']);
  });

  it('gives way to a newer version that came meanwhile', async () => {
    const { bus, outbox, sent } = await open();
    outbox.enqueue(record(1));
    const first = await bus.nextHeld();
    outbox.enqueue(record(2));
    first.fail(new Error('refused'));
    await settle();
    vi.advanceTimersByTime(1000);
    await (await bus.nextHeld()).pass();
    await settle();
    expect(versions(bus)).toEqual([1, 2]);
    expect(sent).toEqual(['vad 2']);
  });

  it('is done again where the store could not note it', async () => {
    let isBroken = true;
    const store = {
      markSent: async () => {
        if (isBroken) throw new Error('disk full');
      },
    } as Partial<Store> as Store;
    const { bus, outbox } = await open({ store });
    outbox.enqueue(record(1));
    await (await bus.nextHeld()).pass();
    await settle();
    expect(outbox.isEmpty).toBe(false);
    isBroken = false;
    vi.advanceTimersByTime(1000);
    await (await bus.nextHeld()).pass();
    await settle();
    expect(outbox.isEmpty).toBe(true);
  });
});

describe('without a connection', () => {
  it('versions wait, and the newest of each service is published at the next one', async () => {
    const { bus, outbox } = await open({ start: false });
    for (const version of [1, 2, 3]) outbox.enqueue(record(version));
    outbox.enqueue(record(1, 'asr'));
    expect(bus.held).toEqual([]);
    await bus.start();
    expect(bus.held.map(({ topic, text }) => [topic, JSON.parse(text).data.version])).toEqual([
      ['config/vad/snapshot', 3],
      ['config/asr/snapshot', 1],
    ]);
  });

  it('a version that was acknowledged in the last moment is not followed by the next one', async () => {
    const { bus, outbox } = await open();
    outbox.enqueue(record(1));
    const first = await bus.nextHeld();
    outbox.enqueue(record(2));
    const passing = first.pass();
    await passing;
    await broker.stop();
    await settle();
    const count = bus.held.length;
    const back = new Promise<void>((resolve) => bus.onStatus(({ kind }) => kind === 'connected' && resolve()));
    await broker.start();
    vi.advanceTimersByTime(1000);
    await back;
    for (const held of bus.held.slice(1)) await held.pass();
    await settle();
    expect(versions(bus).at(-1)).toBe(2);
    expect(count).toBeLessThanOrEqual(2);
    expect(outbox.isEmpty).toBe(true);
  });
});

describe('a flush', () => {
  it('has nothing to wait for where all is acknowledged', async () => {
    const { outbox } = await open();
    await outbox.flush(AbortSignal.abort());
  });

  it('resolves when all is acknowledged', async () => {
    const { bus, outbox, sent } = await open();
    outbox.enqueue(record(1));
    outbox.enqueue(record(1, 'asr'));
    outbox.enqueue(record(2));
    const flushed = outbox.flush(new AbortController().signal).then(() => [...sent]);
    for (let passed = 0; passed < 3; passed++) await (await bus.nextHeld()).pass();
    expect(await flushed).toEqual(['vad 1', 'asr 1', 'vad 2']);
  });

  it('rejects when its time is up, also where that was before', async () => {
    const { outbox } = await open();
    outbox.enqueue(record(1));
    const abort = new AbortController();
    const flushing = expect(outbox.flush(abort.signal)).rejects.toBe('enough');
    abort.abort('enough');
    await flushing;
    await expect(outbox.flush(AbortSignal.abort('too late'))).rejects.toBe('too late');
  });
});

describe('after the stop', () => {
  it('nothing more is published', async () => {
    const { bus, outbox } = await open();
    outbox.enqueue(record(1));
    const first = await bus.nextHeld();
    outbox.enqueue(record(2));
    outbox.stop();
    await first.pass();
    outbox.enqueue(record(3));
    bus.reconnect('a test');
    vi.advanceTimersByTime(60_000);
    await settle();
    expect(bus.held).toHaveLength(1);
  });
});

describe('with a real store', () => {
  it('what is acknowledged is not pending any more', async () => {
    const store = createMemoryStore({ now: () => midnight });
    const result = {
      status: 'applied',
      service: 'vad',
      epoch: 7,
      version: 1,
      changed: [],
      restartRequired: [],
      warnings: [],
    } as const;
    const audit = {
      at: '2026-06-01T00:00:00.000Z',
      service: 'vad',
      author: 'ann',
      op: 'merge',
      status: 'applied',
      reason: '',
      result,
    } as const;
    await store.append([{ service: 'vad', expected: 0, next: { record: record(1), overrides: [] }, audit }]);
    expect(await store.pendingOutbox()).toEqual([{ service: 'vad', version: 1 }]);
    const { bus, outbox } = await open({ store });
    outbox.enqueue(record(1));
    await (await bus.nextHeld()).pass();
    await settle();
    expect(await store.pendingOutbox()).toEqual([]);
  });
});
