import type { Bus, BusOptions } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import {
  type ConfigReport,
  createEnvelopeWriter,
  createProblem,
  createTopics,
  type Health,
  type Keepalive,
  openMessage,
  SetpointError,
} from '@setpoint/protocol';
import { holdPublishes } from '@setpoint/test-support/held-bus';
import { createInbox, midnight } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHealthReporter, type HealthReporterOptions, toProblem } from './health-reporter.ts';

const topic = 'system/health/vad-1';
const readHealth = (bytes: Uint8Array): Health => openMessage('setpoint.health.v1', bytes, { now: midnight }).data;
const readKeepalive = (bytes: Uint8Array): Keepalive =>
  openMessage('setpoint.keepalive.v1', bytes, { now: midnight }).data;

let broker: MemoryBroker;
let stack: AsyncDisposableStack;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  broker = createMemoryBroker();
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  await stack.disposeAsync();
  vi.useRealTimers();
});

function createReporter(options: Partial<HealthReporterOptions> = {}) {
  return createHealthReporter({
    topics: createTopics(),
    writer: createEnvelopeWriter({ source: '/instance/vad-1', now: () => midnight }),
    instance: 'vad-1',
    service: 'vad',
    contract: undefined,
    keepaliveIntervalMs: 5000,
    now: () => midnight,
    config: () => undefined,
    ...options,
  });
}

function connect(options: BusOptions & { clientId?: string } = {}): Bus {
  const bus = broker.connect(options);
  stack.defer(() => bus.stop());
  return bus;
}

async function started(bus: Bus): Promise<Bus> {
  await bus.start();
  return bus;
}

async function listen<T>(filter: string, read: (bytes: Uint8Array) => T) {
  const inbox = createInbox<T>();
  const bus = await started(connect());
  await bus.subscribe(filter, ({ payload }) => inbox.put(read(payload))).ready;
  return inbox;
}

async function openReporter(options: Partial<HealthReporterOptions> = {}) {
  const heard = await listen(topic, readHealth);
  const reporter = createReporter(options);
  const bus = connect({ clientId: 'vad-1', will: () => reporter.will() });
  reporter.attach(bus);
  stack.defer(() => reporter.close().catch(() => undefined));
  await bus.start();
  expect(await heard.next()).toMatchObject({ event: 'starting' });
  return { reporter, bus, heard };
}

const reconnected = (bus: Bus): Promise<void> =>
  new Promise((resolve) => bus.onStatus(({ kind }) => kind === 'connected' && resolve()));

/** Says something in the name of `vad-1`, as another process would. */
async function impersonate(said: Partial<Health>, retain = true): Promise<void> {
  const bus = await started(connect());
  const data: Health = {
    instance: 'vad-1',
    service: 'vad',
    session: 'a-strange-session',
    ok: false,
    state: 'offline',
    event: 'lost',
    startedAt: '2026-06-01T00:00:00.000Z',
    ...said,
  };
  const writer = createEnvelopeWriter({ source: '/instance/vad-1' });
  const { bytes } = writer.seal({ type: 'setpoint.health.v1', subject: 'vad', data });
  await bus.publish(topic, bytes, { retain });
}

describe('a health report', () => {
  it('Client-21-Reports-Arrive: a report that the broker did not take is published again with its newest content, at growing intervals', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
    let refusals = 0;
    broker = createMemoryBroker({
      allow: ({ kind, topic: on }) => kind !== 'publish' || on !== topic || refusals-- <= 0,
    });
    const heard = await listen(topic, readHealth);
    const failed = createInbox<Error>();
    const reporter = createReporter({ onFailed: failed.put });
    const bus = connect({ clientId: 'vad-1' });
    reporter.attach(bus);
    stack.defer(() => reporter.close().catch(() => undefined));
    await bus.start();
    await heard.next();
    refusals = 2;
    reporter.report('ready', 'ready');
    await failed.next();
    await vi.advanceTimersByTimeAsync(1000);
    await failed.next();
    await vi.advanceTimersByTimeAsync(1999);
    expect([failed.all.length, heard.all.length]).toEqual([2, 1]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await heard.next()).toMatchObject({ event: 'ready' });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(heard.all).toHaveLength(2);
  });

  it('a report has every member that applies, and the session of its connection', async () => {
    const config: ConfigReport = { source: 'live', epoch: 7, version: 2, pendingRestart: [], masked: [] };
    const contract = `sha256:${'a'.repeat(64)}`;
    const { reporter, heard } = await openReporter({ contract, config: () => config });
    const problem = createProblem('handler_failed', 'it broke');
    reporter.report('degraded', 'config_rejected', problem);
    const said = await heard.next();
    expect(said).toEqual({
      instance: 'vad-1',
      service: 'vad',
      session: reporter.health().session,
      ok: false,
      state: 'degraded',
      event: 'config_rejected',
      error: problem,
      startedAt: '2026-06-01T00:00:00.000Z',
      contract,
      config,
    });
    expect(reporter.health()).toEqual(said);
  });

  it.each([
    ['starting', true],
    ['ready', true],
    ['degraded', false],
    ['stopping', false],
  ] as const)('a report of the state %s has ok: %s', async (state, ok) => {
    const reporter = createReporter();
    reporter.report(state, 'ready');
    expect(reporter.health()).toMatchObject({ state, ok, session: 'none' });
  });

  it('a report is retained', async () => {
    const { reporter, heard } = await openReporter();
    reporter.report('ready', 'ready');
    await heard.next();
    const late = await listen(topic, readHealth);
    expect(await late.next()).toMatchObject({ event: 'ready' });
  });

  it('a report made before the first connection is published when it is there', async () => {
    const heard = await listen(topic, readHealth);
    const reporter = createReporter();
    const bus = connect({ will: () => reporter.will() });
    reporter.report('ready', 'ready');
    reporter.attach(bus);
    await bus.start();
    expect(await heard.next()).toMatchObject({ event: 'ready' });
    await reporter.close();
  });

  it('a refreshed report has the configuration of that moment', async () => {
    let config: ConfigReport | undefined;
    const { reporter, heard } = await openReporter({ config: () => config });
    config = { source: 'live', pendingRestart: [], masked: [] };
    reporter.refresh();
    expect(await heard.next()).toMatchObject({ event: 'starting', config: { source: 'live' } });
  });

  it('a new connection publishes the report as reconnected, or as starting if the process has not started yet', async () => {
    const { reporter, bus, heard } = await openReporter();
    const first = reconnected(bus);
    bus.reconnect('a test');
    await first;
    expect(await heard.next()).toMatchObject({ event: 'lost' });
    expect(await heard.next()).toMatchObject({ event: 'starting' });
    reporter.report('degraded', 'degraded', createProblem('handler_failed', 'it broke'));
    while ((await heard.next()).event !== 'degraded');
    await new Promise(setImmediate);
    bus.reconnect('a test');
    expect(await heard.next()).toMatchObject({ event: 'lost' });
    let said = await heard.next();
    while (said.event !== 'reconnected') said = await heard.next();
    expect(said).toMatchObject({ state: 'degraded', error: { code: 'handler_failed' } });
  });
});

describe('health reports that come faster than the broker takes them', () => {
  const openHeld = async (options: Partial<HealthReporterOptions> = {}) => {
    const reporter = createReporter({ beacon: () => ({}), ...options });
    const bus = holdPublishes(connect({ will: () => reporter.will() }));
    reporter.attach(bus);
    stack.defer(() => bus.stop());
    await bus.start();
    const birth = await bus.nextHeld();
    const keepalive = await bus.nextHeld();
    expect([birth.topic, keepalive.topic]).toEqual([topic, 'system/keepalive/vad-1']);
    return { reporter, bus, birth };
  };

  it('only the last of several waiting reports is published', async () => {
    const { reporter, bus, birth } = await openHeld();
    reporter.report('ready', 'ready');
    for (let index = 0; index < 50; index++) reporter.report('ready', 'config_applied');
    reporter.report('degraded', 'config_rejected');
    expect(bus.held).toHaveLength(2);
    await birth.pass();
    const last = await bus.nextHeld();
    expect(JSON.parse(last.text).data).toMatchObject({ event: 'config_rejected' });
    await last.pass();
    await new Promise(setImmediate);
    expect(bus.held).toHaveLength(3);
  });

  it('the next report is published after a publish that failed', async () => {
    const failures: string[] = [];
    const { reporter, bus, birth } = await openHeld({ onFailed: ({ message }) => void failures.push(message) });
    birth.fail(new Error('the broker refused'));
    await new Promise(setImmediate);
    reporter.report('ready', 'ready');
    expect(JSON.parse((await bus.nextHeld()).text).data).toMatchObject({ event: 'ready' });
    expect(failures).toEqual(['the broker refused']);
  });

  it('nothing but the shutdown report follows once the reporter is closed', async () => {
    const { reporter, bus, birth } = await openHeld();
    reporter.report('ready', 'ready');
    const closing = reporter.close();
    const farewell = await bus.nextHeld();
    expect(JSON.parse(farewell.text).data).toMatchObject({ event: 'shutdown', state: 'offline', ok: false });
    await birth.pass();
    await farewell.pass();
    await closing;
    reporter.report('ready', 'config_applied');
    reporter.refresh();
    await new Promise(setImmediate);
    expect(bus.held).toHaveLength(3);
  });
});

describe('a health report that cannot be composed', () => {
  it('a report that cannot be composed reaches onFailed, and the next one is published', async () => {
    const failures: Error[] = [];
    const { reporter, heard } = await openReporter({ onFailed: (cause) => void failures.push(cause) });
    reporter.report('degraded', 'degraded', createProblem('handler_failed', 'x'.repeat(2_000_000)));
    await new Promise(setImmediate);
    expect(failures).toMatchObject([{ code: 'message_too_large' }]);
    reporter.report('ready', 'ready');
    expect(await heard.next()).toMatchObject({ event: 'ready' });
  });
});

describe('the Last Will', () => {
  it('each session has its own retained Last Will, which names the session', async () => {
    const reporter = createReporter();
    const wills = [reporter.will(), reporter.will()].map(({ payload, ...rest }) => ({
      ...rest,
      health: readHealth(payload as Uint8Array),
    }));
    expect(wills[0]).toMatchObject({
      topic: 'system/health/vad-1',
      qos: 1,
      retain: true,
      health: { ok: false, state: 'offline', event: 'lost' },
    });
    expect(wills[0]?.health.session).not.toBe(wills[1]?.health.session);
    expect(reporter.health().session).toBe(wills[1]?.health.session);
  });

  it('a Last Will of an earlier session that arrives late is overwritten', async () => {
    const { reporter, heard } = await openReporter();
    reporter.report('ready', 'ready');
    await heard.next();
    await impersonate({ session: 'an-older-session' });
    expect(await heard.next()).toMatchObject({ event: 'lost', session: 'an-older-session' });
    expect(await heard.next()).toMatchObject({ event: 'ready', session: reporter.health().session });
  });

  it('a Last Will of the present session is not overwritten', async () => {
    const { reporter, heard } = await openReporter();
    await impersonate({ session: reporter.health().session });
    await heard.next();
    reporter.report('ready', 'ready');
    expect(await heard.next()).toMatchObject({ event: 'ready' });
    expect(heard.all).toHaveLength(3);
  });
});

describe('another process of the same instance name', () => {
  const openWatchingNames = async () => {
    let conflicts = 0;
    const opened = await openReporter({ onNameConflict: () => void conflicts++ });
    return { ...opened, conflicts: () => conflicts };
  };

  it('another process of the same name is reported', async () => {
    const { heard, conflicts } = await openWatchingNames();
    await impersonate({ ok: true, state: 'ready', event: 'ready' });
    await heard.next();
    await new Promise(setImmediate);
    expect(conflicts()).toBe(1);
  });

  it('another process of the same name is reported only once a minute', async () => {
    const { heard, conflicts } = await openWatchingNames();
    for (let index = 0; index < 5; index += 1) {
      await impersonate({ ok: true, state: 'ready', event: 'ready' });
      await heard.next();
    }
    await new Promise(setImmediate);
    expect(conflicts()).toBe(1);
  });

  it('a retained report of an earlier run does not count as another process', async () => {
    await impersonate({ state: 'offline', event: 'shutdown' });
    let conflicts = 0;
    const reporter = createReporter({ onNameConflict: () => void conflicts++ });
    const bus = connect({ will: () => reporter.will() });
    reporter.attach(bus);
    await bus.start();
    await reporter.close();
    expect(conflicts).toBe(0);
  });

  it('a late report of an earlier session does not count as another process', async () => {
    const { reporter, bus, heard, conflicts } = await openWatchingNames();
    const { session } = reporter.health();
    const back = reconnected(bus);
    bus.reconnect('a test');
    await back;
    await impersonate({ session, ok: true, state: 'ready', event: 'ready' }, false);
    while ((await heard.next()).event !== 'ready');
    await new Promise(setImmediate);
    expect(conflicts()).toBe(0);
  });

  it('an unreadable report does not count as another process', async () => {
    const { heard, reporter, conflicts } = await openWatchingNames();
    const mischief = await started(connect());
    await mischief.publish('system/health/other', 'no health');
    const raw = await listen(topic, (bytes) => Buffer.from(bytes).toString());
    await mischief.publish(topic, 'no health').catch(() => undefined);
    while ((await raw.next()) !== 'no health');
    reporter.report('ready', 'ready');
    while (heard.all.at(-1)?.event !== 'ready') await heard.next();
    expect(conflicts()).toBe(0);
  });
});

describe('keepalives', () => {
  it('keepalives come at once and then every interval, numbered within a session', async () => {
    const heard = await listen('system/keepalive/vad-1', readKeepalive);
    const { reporter, bus } = await openReporter({ keepaliveIntervalMs: 1000 });
    const { session } = reporter.health();
    expect(await heard.next()).toEqual({ instance: 'vad-1', session, sequence: 0, intervalMs: 1000 });
    vi.advanceTimersByTime(999);
    await new Promise(setImmediate);
    expect(heard.all).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(await heard.next()).toMatchObject({ session, sequence: 1 });
    vi.advanceTimersByTime(2000);
    expect(await heard.next()).toMatchObject({ sequence: 2 });
    expect(await heard.next()).toMatchObject({ sequence: 3 });
    bus.reconnect('a test');
    const again = await heard.next();
    expect(again).toMatchObject({ sequence: 0 });
    expect(again.session).not.toBe(session);
  });

  it('keepalives carry the beacon of the authority', async () => {
    const heard = await listen('system/keepalive/vad-1', readKeepalive);
    await openReporter({ beacon: () => ({ recent: { vad: { epoch: 7, version: 2 } }, commit: 9 }) });
    expect(await heard.next()).toMatchObject({ recent: { vad: { epoch: 7, version: 2 } }, commit: 9 });
  });

  it('keepalives are left out while there is no connection', async () => {
    const failures: Error[] = [];
    const { bus } = await openReporter({ onFailed: (cause) => void failures.push(cause) });
    const lost = new Promise<void>((resolve) => bus.onStatus(({ kind }) => kind === 'reconnecting' && resolve()));
    await broker.stop();
    await lost;
    vi.advanceTimersByTime(60_000);
    await new Promise(setImmediate);
    expect(failures).toEqual([]);
  });

  it('a keepalive that cannot be sent reaches onFailed and is not retried', async () => {
    const failures: Error[] = [];
    const reporter = createReporter({ onFailed: (cause) => void failures.push(cause) });
    const bus = holdPublishes(connect({ will: () => reporter.will() }));
    reporter.attach(bus);
    await bus.start();
    await bus.nextHeld();
    (await bus.nextHeld()).fail(new Error('full'));
    await new Promise(setImmediate);
    expect(failures).toMatchObject([{ message: 'full' }]);
    await bus.stop();
    await reporter.close();
  });
});

describe('closing the reporter', () => {
  it('close publishes shutdown once, and no Last Will or keepalive follows', async () => {
    const { reporter, bus, heard } = await openReporter();
    await Promise.all([reporter.close(), reporter.close()]);
    expect(await heard.next()).toMatchObject({ event: 'shutdown', state: 'offline', ok: false });
    expect(vi.getTimerCount()).toBe(0);
    await bus.stop();
    await impersonate({ event: 'ready', state: 'ready' });
    expect(await heard.next()).toMatchObject({ session: 'a-strange-session' });
  });

  it('close publishes nothing without a connection', async () => {
    const reporter = createReporter();
    await reporter.close();
    const other = createReporter();
    other.attach(connect());
    await other.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the wire form of an error', () => {
  it('a problem keeps a code that crosses the wire, and the faults', () => {
    const error = new SetpointError('document_invalid', 'bad', { faults: [{ pointer: '/a', message: 'bad' }] });
    expect(toProblem(error, 'handler_failed')).toEqual({
      type: 'urn:setpoint:problem:document_invalid',
      title: 'The document would not be valid',
      detail: 'bad',
      code: 'document_invalid',
      errors: [{ pointer: '/a', message: 'bad' }],
    });
  });

  it('a problem replaces a code that only makes sense within the process', () => {
    const error = new SetpointError('signature_missing', 'unsigned');
    expect(toProblem(error, 'snapshot_refused')).toMatchObject({ code: 'snapshot_refused', detail: 'unsigned' });
  });
});

describe('a process with reports or keepalives switched off', () => {
  it('a process without health reports still numbers its sessions and sends keepalives', async () => {
    const heard = await listen('system/#', (bytes) => JSON.parse(String(bytes)).type as string);
    const keepalives = await listen('system/keepalive/vad-1', readKeepalive);
    const reporter = createReporter({ reports: false });
    const bus = connect({ clientId: 'vad-1' });
    reporter.attach(bus);
    await bus.start();
    reporter.report('ready', 'ready');
    reporter.refresh();
    const first = await keepalives.next();
    expect(first.session).toMatch(/^[0-9a-f-]{36}$/);
    const back = reconnected(bus);
    bus.reconnect('another session');
    await back;
    const second = await keepalives.next();
    expect(second).toMatchObject({ sequence: 0 });
    expect(second.session).not.toBe(first.session);
    await reporter.close();
    expect(new Set(heard.all)).toEqual(new Set(['setpoint.keepalive.v1']));
  });

  it('a process without keepalives still reports its health', async () => {
    const types = await listen('system/#', (bytes) => JSON.parse(String(bytes)).type as string);
    const { reporter, heard } = await openReporter({ keepalives: false });
    vi.advanceTimersByTime(60_000);
    reporter.report('ready', 'ready');
    expect(await heard.next()).toMatchObject({ event: 'ready' });
    await reporter.close();
    expect(new Set(types.all)).toEqual(new Set(['setpoint.health.v1']));
  });
});
