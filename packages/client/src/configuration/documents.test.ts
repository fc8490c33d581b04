import { getEventListeners } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Bus } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import { createEnvelopeWriter, type Health, openMessage, type Snapshot } from '@setpoint/protocol';
import { createInbox, type Inbox, sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { connect } from '../connect/connect.ts';
import type { Connection } from '../connection.ts';
import type { ConnectOptions } from '../options/connect-options.ts';

const schema = z.looseObject({ threshold: z.number().max(1).default(0.5) });
const modelSchema = z.object({ path: z.string() });

let broker: MemoryBroker;
let cacheDir: string;
let stack: AsyncDisposableStack;
let logs: Inbox<string>;
let authority: Bus;
let health: Inbox<Health>;
beforeEach(async () => {
  broker = createMemoryBroker();
  stack = new AsyncDisposableStack();
  cacheDir = await mkdtemp(join(tmpdir(), 'setpoint-'));
  logs = createInbox();
  health = createInbox();
  authority = broker.connect({ clientId: 'authority' });
  stack.defer(() => authority.stop());
  await authority.start();
  await authority.subscribe('system/health/+', ({ payload }) =>
    health.put(openMessage('setpoint.health.v1', payload, { now: 0 }).data),
  ).ready;
});
afterEach(async () => {
  await stack.disposeAsync();
  await rm(cacheDir, { recursive: true, force: true });
});

const log = (_: object, message: string): void => logs.put(message);
const logger = { debug: log, info: log, warn: log, error: log };

const publish = (snapshot: Snapshot): Promise<void> =>
  authority.publish(`config/${snapshot.service}/snapshot`, sealSnapshot(snapshot), { retain: true });
const modelOf = (version: number, path: string): Snapshot => snapshotOf(version, { path }, { service: 'model' });

async function open(
  options: Partial<ConnectOptions<typeof schema>> = {},
): Promise<Connection<z.output<typeof schema>>> {
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

async function said(wanted: (said: Health) => boolean): Promise<Health> {
  for (;;) {
    const next = await health.next();
    if (wanted(next)) return next;
  }
}

describe('an additional document of the process', () => {
  it('an additional document is an instance of its own on the same connection, with its own health report', async () => {
    await publish(snapshotOf(1));
    await publish(modelOf(4, 'a'));
    const first = await open();
    const second = await first.open({ service: 'model', schema: modelSchema });
    expect([first.current.threshold, second.current.path]).toEqual([0.5, 'a']);
    expect([second.instance, second.stamp?.version]).toEqual(['vad-1-model', 4]);
    expect(broker.clientIds).toEqual(['authority', 'vad-1']);
    expect(await said(({ instance, event }) => instance === 'vad-1-model' && event === 'ready')).toMatchObject({
      service: 'model',
      config: { version: 4 },
    });
    const seen: unknown[] = [];
    first.on('/threshold', ({ value }) => void seen.push(value));
    second.on('/path', ({ value }) => void seen.push(value));
    await publish(modelOf(5, 'b'));
    await said(({ config }) => config?.version === 5);
    await publish(snapshotOf(2, { threshold: 0.2 }));
    await said(({ config }) => config?.version === 2);
    expect(seen).toEqual(['b', 0.2]);
    await first.stop();
    expect((await readdir(cacheDir)).sort()).toEqual([
      'model@config-authority.json',
      'model@config-authority.json.before',
      'vad@config-authority.json',
      'vad@config-authority.json.before',
    ]);
  });

  it('an additional document stops by itself, and the first goes on', async () => {
    const first = await open();
    await publish(modelOf(1, 'a'));
    const second = await first.open({ service: 'model', schema: modelSchema, instance: 'mine' });
    await second.stop();
    expect(await said(({ event }) => event === 'shutdown')).toMatchObject({ instance: 'mine' });
    await publish(snapshotOf(1, { threshold: 0.1 }));
    await said(({ config }) => config?.version === 1);
    expect([first.current.threshold, first.bus.status.kind]).toEqual([0.1, 'connected']);
  });

  it('an additional document stops with the first, and each reports shutdown', async () => {
    const first = await open();
    await publish(modelOf(1, 'a'));
    const second = await first.open({ service: 'model', schema: modelSchema });
    await first.stop();
    expect(second.state).toBe('stopped');
    expect(health.all.filter(({ event }) => event === 'shutdown').map(({ instance }) => instance)).toEqual([
      'vad-1-model',
      'vad-1',
    ]);
  });

  it('no additional document can be opened while the first stops, or after it', async () => {
    const first = await open();
    await publish(modelOf(1, 'a'));
    const stopped = { name: 'SetpointError', code: 'stopped' };
    const early = expect(first.open({ service: 'model', schema: modelSchema })).rejects.toMatchObject(stopped);
    const waiting = { service: 'asr', schema: modelSchema, startTimeoutMs: 600_000 };
    const late = expect(first.open(waiting)).rejects.toMatchObject(stopped);
    await first.stop();
    await Promise.all([early, late]);
    await expect(first.open({ service: 'model', schema: modelSchema })).rejects.toMatchObject(stopped);
  });

  it('an additional document is refused for its own wrong options, without faults that only follow from them', async () => {
    const first = await open();
    const faultsOf = async (options: unknown): Promise<string[]> => {
      const { code, faults } = await first.open(options as never).then(
        () => expect.fail('it was opened'),
        (cause) => cause,
      );
      expect(code).toBe('options_invalid');
      return (faults as { pointer: string }[]).map(({ pointer }) => pointer);
    };
    expect(await faultsOf({ service: 'No Name', schema: modelSchema })).toEqual(['/service']);
    expect(await faultsOf({ schema: modelSchema, signal: {}, startTimeoutMs: '5' })).toEqual([
      '/service',
      '/startTimeoutMs',
      '/signal',
    ]);
    expect(await faultsOf(undefined)).toEqual(['/service', '/schema']);
    expect(await faultsOf({ service: 'model', schema: modelSchema, tracking: {} })).toEqual(['/tracking']);
  });

  it('an additional document without a schema is refused, whatever the first one was connected with', async () => {
    const first = await open({});
    // @ts-expect-error the types refuse it too
    await expect(first.open({ service: 'lamp' })).rejects.toMatchObject({
      code: 'options_invalid',
      faults: [{ pointer: '/schema', message: 'must be a zod schema (version 4)' }],
    });
  });

  it('an instance name that is in use on the connection is refused until that document stops', async () => {
    const first = await open();
    await publish(modelOf(1, 'a'));
    const model = { service: 'model', schema: modelSchema };
    const second = await first.open(model);
    const refusal = { code: 'options_invalid', faults: [{ pointer: '/instance' }] };
    await expect(first.open(model)).rejects.toMatchObject(refusal);
    await expect(first.open({ ...model, instance: 'vad-1' })).rejects.toMatchObject(refusal);
    expect((await first.open({ ...model, instance: 'twin' })).current.path).toBe('a');
    await second.stop();
    expect((await first.open(model)).instance).toBe('vad-1-model');
  });

  it('an additional document that could not start can be opened again', async () => {
    const first = await open();
    const model = { service: 'model', schema: modelSchema };
    await expect(first.open(model)).rejects.toMatchObject({ code: 'no_configuration' });
    await publish(modelOf(1, 'a'));
    expect((await first.open(model)).current.path).toBe('a');
  });

  it('an additional document of a long instance name has a shortened name, the same at each start', async () => {
    const first = await open({ instance: 'i'.repeat(60) });
    await publish(modelOf(1, 'a'));
    const second = await first.open({ service: 'model', schema: modelSchema });
    expect(second.instance).toMatch(/^i{50}-[0-9a-f]{12}$/);
    await second.stop();
    expect((await first.open({ service: 'model', schema: modelSchema })).instance).toBe(second.instance);
  });

  it('Client-23-Whole-Stop: a throwing status listener of an additional document does not disturb the stop', async () => {
    const first = await open();
    await publish(modelOf(1, 'a'));
    const second = await first.open({ service: 'model', schema: modelSchema });
    second.bus.onStatus(() => {
      throw new Error('a listener of the user');
    });
    await first.stop();
    expect([first.bus.status.kind, broker.clientIds]).toEqual(['closed', ['authority']]);
  });

  it('an additional document leaves no listener on the signal it was opened with', async () => {
    const first = await open();
    await publish(modelOf(1, 'a'));
    const { signal } = new AbortController();
    const model = { service: 'model', schema: modelSchema, signal };
    await (await first.open(model)).stop();
    await (await open({ instance: 'vad-2', bus: (options) => broker.connect(options), signal })).stop();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('an additional document that was stopped can be garbage-collected', async () => {
    const first = await open();
    await publish(modelOf(1, 'a'));
    const openAndStop = async (): Promise<WeakRef<object>> => {
      const second = await first.open({ service: 'model', schema: modelSchema });
      await second.stop();
      return new WeakRef(second);
    };
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const refs: WeakRef<object>[] = [];
    for (let count = 0; count < 5; count++) refs.push(await openAndStop());
    await vi.waitFor(
      () => {
        collect();
        expect(refs.filter((ref) => ref.deref())).toEqual([]);
      },
      { timeout: 8000 },
    );
  });

  it('an additional document that cannot start leaves the first as it is', async () => {
    const first = await open();
    await expect(first.open({ service: 'model', schema: modelSchema })).rejects.toMatchObject({
      code: 'no_configuration',
    });
    await expect(first.open({ service: 'No Name', schema: modelSchema })).rejects.toMatchObject({
      code: 'options_invalid',
    });
    expect(first.bus.status.kind).toBe('connected');
  });

  it('an additional document reports again when the connection is back', async () => {
    const first = await open();
    await publish(modelOf(1, 'a'));
    const second = await first.open({ service: 'model', schema: modelSchema });
    await said(({ instance, event }) => instance === 'vad-1-model' && event === 'ready');
    broker.disconnect('vad-1');
    await said(({ instance, event }) => instance === 'vad-1-model' && event === 'reconnected');
    await publish(modelOf(2, 'b'));
    await said(({ config }) => config?.version === 2);
    expect(second.current.path).toBe('b');
  });
});

describe('a start with a boot policy', () => {
  it('a start that needs the live document fails without it, and names the setting', async () => {
    await publish(snapshotOf(1));
    await (await open()).stop();
    await broker.stop();
    await expect(open({ boot: { '/threshold': 'refuse' } })).rejects.toMatchObject({
      code: 'no_configuration',
      message:
        'no live configuration for vad within 50 ms: the broker was not reached, and the boot policy of /threshold takes no other; start the broker and the authority, or change the boot policy',
    });
  });

  it('a start that needs the live document succeeds with it', async () => {
    await publish(snapshotOf(1, { threshold: 0.3 }));
    expect((await open({ boot: { '/threshold': 'refuse' } })).current.threshold).toBe(0.3);
  });

  it('a start fails when there is no last good value to keep', async () => {
    await expect(open({ boot: { '/threshold': 'keep_last_good' } })).rejects.toMatchObject({
      code: 'no_configuration',
      message: expect.stringContaining(', and values that must be kept are missing (/threshold)'),
    });
  });

  it("a start fails when the last good document lacks a kept value, whatever the schema's default is", async () => {
    await publish(snapshotOf(1, { threshold: 0.9 }));
    await (await open()).stop();
    await broker.stop();
    const regional = z.looseObject({ threshold: z.number(), region: z.string().default('us') });
    await expect(open({ schema: regional as never, boot: { '/region': 'keep_last_good' } })).rejects.toMatchObject({
      code: 'no_configuration',
      message: expect.stringContaining('values that must be kept are missing (/region)'),
      faults: [{ pointer: '/region' }],
    });
  });

  it('a failed start repeats no value of this machine, because it may be a secret', async () => {
    const picky = z.object({
      token: z.string().refine((text) => text.length < 4, { error: ({ input }) => `${input} is too long` }),
      host: z.string(),
    });
    const refusal = open({
      schema: picky.refine(() => true) as never,
      boot: { '/token': { default: 'tiger-boot' } },
    });
    await expect(refusal).rejects.toMatchObject({ message: expect.not.stringContaining('tiger') });
    await expect(refusal).rejects.toMatchObject({ message: expect.stringContaining('is too long') });
  });

  it('a start takes a boot default in place of the last good value, and reports it as masked', async () => {
    await publish(snapshotOf(1, { threshold: 0.9 }));
    await (await open()).stop();
    await broker.stop();
    const connection = await open({ boot: { '/threshold': { default: 0.1 } } });
    expect([connection.current.threshold, connection.state]).toEqual([0.1, 'cache']);
    expect(connection.health().config?.masked).toEqual(['/threshold']);
    await broker.start({ keepRetained: true });
    await said(({ config }) => config?.source === 'cache');
    await said(({ config }) => config?.source === 'live');
    expect(connection.current.threshold).toBe(0.9);
  });

  it('a start with wrong policy options is refused with all faults', async () => {
    const wrong = open({
      boot: { threshold: 'refuse' },
      staleness: { softMs: 5, hardMs: 1 },
      overrides: { allow: [], values: { '/threshold': 1 } },
    });
    await expect(wrong).rejects.toMatchObject({
      code: 'options_invalid',
      faults: [{ pointer: '/boot' }, { pointer: '/overrides' }, { pointer: '/staleness' }],
    });
  });
});

describe('a value of this machine', () => {
  it('a value of this machine is reported as masked when it is in the document, and not when a list is too short for it', async () => {
    await publish(snapshotOf(1, { threshold: 0.3, list: [1, 2] }));
    const values = { '/list/1': 7, '/list/5': 9, '/threshold': 0.4 };
    const connection = await open({ overrides: { allow: ['/list', '/threshold'], values } });
    expect(connection.current).toEqual({ threshold: 0.4, list: [1, 7] });
    expect(connection.health().config?.masked).toEqual(['/list/1', '/threshold']);
  });

  it('a value of this machine that the schema does not accept is refused at the start, with its place', async () => {
    const overrides = { allow: ['/threshold'], values: { '/threshold': 'loud' } };
    await expect(open({ overrides, boot: { '/threshold': { default: 7 } } })).rejects.toMatchObject({
      code: 'options_invalid',
      faults: [
        { pointer: '/boot', message: expect.stringMatching(/^\/threshold Too big/) },
        { pointer: '/overrides', message: expect.stringMatching(/^\/threshold Invalid input/) },
      ],
    });
  });
});

describe('a start beside a snapshot that does not fit', () => {
  it("the health report says that the broker's snapshot does not fit until a newer one does", async () => {
    await publish(snapshotOf(1, { threshold: 0.3 }));
    await (await open()).stop();
    await publish(snapshotOf(2, { threshold: 2 }));
    const connection = await open();
    expect([connection.current.threshold, connection.providerState]).toEqual([0.3, 'STALE']);
    expect(await said(({ config }) => config?.source === 'cache')).toMatchObject({
      state: 'degraded',
      event: 'config_rejected',
      error: { code: 'document_invalid' },
      config: { version: 1, lastAttempt: { version: 2, outcome: 'rejected' } },
    });
    await publish(snapshotOf(3, { threshold: 0.4 }));
    expect(await said(({ config }) => config?.version === 3)).toMatchObject({ ok: true, event: 'config_applied' });
    expect(connection.providerState).toBe('READY');
  });
});

describe('an authority that is silent', () => {
  const beat = (): Promise<void> => {
    const data = { instance: 'config-authority', session: 's', sequence: 0, intervalMs: 5000, recent: {}, commit: 1 };
    const writer = createEnvelopeWriter({ source: '/authority/config-authority' });
    const { bytes } = writer.seal({ type: 'setpoint.keepalive.v1', subject: 'config-authority', data });
    return authority.publish('system/keepalive/config-authority', bytes);
  };

  it('a silent authority makes the provider STALE, then ERROR, and its beacon makes it READY again', async () => {
    await publish(snapshotOf(1));
    const connection = await open({ staleness: { softMs: 400, hardMs: 500 } });
    const states = createInbox<string>();
    connection.onState(({ state }) => states.put(state));
    expect([await states.next(), await states.next()]).toEqual(['STALE', 'ERROR']);
    await beat();
    expect(await states.next()).toBe('READY');
    expect(logs.all).toContain(
      'the authority has been silent for 400 ms: the document in force stays, and may be behind',
    );
    expect(logs.all).toContain('the authority is heard again');
  });
});

describe('what a service is told', () => {
  it('a version that fails its trial is reported as rejected with the code of the trial', async () => {
    await publish(snapshotOf(1, { threshold: 0.1 }));
    const connection = await open();
    connection.onChange({ commit: () => {}, verify: () => false });
    await publish(snapshotOf(2, { threshold: 0.2 }));
    expect(await said(({ event }) => event === 'config_rejected')).toMatchObject({
      error: { code: 'verify_failed' },
      config: { version: 1, lastAttempt: { version: 2, outcome: 'rejected', code: 'verify_failed' } },
    });
    expect([connection.current.threshold, connection.providerState]).toEqual([0.1, 'STALE']);
  });

  it('a listener that throws is logged', async () => {
    const connection = await open();
    connection.onState(() => {
      throw new Error('broken');
    });
    await publish(snapshotOf(1));
    await said(({ config }) => config?.version === 1);
    expect(logs.all).toContain('a listener of the configuration threw');
  });

  it('an error thrown by a listener is logged without the secrets of this document and the one before', async () => {
    const errors: string[] = [];
    const error = (fields: object): void => {
      const { err } = fields as { err?: Error };
      if (err) errors.push(`${err.message} ${err.stack}`);
    };
    const rest = { secrets: ['/token'], restartRequired: ['/token'] };
    await publish(snapshotOf(1, { token: 'tiger-one' }, rest));
    const connection = await open({ logger: { ...logger, error } });
    connection.onRestartRequired(({ current, previous }) => {
      throw new Error(`no restart from ${previous.token} to ${current.token}`);
    });
    await publish(snapshotOf(2, { token: 'tiger-two' }, rest));
    await said(({ event }) => event === 'restart_required');
    await vi.waitFor(() => expect(errors.join()).toContain('no restart from'), 30_000);
    expect(errors.join()).not.toContain('tiger');
  });

  it('a listener of a restart may stop the connection', async () => {
    const cold = { restartRequired: ['/model'] };
    await publish(snapshotOf(1, { model: 'a' }, cold));
    const connection = await open();
    const stopped = new Promise<number>((settle) => {
      connection.onRestartRequired(({ version }) => void connection.stop().then(() => settle(version)));
    });
    await publish(snapshotOf(2, { model: 'b' }, cold));
    expect(await stopped).toBe(2);
    expect(await said(({ event }) => event === 'shutdown')).toMatchObject({ config: { pendingRestart: ['/model'] } });
  });
});
