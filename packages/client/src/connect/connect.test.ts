import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus, BusOptions } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import {
  createEnvelopeWriter,
  createSigner,
  createSigningKey,
  type Health,
  type JsonObject,
  openMessage,
  type Snapshot,
  trustedKeyOf,
} from '@setpoint/protocol';
import { holdPublishes } from '@setpoint/test-support/held-bus';
import { createInbox, type Inbox, sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Connection } from '../connection.ts';
import type { ConnectOptions } from '../options/connect-options.ts';
import { connect } from './connect.ts';

const schema = z.looseObject({ threshold: z.number().max(1).default(0.5) });
type Service = z.output<typeof schema>;
const needy = z.object({ host: z.string() });

let broker: MemoryBroker;
let cacheDir: string;
let stack: AsyncDisposableStack;
let logs: Inbox<string>;
beforeEach(async () => {
  broker = createMemoryBroker();
  stack = new AsyncDisposableStack();
  cacheDir = await mkdtemp(join(tmpdir(), 'setpoint-'));
  logs = createInbox();
});
afterEach(async () => {
  vi.useRealTimers();
  await stack.disposeAsync();
  await rm(cacheDir, { recursive: true, force: true });
});

const log = (level: string) => (fields: object, message: string) => {
  const { err } = fields as { err?: Error };
  logs.put(`${level} ${message}${err ? `: ${err.message}` : ''}`);
};
const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };

async function started(bus: Bus): Promise<Bus> {
  stack.defer(() => bus.stop());
  await bus.start();
  return bus;
}

async function open(options: Partial<ConnectOptions<typeof schema>> = {}): Promise<Connection<Service>> {
  const connection = await connect({
    bus: (busOptions) => broker.connect({ clientId: 'vad-1', ...busOptions }),
    service: 'vad',
    instance: 'vad-1',
    schema,
    cacheDir,
    logger,
    startTimeoutMs: 50,
    ...options,
  });
  stack.use(connection);
  return connection;
}

/** What an authority does, by hand. */
async function openAuthority() {
  const bus = await started(broker.connect());
  const health = createInbox<Health>();
  const contracts = createInbox<JsonObject>();
  await bus.subscribe('system/health/vad-1', ({ payload }) =>
    health.put(openMessage('setpoint.health.v1', payload, { now: 0 }).data),
  ).ready;
  await bus.subscribe('config/vad/contract/+', ({ payload }) => contracts.put(JSON.parse(String(payload)).data)).ready;
  const writer = createEnvelopeWriter({ source: '/authority/config-authority' });
  const publish = (bytes: Uint8Array, retain = true): Promise<void> =>
    bus.publish('config/vad/snapshot', bytes, { retain });
  return {
    bus,
    contracts,
    publish: (snapshot: Snapshot, retain = true): Promise<void> => publish(sealSnapshot(snapshot), retain),
    publishBytes: publish,
    beat: (recent: Record<string, { epoch: number; version: number }>, commit: number): Promise<void> => {
      const data = { instance: 'config-authority', session: 's', sequence: 0, intervalMs: 5000, recent, commit };
      const { bytes } = writer.seal({ type: 'setpoint.keepalive.v1', subject: 'config-authority', data });
      return bus.publish('system/keepalive/config-authority', bytes);
    },
    /** The next report that is as wanted. */
    said: async (wanted: (said: Health) => boolean): Promise<Health> => {
      let said = await health.next();
      while (!wanted(said)) said = await health.next();
      return said;
    },
  };
}

const logged = async (part: string): Promise<string> => {
  let line = await logs.next();
  while (!line.includes(part)) line = await logs.next();
  return line;
};

describe('a start', () => {
  it('a start logs a bus that does not start, and goes on without it', async () => {
    const broken = (options: BusOptions): Bus => {
      const bus = broker.connect({ clientId: 'vad-1', ...options });
      return Object.assign(bus, { start: () => Promise.reject(new Error('no such device')) });
    };
    const connection = await open({ bus: broken });
    expect(connection.state).toBe('defaults');
    expect(await logged('did not start')).toBe(
      'error the bus did not start: nothing is received or sent: no such device',
    );
  });

  it('a start applies the live snapshot, announces the contract and reports ready', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(3, { threshold: 0.7 }));
    const connection = await open();
    expect(connection.current).toEqual({ threshold: 0.7 });
    expect([connection.state, connection.stamp?.version, connection.instance]).toEqual(['live', 3, 'vad-1']);
    expect(await authority.said(({ event }) => event === 'ready')).toMatchObject({
      ok: true,
      contract: expect.stringMatching(/^sha256:/),
      config: { source: 'live', epoch: 7, version: 3 },
    });
    expect(connection.health()).toMatchObject({ event: 'ready' });
    expect(await authority.contracts.next()).toMatchObject({
      service: 'vad',
      digest: connection.health().contract,
      schema: { properties: { threshold: { maximum: 1 } } },
    });
    expect(logs.all).toEqual(['warn no trusted keys: every snapshot that the broker delivers is believed']);
    await connection.messenger.publish('audio/in', {});
    expect(connection.bus.status.kind).toBe('connected');
  });

  it('a start with trusted keys logs no warning, and believes only them', async () => {
    const key = createSigningKey();
    const authority = await openAuthority();
    await authority.publishBytes(sealSnapshot(snapshotOf(1, { threshold: 0.7 }), createSigner(key)));
    const trustedKeys = { keys: [trustedKeyOf(key, 'authority')] };
    const connection = await open({ trustedKeys });
    expect(connection.current.threshold).toBe(0.7);
    expect(logs.all).toEqual([]);
    await authority.publish(snapshotOf(2, { threshold: 0.9 }));
    expect(await authority.said(({ state }) => state === 'degraded')).toMatchObject({
      error: { code: 'snapshot_refused', detail: expect.stringContaining('no signature') },
    });
    expect(connection.current.threshold).toBe(0.7);
  });

  it('a start keeps the live snapshot on disk, and the next one starts on it without a broker', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(3, { threshold: 0.7 }));
    await (await open()).stop();
    expect(JSON.parse(await readFile(join(cacheDir, 'vad@config-authority.json'), 'utf8')).data.version).toBe(3);
    await broker.stop();
    const connection = await open();
    expect([connection.state, connection.current.threshold]).toEqual(['cache', 0.7]);
    expect(logs.all).toContain('warn no live snapshot: started on the last good one');
    await broker.start({ keepRetained: true });
    await authority.said(({ config }) => config?.source === 'cache');
    await authority.said(({ config }) => config?.source === 'live');
    expect(connection.state).toBe('live');
  });

  it('a start takes the defaults when there is no snapshot, and logs that', async () => {
    const connection = await open();
    expect([connection.state, connection.current.threshold, connection.stamp]).toEqual(['defaults', 0.5, undefined]);
    expect(logs.all).toContain('warn no snapshot, live or kept: started on the defaults of the schema');
  });

  it('a start takes defaults that JSON cannot express', async () => {
    const counted = z.object({ count: z.coerce.bigint().default(1n) });
    const connection = await open({ schema: counted as never });
    expect([connection.state, connection.current]).toEqual(['defaults', { count: 1n }]);
  });

  it('a start takes the defaults at once when the live snapshot does not fit', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1, { threshold: 2 }));
    const connection = await open({ startTimeoutMs: 600_000 });
    expect(connection.state).toBe('defaults');
  });

  it.each([
    ['garbage', Buffer.from('garbage')],
    ['of another service', sealSnapshot(snapshotOf(1, {}, { service: 'asr' }))],
    ['empty, as for a service that was deleted', new Uint8Array()],
  ])(
    'Client-19-Start-Waits: goes on waiting for the live snapshot where what the broker has is %s',
    async (_, bytes) => {
      const authority = await openAuthority();
      await authority.publishBytes(bytes);
      const opening = open({ withoutSnapshot: 'fail', startTimeoutMs: 600_000 });
      await authority.said(({ event }) => event === 'starting');
      await authority.publishBytes(bytes, false);
      await authority.publish(snapshotOf(2, { threshold: 0.2 }));
      expect([(await opening).state, (await opening).current.threshold]).toEqual(['live', 0.2]);
    },
  );

  it('Client-19-Start-Waits: a start goes on waiting when the broker came back with an older snapshot than the disk has', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(5, { threshold: 0.5 }));
    await (await open()).stop();
    await authority.publish(snapshotOf(4, { threshold: 0.4 }));
    const opening = open({ boot: { '/threshold': 'refuse' }, startTimeoutMs: 600_000 });
    await authority.said(({ event }) => event === 'starting');
    await authority.publish(snapshotOf(5, { threshold: 0.5 }));
    expect((await opening).stamp?.version).toBe(5);
  });

  it('a start waits for a snapshot when withoutSnapshot says so', async () => {
    const authority = await openAuthority();
    const opening = open({ withoutSnapshot: 'wait', startTimeoutMs: 1 });
    await logged('no snapshot, live or kept: waiting for one');
    await authority.publish(snapshotOf(1));
    expect((await opening).state).toBe('live');
  });

  it.each([
    [
      'the broker is unreachable and nothing is kept',
      { cacheDir: false as const },
      'no configuration for vad within 50 ms: the broker was not reached, none is kept, and the defaults of the schema make no document: /host Invalid input: expected string, received undefined; start the broker and the authority, or choose withoutSnapshot: "wait"',
    ],
    [
      'the broker is unreachable and the disk has no snapshot',
      { withoutSnapshot: 'fail' as const },
      'no configuration for vad within 50 ms: the broker was not reached, there is none on disk; start the broker and the authority, or choose withoutSnapshot: "wait"',
    ],
  ])('a start fails when %s', async (_, options, message) => {
    await broker.stop();
    await expect(open({ schema: needy as never, ...options })).rejects.toMatchObject({
      code: 'no_configuration',
      message,
    });
  });

  it("a failed start says what is wrong with the broker's document", async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(4, { host: 7 }));
    const failed = open({ schema: needy as never, cacheDir: false });
    await expect(failed).rejects.toMatchObject({
      code: 'no_configuration',
      message: expect.stringMatching(/version 4 does not fit the schema of this build: \/host .*; publish a version/),
      faults: [{ pointer: '/host' }],
      cause: { code: 'document_invalid' },
    });
    await expect(failed).rejects.not.toMatchObject({ message: expect.stringContaining('start the broker') });
  });

  it("a failed start says where to look when the broker's document is not of its authority", async () => {
    const authority = await openAuthority();
    await authority.publishBytes(Buffer.from('garbage'));
    await expect(open({ withoutSnapshot: 'fail' })).rejects.toMatchObject({
      message: expect.stringMatching(
        /was refused \(.*not JSON.*\), .*; check who publishes on the topic of the service/,
      ),
      cause: { code: 'envelope_malformed' },
    });
  });

  it('a failed start says what is wrong with the defaults', async () => {
    await expect(open({ schema: needy as never, cacheDir: false })).rejects.toMatchObject({
      message: expect.stringMatching(/the defaults of the schema make no document: \/host /),
      faults: [{ pointer: '/host' }],
    });
  });

  it("a start fails when neither the broker's nor the kept snapshot fits", async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    await (await open()).stop();
    await expect(open({ schema: needy as never })).rejects.toMatchObject({
      code: 'no_configuration',
      message: expect.stringMatching(/the broker's snapshot was refused \(.*\), the one on disk does not fit, and/),
    });
  });

  it.each([
    ['torn', '{"specversion":"1.0"', /ignored: not JSON/],
    ['empty', '', /ignored: the file is empty/],
    ['of another service', String(sealSnapshot(snapshotOf(1, {}, { service: 'asr' }))), /ignored: a snapshot of asr/],
  ])('a start ignores a kept snapshot that is %s', async (_, text, line) => {
    await writeFile(join(cacheDir, 'vad@config-authority.json'), text);
    expect((await open()).state).toBe('defaults');
    expect(await logged('the last good snapshot is ignored')).toMatch(line);
  });

  it('a start goes on when nothing can be written to disk, and logs that', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    const file = join(cacheDir, 'no-folder');
    await writeFile(file, '');
    expect((await open({ cacheDir: file })).state).toBe('live');
    await logged('warn the last good snapshot could not be kept');
  });

  it('a start refuses wrong options and a schema that cannot be announced', async () => {
    await expect(open({ service: 'Vad' })).rejects.toMatchObject({ code: 'options_invalid' });
    const same = z.looseObject({ a: z.string().meta({ id: 'x' }), b: z.int().meta({ id: 'x' }) });
    await expect(open({ schema: same as never })).rejects.toMatchObject({ code: 'options_invalid' });
  });
});

describe('a start that is aborted', () => {
  const neverOpens = (): Promise<Bus> => new Promise(() => {});

  it('a start whose signal had aborted before fails', async () => {
    await expect(open({ signal: AbortSignal.abort('enough') })).rejects.toMatchObject({
      code: 'stopped',
      message: 'the start was aborted',
      cause: 'enough',
    });
    expect(broker.clientIds).toEqual([]);
  });

  it('a start that is aborted while the bus is made fails', async () => {
    const abort = new AbortController();
    const opening = expect(
      open({ signal: abort.signal, bus: neverOpens as unknown as (options: BusOptions) => Bus }),
    ).rejects.toMatchObject({ code: 'stopped' });
    abort.abort();
    await opening;
  });

  it('a start that is aborted while it waits for a live snapshot fails, and disconnects', async () => {
    const abort = new AbortController();
    const made = createInbox<Bus>();
    const bus = (options: BusOptions): Bus => {
      const each = broker.connect({ clientId: 'vad-1', ...options });
      each.onStatus(({ kind }) => kind === 'connected' && made.put(each));
      return each;
    };
    const opening = expect(open({ signal: abort.signal, bus, startTimeoutMs: 600_000 })).rejects.toMatchObject({
      code: 'stopped',
    });
    const each = await made.next();
    abort.abort();
    await opening;
    expect(each.status).toEqual({ kind: 'closed' });
    expect(broker.clientIds).toEqual([]);
  });

  it('a start that is aborted while it waits for any snapshot fails', async () => {
    const abort = new AbortController();
    const opening = expect(
      open({ signal: abort.signal, withoutSnapshot: 'wait', startTimeoutMs: 1 }),
    ).rejects.toMatchObject({ code: 'stopped' });
    await logged('waiting for one');
    abort.abort();
    await opening;
    expect(broker.clientIds).toEqual([]);
  });

  it('an abort after the start has no effect, also before the broker was reached', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(2, { threshold: 0.7 }));
    await broker.stop();
    const abort = new AbortController();
    const connection = await open({ signal: abort.signal, cacheDir: false });
    expect(connection.state).toBe('defaults');
    abort.abort();
    await broker.start({ keepRetained: true });
    await authority.said(({ config }) => config?.source === 'live');
    expect(connection.current.threshold).toBe(0.7);
  });
});

describe('a running connection', () => {
  it('a function is called with every change until it unsubscribes', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    const connection = await open();
    const seen: number[] = [];
    const leave = connection.onChange(({ current }) => void seen.push(current.threshold));
    await authority.publish(snapshotOf(2, { threshold: 0.2 }));
    await authority.said(({ event }) => event === 'config_applied');
    leave();
    await authority.publish(snapshotOf(3, { threshold: 0.3 }, { restartRequired: ['/threshold'] }));
    expect(await authority.said(({ event }) => event === 'restart_required')).toMatchObject({
      ok: true,
      config: { version: 3, pendingRestart: ['/threshold'] },
    });
    expect(seen).toEqual([0.2]);
    expect(connection.current.threshold).toBe(0.3);
  });

  it('a version that proves itself after a newer one was refused does not hide the refusal', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    const connection = await open();
    const asked = createInbox<() => void>();
    connection.onChange({ commit: () => {}, verify: () => new Promise<void>((content) => asked.put(content)) });
    await authority.publish(snapshotOf(2, { threshold: 0.2 }));
    await asked.next();
    await authority.publish(snapshotOf(3, { threshold: 'no number' }));
    (await asked.next())();
    expect(await authority.said(({ config }) => config?.version === 2)).toMatchObject({
      state: 'degraded',
      error: { code: 'document_invalid' },
      config: { observed: { version: 3 }, lastAttempt: { version: 3, outcome: 'rejected' } },
    });
  });

  it('a version that a handler refuses is reported, and reported again for the version that repeats its content', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    const connection = await open();
    connection.onChange({
      commit: () => {},
      prepare: () => {
        throw new Error('not that');
      },
      revert: () => {
        throw new Error('no way back');
      },
    });
    await authority.publish(snapshotOf(2, { threshold: 0.2 }));
    expect(await authority.said(({ event }) => event === 'config_rejected')).toMatchObject({
      ok: false,
      error: {
        code: 'handler_failed',
        detail: expect.stringMatching(/^version 2, prepare of .*: not that; .*restart this/),
      },
      config: { version: 1, lastAttempt: { version: 2, outcome: 'rejected' } },
    });
    expect(logs.all).toContain(
      'error a handler could not go back to the old configuration; restart this process: version 2, revert of a handler of the whole document: no way back',
    );
    expect(logs.all.find((line) => line.startsWith('error a snapshot was not applied'))).toContain(': not that;');
    await authority.publish(snapshotOf(3, { threshold: 0.2 }));
    expect(await authority.said(({ config }) => config?.lastAttempt?.version === 3)).toMatchObject({
      event: 'config_rejected',
      config: { version: 1, lastAttempt: { outcome: 'rejected' } },
    });
  });

  it('a deletion leaves the document in force, is reported, and ends when the same document is back', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    const connection = await open();
    await authority.publishBytes(new Uint8Array());
    expect(await authority.said(({ state }) => state === 'degraded')).toMatchObject({
      error: { code: 'service_unknown', detail: 'the service was deleted' },
    });
    expect(connection.current.threshold).toBe(0.5);
    await authority.publish(snapshotOf(1));
    expect(await authority.said(({ state }) => state === 'ready')).toMatchObject({ event: 'ready' });
    await authority.publish(snapshotOf(1));
    await authority.publish(snapshotOf(2, { threshold: 0.2 }));
    await authority.said(({ event }) => event === 'config_applied');
  });

  it('a snapshot that was lost on the way is fetched once the beacon names it', async () => {
    let isLossy = false;
    broker = createMemoryBroker({
      intercept: ({ to, topic, retained }) =>
        isLossy && to === 'vad-1' && topic.endsWith('/snapshot') && !retained ? 'drop' : 'deliver',
    });
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    const connection = await open();
    isLossy = true;
    await authority.publish(snapshotOf(2, { threshold: 0.2 }));
    await authority.beat({ vad: { epoch: 7, version: 1 } }, 1);
    await authority.bus.publish('system/keepalive/config-authority', 'no keepalive');
    await authority.beat({ vad: { epoch: 7, version: 2 } }, 2);
    await authority.said(({ config }) => config?.version === 2);
    expect(connection.current.threshold).toBe(0.2);
    expect(logs.all.filter((line) => line.includes('lost on the way'))).toHaveLength(1);
  });

  it('Client-20-One-Authority: a snapshot of another authority is refused and reported, and makes no snapshot of its own authority stale', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(5, { threshold: 0.5 }));
    const connection = await open();
    const staging = createEnvelopeWriter({ source: '/authority/staging' });
    const foreign = { type: 'setpoint.snapshot.v1', subject: 'vad', data: snapshotOf(1, {}, { epoch: 9 }) };
    await authority.publishBytes(staging.seal(foreign as never).bytes);
    expect(await authority.said(({ state }) => state === 'degraded')).toMatchObject({
      error: { code: 'snapshot_refused', detail: expect.stringContaining('/authority/staging') },
    });
    await authority.publish(snapshotOf(6, { threshold: 0.6 }));
    await authority.said(({ config }) => config?.version === 6);
    expect(connection.current.threshold).toBe(0.6);
  });

  it('Client-20-One-Authority: a document newer than any the authority names is reported once, in log and health', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(9));
    await open();
    for (const commit of [1, 2, 3, 4]) await authority.beat({ vad: { epoch: 7, version: 5 } }, commit);
    expect(await authority.said(({ state }) => state === 'degraded')).toMatchObject({
      error: { code: 'version_unknown', detail: expect.stringContaining('version 9 of epoch 7') },
      config: { version: 9 },
    });
    expect(logs.all.filter((line) => line.includes('newer than what the authority has'))).toHaveLength(1);
  });

  it('a snapshot that arrives again makes the process report its health again', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    await open();
    await authority.said(({ event }) => event === 'ready');
    await authority.publish(snapshotOf(1));
    expect(await authority.said(() => true)).toMatchObject({ event: 'ready', config: { version: 1 } });
  });

  it('Client-21-Reports-Arrive: a contract that the broker did not take is announced again', async () => {
    let refused = 0;
    broker = createMemoryBroker({
      allow: ({ kind, topic }) => !(kind === 'publish' && topic.includes('/contract/') && refused++ === 0),
    });
    const authority = await openAuthority();
    await open();
    expect(await authority.contracts.next()).toMatchObject({ service: 'vad' });
  });

  it('a reconnect is logged with how long the connection was away', async () => {
    await open();
    await broker.stop();
    await logged('connection lost');
    await broker.start();
    expect(await logged('connected again')).toMatch(/^warn connected again after \d+\.\d s$/);
  });

  it('a reconnect is logged once, however many documents share the connection', async () => {
    const authority = await openAuthority();
    const connection = await open();
    await connection.open({ service: 'asr', schema, startTimeoutMs: 1 });
    await authority.said(({ event }) => event === 'ready');
    broker.disconnect('vad-1');
    await authority.said(({ event }) => event === 'reconnected');
    expect(logs.all.filter((line) => line.includes('connected again'))).toHaveLength(1);
    expect(logs.all.filter((line) => line.includes('no trusted keys'))).toHaveLength(1);
  });

  it('garbage on the snapshot topic is logged at once, and then not for each message', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    const connection = await open();
    for (let count = 0; count < 50; count++) await authority.publishBytes(Buffer.from('garbage'), false);
    await authority.publish(snapshotOf(2, { threshold: 0.2 }));
    await vi.waitFor(() => expect(connection.current.threshold).toBe(0.2), 30_000);
    expect(logs.all.filter((line) => line.includes('a snapshot was refused'))).toHaveLength(1);
  });

  it('a message handler that throws is logged at once, and then not for each message', async () => {
    const connection = await open();
    const subscription = connection.messenger.subscribe('m', () => {
      throw new Error('broken');
    });
    await subscription.ready;
    for (let count = 0; count < 20; count++) await connection.messenger.publish('m', { count });
    await vi.waitFor(() => expect(subscription.stats().failed).toBe(20), 30_000);
    expect(logs.all.filter((line) => line.includes('broken'))).toHaveLength(1);
  });

  it('a connection as JSON says which version runs, and no value', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1, { threshold: 0.7, token: 'tiger' }, { secrets: ['/token'] }));
    const connection = await open();
    const { stamp } = connection;
    expect(JSON.parse(JSON.stringify(connection))).toEqual({
      instance: 'vad-1',
      service: 'vad',
      state: 'live',
      providerState: 'READY',
      stamp,
    });
  });

  it('another process of the same instance name is logged', async () => {
    await open();
    const writer = createEnvelopeWriter({ source: '/instance/vad-1' });
    const { bytes } = writer.seal({
      type: 'setpoint.health.v1',
      subject: 'vad',
      data: {
        instance: 'vad-1',
        service: 'vad',
        session: 'strange',
        ok: true,
        state: 'ready',
        event: 'ready',
        startedAt: '2026-06-01T00:00:00.000Z',
      },
    });
    const bus = await started(broker.connect());
    await bus.publish('system/health/vad-1', bytes);
    await logged(
      'error another process uses this instance name, and each says that the other is lost; give each an instance and a client id of its own, or leave both out',
    );
  });

  it('a contract or report that the bus refuses is logged', async () => {
    broker = createMemoryBroker({ allow: ({ kind }) => kind === 'subscribe' });
    await open();
    const lines = ['warn the contract was not announced', 'debug a report was not published'];
    while (!lines.every((line) => logs.all.some((each) => each.startsWith(line)))) await logs.next();
    broker.disconnect('vad-1');
    expect(await logged('connection lost')).toMatch(/^warn connection lost/);
  });
});

describe('Client-18-Logger-Harmless: a logger that throws', () => {
  const broken = (): void => {
    throw new Error('EPIPE: the log stream was closed');
  };
  const throwing = { debug: broken, info: broken, warn: broken, error: broken };

  it('a logger that throws keeps no version from being applied, and no stop from ending', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    const connection = await open({ logger: throwing });
    await authority.publish(snapshotOf(2, { threshold: 2 }));
    await authority.publishBytes(Buffer.from('garbage'));
    await authority.publish(snapshotOf(3, { threshold: 0.3 }));
    await vi.waitFor(() => expect(connection.stamp?.version).toBe(3), 30_000);
    await connection.stop();
    expect(connection.bus.status.kind).toBe('closed');
  });

  it('a logger that throws keeps no message from its handler', async () => {
    const connection = await open({ logger: throwing });
    const seen: number[] = [];
    const subscription = connection.messenger.subscribe<{ count: number }>('m', ({ data }) => {
      seen.push(data.count);
      throw new Error('a handler');
    });
    await subscription.ready;
    for (let count = 0; count < 3; count++) await connection.messenger.publish('m', { count });
    await vi.waitFor(() => expect(seen).toEqual([0, 1, 2]), 30_000);
  });

  it("a logger that throws does not hide the authority's silence from the provider state", async () => {
    const connection = await open({ logger: throwing, staleness: { softMs: 1, hardMs: 2 } });
    await vi.waitFor(() => expect(connection.providerState).toBe('ERROR'), 30_000);
  });
});

describe('stop', () => {
  it('stop reports shutdown, disconnects, and can be called twice', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    const connection = await open();
    await Promise.all([connection.stop(), connection.stop()]);
    await connection.stop();
    await authority.said(({ event }) => event === 'shutdown');
    expect(connection.state).toBe('stopped');
    expect(connection.bus.status).toEqual({ kind: 'closed' });
    expect(broker.clientIds).not.toContain('vad-1');
    expect(connection.current.threshold).toBe(0.5);
  });

  it('stop is called when the connection goes out of scope', async () => {
    {
      await using connection = await open();
      expect(connection.state).toBe('defaults');
    }
    expect(broker.clientIds).toEqual([]);
  });

  it('stop lets a change under way finish first', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    const connection = await open();
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    connection.onChange(async () => {
      reached.resolve();
      await go.promise;
    });
    await authority.publish(snapshotOf(2, { threshold: 0.2 }));
    await reached.promise;
    const stopping = connection.stop();
    expect(connection.bus.status.kind).toBe('connected');
    go.resolve();
    await stopping;
    expect(await authority.said(({ event }) => event === 'shutdown')).toMatchObject({ config: { version: 2 } });
  });

  it('stop waits a second for the last report, and no longer', async () => {
    const authority = await openAuthority();
    await authority.publish(snapshotOf(1));
    const connection = await open({ bus: (options) => holdPublishes(broker.connect(options)), cacheDir: false });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const stopping = connection.stop();
    await vi.advanceTimersByTimeAsync(999);
    expect(connection.bus.status.kind).toBe('connected');
    await vi.advanceTimersByTimeAsync(1);
    await stopping;
    expect(connection.bus.status).toEqual({ kind: 'closed' });
  });

  it('stop goes on when the last report fails', async () => {
    const connection = await open({
      bus: (options) => {
        const bus = holdPublishes(broker.connect(options));
        return Object.assign(Object.create(bus), { publish: () => Promise.reject(new Error('refused')) });
      },
    });
    await connection.stop();
    expect(logs.all.filter((line) => line === 'debug the last report was not sent: refused')).toHaveLength(1);
  });
});

describe('a process that has stopped its connection', () => {
  const module = (name: string): string => JSON.stringify(import.meta.resolve(name));
  /** Runs a service to its end, without ever asking it to end. */
  function run(bus: string, rest: string): { status: number | null; stdout: string; stderr: string } {
    const program = `
      import { connect } from ${module('../index.ts')};
      import { createMemoryBroker } from ${module('@setpoint/bus/memory')};
      import { z } from ${module('zod')};
      const broker = createMemoryBroker();
      const silent = { debug() {}, info() {}, warn() {}, error() {} };
      const connection = await connect({ ${bus}, service: 'vad', schema: z.object({}), cacheDir: false, logger: silent, ${rest} })
        .catch((cause) => console.log(cause.code));
      await connection?.stop();
      // What was due in this turn of the loop runs out by itself; what comes again would still be there after it.
      await new Promise((next) => setImmediate(next));
      console.log(process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate|TCPSocketWrap/.test(name)).join());
    `;
    return spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', timeout: 20_000 });
  }

  it.each([
    ['in memory', 'bus: (options) => broker.connect(options)', 'startTimeoutMs: 1', '\n'],
    ['without a broker', "url: 'mqtt://127.0.0.1:1'", 'startTimeoutMs: 1', '\n'],
    [
      'that never started',
      "url: 'mqtt://127.0.0.1:1'",
      "startTimeoutMs: 1, withoutSnapshot: 'fail'",
      'no_configuration\n\n',
    ],
    [
      'whose start was aborted',
      "url: 'mqtt://127.0.0.1:1'",
      'startTimeoutMs: 60000, signal: AbortSignal.timeout(20)',
      'stopped\n\n',
    ],
  ])('a process ends by itself after the stop, with no timer or socket left: %s', (_, bus, rest, expected) => {
    const { status, stdout, stderr } = run(bus, rest);
    expect([status, stdout, stderr]).toEqual([0, expected, '']);
  });
});
