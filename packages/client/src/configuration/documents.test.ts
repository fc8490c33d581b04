import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import { createEnvelopeWriter, type Health, openMessage, type Snapshot } from '@setpoint/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createInbox, type Inbox, sealSnapshot, snapshotOf } from '../../../../test/support/samples.ts';
import { type Connection, connect } from '../connect.ts';
import type { ConnectOptions } from '../options.ts';

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

describe('another document of the process', () => {
  it('is an instance of its own on the same connection, followed and reported by itself', async () => {
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
    expect((await readdir(cacheDir)).sort()).toEqual(['model@config-authority.json', 'vad@config-authority.json']);
  });

  it('stops by itself, and the first goes on', async () => {
    const first = await open();
    await publish(modelOf(1, 'a'));
    const second = await first.open({ service: 'model', schema: modelSchema, instance: 'mine' });
    await second.stop();
    expect(await said(({ event }) => event === 'shutdown')).toMatchObject({ instance: 'mine' });
    await publish(snapshotOf(1, { threshold: 0.1 }));
    await said(({ config }) => config?.version === 1);
    expect([first.current.threshold, first.bus.status.kind]).toEqual([0.1, 'connected']);
  });

  it('stops with the first, each with its last words', async () => {
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

  it('that is opened while the first stops is stopped as well', async () => {
    const first = await open();
    await publish(modelOf(1, 'a'));
    const opening = first.open({ service: 'model', schema: modelSchema });
    const stopping = first.stop();
    const second = await opening.catch((cause: { code: string }) => cause.code);
    await stopping;
    expect(typeof second === 'string' ? second : second.state).toMatch(/^(stopped|no_configuration)$/);
  });

  it('that can not start leaves the first as it is', async () => {
    const first = await open();
    await expect(first.open({ service: 'model', schema: modelSchema })).rejects.toMatchObject({
      code: 'no_configuration',
    });
    await expect(first.open({ service: 'No Name', schema: modelSchema })).rejects.toMatchObject({
      code: 'options_invalid',
    });
    expect(first.bus.status.kind).toBe('connected');
  });

  it('is back with the connection', async () => {
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

describe('a start under a boot policy', () => {
  it('that takes nothing but the live document fails without it, and says for which setting', async () => {
    await publish(snapshotOf(1));
    await (await open()).stop();
    await broker.stop();
    await expect(open({ boot: { '/threshold': 'refuse' } })).rejects.toMatchObject({
      code: 'no_configuration',
      message:
        'no live configuration for vad within 50 ms: the broker was not reached, and the boot policy of /threshold takes no other; start the broker and the authority, or mend the document',
    });
  });

  it('that takes nothing but the live document starts on it', async () => {
    await publish(snapshotOf(1, { threshold: 0.3 }));
    expect((await open({ boot: { '/threshold': 'refuse' } })).current.threshold).toBe(0.3);
  });

  it('fails where what must be kept is not there', async () => {
    await expect(open({ boot: { '/threshold': 'keep_last_good' } })).rejects.toMatchObject({
      code: 'no_configuration',
      message: expect.stringContaining(', or what must be kept is missing (/threshold)'),
    });
  });

  it('takes a safe default in place of the last good value, and reports it as masked', async () => {
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

  it('is refused where the options are wrong, with all faults', async () => {
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

describe('a start on another document than the broker’s, which does not fit', () => {
  it('says so until a newer one does', async () => {
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

describe('the authority that is silent', () => {
  const beat = (): Promise<void> => {
    const data = { instance: 'config-authority', session: 's', sequence: 0, intervalMs: 5000, recent: {}, commit: 1 };
    const writer = createEnvelopeWriter({ source: '/authority/config-authority' });
    const { bytes } = writer.seal({ type: 'setpoint.keepalive.v1', subject: 'config-authority', data });
    return authority.publish('system/keepalive/config-authority', bytes);
  };

  it('makes the provider stale, then an error, and ready again with its beacon', async () => {
    await publish(snapshotOf(1));
    const connection = await open({ staleness: { softMs: 30, hardMs: 60 } });
    const states = createInbox<string>();
    connection.onState(({ state }) => states.put(state));
    expect([await states.next(), await states.next()]).toEqual(['STALE', 'ERROR']);
    await beat();
    expect(await states.next()).toBe('READY');
    expect(logs.all).toContain('the authority is silent');
    expect(logs.all).toContain('the authority is heard again');
  });
});

describe('what a service is told', () => {
  it('a version that it takes back is rejected, with the code of that', async () => {
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

  it('a listener of its own that throws is logged', async () => {
    const connection = await open();
    connection.onState(() => {
      throw new Error('broken');
    });
    await publish(snapshotOf(1));
    await said(({ config }) => config?.version === 1);
    expect(logs.all).toContain('a listener of the configuration threw');
  });

  it('a change that needs a restart is handed over, and it may stop', async () => {
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
