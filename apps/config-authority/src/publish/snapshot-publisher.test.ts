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

describe('the snapshot publisher', () => {
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

  it('publishes one version of a service at a time, and only the newest of those that wait', async () => {
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

  it('does not make one service wait for another', async () => {
    const { bus, outbox } = await open();
    outbox.enqueue(record(1, 'vad'));
    outbox.enqueue(record(4, 'asr'));
    expect(bus.held.map(({ topic }) => topic)).toEqual(['config/vad/snapshot', 'config/asr/snapshot']);
  });

  it('publishes an empty message for a deleted service', async () => {
    const { bus, outbox, sent } = await open();
    outbox.enqueue({ ...record(2), deleted: true });
    const held = await bus.nextHeld();
    expect([held.text, held.options]).toEqual(['', { qos: 1, retain: true }]);
    await held.pass();
    await settle();
    expect(sent).toEqual(['vad 2']);
  });

  it('warns about a snapshot that is too large for some brokers to retain', async () => {
    const { outbox } = await open();
    outbox.enqueue(record(1, 'vad', { text: 'x'.repeat(59_000) }));
    expect(warnings).toEqual([]);
    outbox.enqueue(record(1, 'asr', { text: 'x'.repeat(60_000) }));
    expect(warnings).toEqual(['a snapshot is larger than some brokers keep (60 KB)']);
  });
});

describe('a failed publish of a snapshot', () => {
  it('is retried a second later', async () => {
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

  it('is not retried when a newer version was committed meanwhile', async () => {
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

  it('is retried when the store could not mark the version sent', async () => {
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

describe('the snapshot publisher without a connection', () => {
  it('keeps versions waiting, and publishes the newest of each service at the next connection', async () => {
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

  it('ends with the newest version published when the connection is lost just after an acknowledgement', async () => {
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

describe('flushing the snapshot publisher', () => {
  it('resolves at once when everything is acknowledged', async () => {
    const { outbox } = await open();
    await outbox.flush(AbortSignal.abort());
  });

  it('resolves when everything is acknowledged', async () => {
    const { bus, outbox, sent } = await open();
    outbox.enqueue(record(1));
    outbox.enqueue(record(1, 'asr'));
    outbox.enqueue(record(2));
    const flushed = outbox.flush(new AbortController().signal).then(() => [...sent]);
    for (let passed = 0; passed < 3; passed++) await (await bus.nextHeld()).pass();
    expect(await flushed).toEqual(['vad 1', 'asr 1', 'vad 2']);
  });

  it('rejects when its time is up, also when it was up before the call', async () => {
    const { outbox } = await open();
    outbox.enqueue(record(1));
    const abort = new AbortController();
    const flushing = expect(outbox.flush(abort.signal)).rejects.toBe('enough');
    abort.abort('enough');
    await flushing;
    await expect(outbox.flush(AbortSignal.abort('too late'))).rejects.toBe('too late');
  });
});

describe('a stopped snapshot publisher', () => {
  it('publishes nothing more', async () => {
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

describe('the snapshot publisher with a real store', () => {
  it('leaves no acknowledged version pending', async () => {
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
