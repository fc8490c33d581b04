import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus, BusOptions } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import type { Store } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import { createEnvelopeWriter, createKeyRing, createSigner, createSigningKey, trustedKeyOf } from '@setpoint/protocol';
import { holdPublishes } from '@setpoint/test-support/held-bus';
import { createInbox } from '@setpoint/test-support/samples';
import { createWatcher, type Watcher } from '@setpoint/test-support/watcher';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Authority, type AuthorityOptions, startAuthority } from './authority.ts';

const key = createSigningKey();
const signer = createSigner(key);
const ownKeys = createKeyRing({ keys: [trustedKeyOf(key, 'authority')] });

let broker: MemoryBroker;
let store: Store;
let configDir: string;
let stack: AsyncDisposableStack;
let logs: string[];
beforeEach(async () => {
  broker = createMemoryBroker();
  store = createMemoryStore();
  stack = new AsyncDisposableStack();
  logs = [];
  configDir = await mkdtemp(join(tmpdir(), 'setpoint-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  await stack.disposeAsync();
  await rm(configDir, { recursive: true, force: true });
});

const logger = pino({ level: 'debug' }, { write: (line: string) => void logs.push(JSON.parse(line).msg) });

async function start(options: Partial<AuthorityOptions> = {}): Promise<Authority> {
  const authority = await startAuthority({
    store,
    openBus: (busOptions) => broker.connect({ clientId: 'authority', ...busOptions }),
    signer,
    ownKeys,
    configDir,
    logger,
    ...options,
  });
  stack.use(authority);
  return authority;
}

async function startBus(): Promise<Bus> {
  const bus = broker.connect();
  stack.defer(() => bus.stop());
  await bus.start();
  return bus;
}

async function watch(filter: string): Promise<Watcher> {
  const watcher = createWatcher(await startBus(), filter);
  await watcher.ready;
  return watcher;
}

const ask = (authority: Authority, id: string, values: object) =>
  authority.engine.request({ service: 'lamp', author: 'ann', op: 'replace', values: values as never }, id, {
    requester: 'ann',
  });

const write = (name: string, text: string): Promise<void> => writeFile(join(configDir, name), text);

describe('an authority', () => {
  it('loads its files, publishes signed snapshots, and reports that it is ready', async () => {
    await write('lamp.yaml', 'brightness: 7');
    const snapshots = await watch('config/lamp/snapshot');
    const health = await watch('system/health/config-authority');
    const authority = await start();
    expect(authority.engine.current('lamp')?.snapshot.values).toEqual({ brightness: 7 });
    const { json, text } = await snapshots.until(({ json }) => json?.data.version === 1);
    expect(json).toMatchObject({ source: '/authority/config-authority', data: { values: { brightness: 7 } } });
    expect(text).toMatch(new RegExp(`,"signature":"${signer.keyId}\\.[A-Za-z0-9_-]{86}"}$`));
    await health.until(({ json }) => json?.data.state === 'ready');
    expect(authority.readiness()).toEqual({ isReady: true, reasons: [] });
  });

  it('says what keeps it from being ready, and what is wrong while it is', async () => {
    await write('lamp.yaml', 'brightness: 7');
    await broker.stop();
    const authority = await start();
    expect(authority.readiness()).toEqual({
      isReady: false,
      reasons: [
        expect.stringMatching(/^the broker is not connected \((idle|connecting)\)$/),
        'the broker does not deliver requests yet',
      ],
    });
    await broker.start();
    const health = await watch('system/health/config-authority');
    await health.until(({ json }) => json?.data.state === 'ready');
    await write('lamp.yaml', 'brightness: [');
    const { json } = await health.until(({ json }) => json?.data.state === 'degraded');
    expect(json.data).toMatchObject({
      ok: false,
      error: {
        code: 'file_invalid',
        detail: 'the last good documents stay in force; mend the files of: lamp',
        errors: [{ file: join(configDir, 'lamp.yaml'), line: 1 }],
      },
    });
    expect(authority.readiness()).toMatchObject({ isReady: true, reasons: [expect.stringMatching(/^lamp: /)] });
    health.clear();
    await write('lamp.yaml', 'brightness: 8');
    await health.until(({ json }) => json?.data.state === 'ready');
  });

  it('reports rule files that it skips, and goes on with the others', async () => {
    await broker.start();
    await mkdir(join(configDir, '_rules'));
    const authority = await start();
    const health = await watch('system/health/config-authority');
    await health.until(({ json }) => json?.data.state === 'ready');
    const file = join(configDir, '_rules', 'broken.yaml');
    await writeFile(file, 'rules: [');
    const { json } = await health.until(({ json }) => json?.data.state === 'degraded');
    expect(json.data.error).toMatchObject({
      code: 'file_invalid',
      detail: `these files of rules and policy are passed over: ${file}`,
      errors: [{ file, line: 1 }],
    });
    expect(authority.readiness()).toMatchObject({ isReady: true, reasons: [expect.stringContaining(`${file}:1: `)] });
    health.clear();
    await rm(file);
    await health.until(({ json }) => json?.data.state === 'ready');
  });

  it('publishes versions that an earlier run committed and no broker acknowledged', async () => {
    await broker.stop();
    const first = await start({ configDir: undefined as never });
    await ask(first, 'r1', { on: true });
    await ask(first, 'r2', { on: false });
    vi.spyOn(AbortSignal, 'timeout').mockReturnValue(AbortSignal.abort());
    await first.stop();
    expect(logs).toContain('stopping with snapshots that no broker has acknowledged; the next start publishes them');
    expect(await store.pendingOutbox()).not.toEqual([]);
    await broker.start();
    const snapshots = await watch('config/lamp/snapshot');
    await start();
    await snapshots.until(({ json }) => json?.data.version === 2);
    expect(snapshots.messages).toHaveLength(1);
  });

  it('publishes again what a broker has lost, and removes what was deleted', async () => {
    const authority = await start();
    await ask(authority, 'r1', { on: true });
    const snapshots = await watch('config/lamp/snapshot');
    await snapshots.until(({ json }) => json?.data.version === 1);
    await broker.stop();
    await broker.start({ keepRetained: false });
    await vi.waitUntil(
      () => logs.includes('the retained snapshot is missing, older or not ours: published again'),
      5000,
    );
    await (await watch('config/lamp/snapshot')).until(({ json }) => json?.data.version === 1);
    snapshots.clear();
    await authority.engine.request({ service: 'lamp', author: 'ann', op: 'delete' }, 'r2', { requester: 'ann' });
    await snapshots.until(({ text }) => text === '');
    const convergence = await watch('config/lamp/convergence');
    await (await watch('marker')).ready;
    expect(convergence.messages).toEqual([]);
  });

  it('names recent changes in its beacon, and reports another authority with its own id', async () => {
    const authority = await start({ keepaliveIntervalMs: 100, id: 'authority-2', prefix: 'acme' });
    const beacons = await watch('acme/system/keepalive/authority-2');
    await ask(authority, 'r1', { on: true });
    const { json } = await beacons.until(({ json }) => json?.data.recent.lamp !== undefined);
    expect(json.data).toMatchObject({ intervalMs: 100, recent: { lamp: { version: 1 } }, commit: 1 });
    const bus = await startBus();
    const data = {
      instance: 'authority-2',
      service: 'authority-2',
      session: 'strange',
      ok: true,
      state: 'ready',
      event: 'ready',
      startedAt: '2026-06-01T00:00:00.000Z',
    };
    const { bytes } = createEnvelopeWriter({ source: '/authority/authority-2' }).seal({
      type: 'setpoint.health.v1',
      subject: 'authority-2',
      data,
    });
    await bus.publish('acme/system/health/authority-2', bytes);
    await vi.waitUntil(() => logs.includes('another authority uses this id on this broker; stop one of them'), 5000);
  });

  it('answers requests that concern every service under its own id', async () => {
    await write('lamp.yaml', 'brightness: 7');
    const { engine, id } = await start({ id: 'boss' });
    const search = { service: id, author: 'ann', op: 'search', text: 'brightness' } as const;
    expect(await engine.request(search, 's1', { requester: 'ann' })).toMatchObject({
      status: 'found',
      found: { hits: [{ service: 'lamp', pointer: '/brightness' }] },
    });
  });

  it('refuses documents that are too large for its messages', async () => {
    const authority = await start({ maxEnvelopeBytes: 65_536 });
    expect(await ask(authority, 'r1', { text: 'x'.repeat(60_000) })).toMatchObject({
      status: 'rejected',
      problem: { code: 'message_too_large' },
    });
  });

  it('goes on when the broker refuses its reports, and logs warnings of the bus', async () => {
    broker = createMemoryBroker({ allow: ({ kind }) => kind === 'subscribe' });
    await start();
    await vi.waitUntil(() => logs.includes('a report was not published'), 5000);
    broker.disconnect('authority');
    await vi.waitUntil(() => logs.some((line) => line.startsWith('connection lost')), 5000);
  });

  it('logs that a retained snapshot could not be read back', async () => {
    const first = await start({ configDir: undefined as never });
    await ask(first, 'r1', { on: true });
    await first.stop();
    broker = createMemoryBroker();
    await start({
      openBus: (options: BusOptions) => {
        const bus = broker.connect(options);
        const subscribe = bus.subscribe.bind(bus);
        bus.subscribe = (filter, ...rest) => {
          if (filter.endsWith('/snapshot') && !filter.includes('+')) throw new Error('no');
          return subscribe(filter, ...rest);
        };
        return bus;
      },
    });
    await vi.waitUntil(() => logs.includes('the retained snapshots could not be read back'), 5000);
  });
});

describe('an authority that cannot start', () => {
  it('leaves nothing running', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const buses: Bus[] = [];
    const openBus = (options: BusOptions): Bus => {
      const bus = broker.connect(options);
      buses.push(bus);
      return bus;
    };
    await expect(start({ openBus, configDir: join(configDir, 'none') })).rejects.toMatchObject({ code: 'ENOENT' });
    expect(vi.getTimerCount()).toBe(0);
    expect(buses.map(({ status }) => status.kind)).toEqual(['closed']);
    await store[Symbol.asyncDispose]();
    await expect(start({ openBus })).rejects.toMatchObject({ code: 'stopped' });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('stopping an authority', () => {
  it('publishes committed versions, reports the shutdown, disconnects, and can be repeated', async () => {
    const health = await watch('system/health/config-authority');
    const snapshots = await watch('config/lamp/snapshot');
    const authority = await start();
    await health.until(({ json }) => json?.data.state === 'ready');
    await ask(authority, 'r1', { on: true });
    await Promise.all([authority.stop(), authority.stop()]);
    await snapshots.until(({ json }) => json?.data.version === 1);
    const { json } = await health.until(({ json }) => json?.data.event === 'shutdown');
    expect(json.data).toMatchObject({ ok: false, state: 'offline' });
    expect(broker.clientIds).not.toContain('authority');
    expect(await store.pendingOutbox()).toEqual([]);
  });

  it('waits at most a few seconds for an answer or an acknowledgement', async () => {
    await mkdir(join(configDir, 'empty'));
    const opened = createInbox<ReturnType<typeof holdPublishes>>();
    const authority = await start({
      configDir: join(configDir, 'empty'),
      openBus: (options) => {
        const bus = holdPublishes(broker.connect({ clientId: 'authority', ...options }));
        opened.put(bus);
        return bus;
      },
    });
    const bus = await opened.next();
    while (!(await bus.nextHeld()).topic.includes('/keepalive/'));
    await vi.waitUntil(() => authority.readiness().isReady, 5000);
    const asking = await startBus();
    const data = { service: 'lamp', op: 'replace', author: 'ann', values: { on: true } };
    const request = { type: 'setpoint.request.v1', subject: 'lamp', data };
    await asking.publish('config/lamp/request', createEnvelopeWriter({ source: '/operator/ann' }).seal(request).bytes);
    while (!(await bus.nextHeld()).topic.includes('/result/'));
    vi.spyOn(AbortSignal, 'timeout').mockReturnValue(AbortSignal.abort());
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const stopping = authority.stop();
    while (!(await bus.nextHeld()).text.includes('"shutdown"'));
    await vi.advanceTimersByTimeAsync(1000);
    await stopping;
    expect(bus.status).toEqual({ kind: 'closed' });
    expect(await store.pendingOutbox()).toEqual([{ service: 'lamp', version: 1 }]);
  });

  it('goes on when the broker refuses the last report', async () => {
    let isRefused = false;
    broker = createMemoryBroker({ allow: ({ topic }) => !isRefused || !topic.includes('/health/') });
    const authority = await start();
    await vi.waitUntil(() => authority.readiness().isReady, 5000);
    isRefused = true;
    await authority.stop();
    expect(logs).toContain('the last report was not sent');
  });
});
