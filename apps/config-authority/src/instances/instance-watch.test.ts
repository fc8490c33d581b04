import type { Bus } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import {
  type ContractRegistry,
  createContractRegistry,
  createConvergenceTracker,
  createEngine,
  type Engine,
} from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import {
  type Convergence,
  createEnvelopeWriter,
  createTopics,
  digestOf,
  type Health,
  type JsonObject,
  openMessage,
  type Snapshot,
} from '@setpoint/protocol';
import { createInbox, midnight, snapshotOf } from '@setpoint/test-support/samples';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createInstanceWatch, type InstanceWatch } from './instance-watch.ts';

let broker: MemoryBroker;
let stack: AsyncDisposableStack;
let warnings: Record<string, unknown>[];
let now: number;
/** How far the wall clock was set, besides the time that passed. Milliseconds. */
let wallClockJump: number;
let authority: Bus;
let engine: Engine;
let contracts: ContractRegistry;
let watch: InstanceWatch;
let told: Awaited<ReturnType<typeof listen>>;
let fleet: Bus;
let isRefused: boolean;
let withdrawn: string[];

const logger = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(JSON.parse(line)) });
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 6; turn++) await new Promise(setImmediate);
};

async function listen() {
  const inbox = createInbox<Convergence>();
  const bus = broker.connect();
  stack.defer(() => bus.stop());
  await bus.start();
  await bus.subscribe('config/+/convergence', ({ topic, payload }) => {
    if (payload.length === 0) withdrawn.push(topic);
    else inbox.put(openMessage('setpoint.convergence.v1', payload, { now: 0 }).data);
  }).ready;
  return inbox;
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  stack = new AsyncDisposableStack();
  warnings = [];
  now = midnight;
  wallClockJump = 0;
  isRefused = false;
  withdrawn = [];
  broker = createMemoryBroker({
    allow: ({ kind, topic }) => kind === 'subscribe' || !topic.endsWith('/convergence') || !isRefused,
  });
  authority = broker.connect({ clientId: 'authority' });
  stack.defer(() => authority.stop());
  await authority.start();
  fleet = broker.connect();
  stack.defer(() => fleet.stop());
  await fleet.start();
  told = await listen();
  contracts = createContractRegistry();
  engine = await createEngine({ store: createMemoryStore({ now: () => midnight }), now: () => now, contracts });
  watch = openWatch();
  await authority.subscribe('marker', () => {}).ready;
});
afterEach(async () => {
  await stack.disposeAsync();
  vi.useRealTimers();
});

function openWatch(): InstanceWatch {
  const opened = createInstanceWatch({
    bus: authority,
    contracts,
    tracker: createConvergenceTracker(),
    topics: createTopics(),
    writer: createEnvelopeWriter({ source: '/authority/config-authority', now: () => now }),
    id: 'config-authority',
    logger,
    now: () => now,
    elapsed: () => now - wallClockJump,
  });
  stack.defer(() => opened.stop());
  return opened;
}

/** The clock of the instances is a minute late. */
const writer = createEnvelopeWriter({ source: '/instance/any', now: () => midnight - 60_000 });
const target = snapshotOf(2, { threshold: 0.5 });

const healthOf = (instance: string, rest: Partial<Health> = {}): Health => ({
  instance,
  service: 'vad',
  session: 's1',
  ok: true,
  state: 'ready',
  event: 'ready',
  startedAt: '2026-06-01T00:00:00.000Z',
  ...rest,
});

const running = ({ epoch, version, digest }: Snapshot): Pick<Health, 'config'> => ({
  config: { source: 'live', epoch, version, digest, pendingRestart: [], masked: [] },
});

async function report(health: Health, topic = `system/health/${health.instance}`): Promise<void> {
  const { bytes } = writer.seal({ type: 'setpoint.health.v1', subject: health.service, data: health });
  await fleet.publish(topic, bytes, { retain: true });
}

async function beat(instance: string, intervalMs = 5000): Promise<void> {
  const data = { instance, session: 's1', sequence: 0, intervalMs };
  const { bytes } = writer.seal({ type: 'setpoint.keepalive.v1', subject: 'vad', data });
  await fleet.publish(`system/keepalive/${instance}`, bytes);
}

async function announce(schema: JsonObject, rest: Record<string, unknown> = {}): Promise<string> {
  const digest = digestOf(schema);
  const data = { service: 'vad', digest, schema, ...rest };
  const { bytes } = writer.seal({ type: 'setpoint.contract.v1', subject: data.service, data });
  await fleet.publish(`config/vad/contract/${digest.slice(7)}`, bytes, { retain: true });
  return digest;
}

/** What is told after all that was said so far has been gathered. */
async function gathered(): Promise<Convergence> {
  await settle();
  vi.advanceTimersByTime(100);
  return told.next();
}

/** Time passes as it does for the authority: its sweep comes every second. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1000) {
    now += Math.min(left, 1000);
    vi.advanceTimersByTime(1000);
  }
  await settle();
}

describe('convergence', () => {
  it('counts each instance once, and is published once for many reports that arrive together', async () => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    await report(healthOf('vad-2', running(snapshotOf(1))));
    await report(
      healthOf('vad-3', {
        config: {
          ...running(snapshotOf(1)).config,
          source: 'live',
          pendingRestart: [],
          masked: [],
          lastAttempt: { epoch: 7, version: 2, digest: target.digest, outcome: 'rejected', message: 'too loud' },
        },
      }),
    );
    expect(await gathered()).toEqual({
      service: 'vad',
      epoch: 7,
      version: 2,
      digest: target.digest,
      instances: { applied: 1, pending: 1, rejected: 1, restartPending: 0, offline: 0 },
      stragglers: [
        { instance: 'vad-2', standing: 'pending', version: 1 },
        { instance: 'vad-3', standing: 'rejected', version: 1, message: 'too loud' },
      ],
      since: '2026-06-01T00:00:00.000Z',
      convergedAt: null,
    });
    expect(told.all).toHaveLength(1);
  });

  it('is published once when nothing changes, as a retained message', async () => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    expect((await gathered()).convergedAt).toBe('2026-06-01T00:00:00.000Z');
    await report(healthOf('vad-1', running(target)));
    await settle();
    vi.advanceTimersByTime(100);
    await settle();
    expect(told.all).toHaveLength(1);
    expect((await (await listen()).next()).instances.applied).toBe(1);
  });

  it('is not published for a service without a version', async () => {
    await report(healthOf('vad-1'));
    await settle();
    vi.advanceTimersByTime(100);
    watch.target(snapshotOf(1, {}, { service: 'asr' }));
    expect((await gathered()).service).toBe('asr');
  });

  it('is published for both services when an instance moves', async () => {
    watch.target(target);
    watch.target(snapshotOf(1, {}, { service: 'asr' }));
    await report(healthOf('vad-1', running(target)));
    await gathered();
    await gathered();
    await report(healthOf('vad-1', { service: 'asr' }));
    const [first, second] = [await gathered(), await told.next()];
    expect([first.service, first.instances.applied]).toEqual(['vad', 0]);
    expect([second.service, second.instances.pending]).toEqual(['asr', 1]);
  });

  it('is published again a second after a failed publish', async () => {
    isRefused = true;
    watch.target(target);
    await settle();
    vi.advanceTimersByTime(100);
    await settle();
    isRefused = false;
    vi.advanceTimersByTime(1000);
    expect(await told.next()).toMatchObject({ version: 2 });
  });

  it('is published again to a broker that has lost it', async () => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    await gathered();
    const back = new Promise<void>((resolve) => authority.onStatus(({ kind }) => kind === 'connected' && resolve()));
    await broker.stop();
    await settle();
    vi.advanceTimersByTime(1000);
    await broker.start({ keepRetained: false });
    await settle();
    vi.advanceTimersByTime(1000);
    await back;
    await vi.waitFor(() => expect(fleet.status.kind).toBe('connected'), 30_000);
    await settle();
    vi.advanceTimersByTime(100);
    await settle();
    expect((await (await listen()).next()).instances.applied).toBe(1);
  });

  it('is withdrawn when a service is deleted, and starts anew when it is back', async () => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    await gathered();
    watch.release('vad');
    await report(healthOf('vad-1', { state: 'degraded', event: 'degraded' }));
    await settle();
    vi.advanceTimersByTime(100);
    await settle();
    expect(withdrawn).toEqual(['config/vad/convergence']);
    expect(told.all).toHaveLength(1);
    watch.target(snapshotOf(4));
    expect(await gathered()).toMatchObject({ version: 4, instances: { pending: 1 } });
    isRefused = true;
    watch.release('vad');
    await settle();
  });

  it('is published however long the messages of instances are', async () => {
    watch.target(target);
    watch.target(snapshotOf(1, {}, { service: 'asr' }));
    for (let instance = 0; instance < 3; instance++) {
      await report(
        healthOf(`vad-${instance}`, {
          config: {
            source: 'live',
            pendingRestart: [],
            masked: [],
            lastAttempt: {
              epoch: 7,
              version: 2,
              digest: target.digest,
              outcome: 'rejected',
              message: 'x'.repeat(900_000),
            },
          },
        }),
      );
    }
    const services = [await gathered(), await told.next()];
    expect(services.map(({ service }) => service).sort()).toEqual(['asr', 'vad']);
    const stragglers = services.find(({ service }) => service === 'vad')?.stragglers ?? [];
    expect(stragglers.map(({ message = '' }) => message.length)).toEqual([500, 500, 500]);
  });
});

describe('a silent instance', () => {
  it('is offline after three of its own intervals, until it is heard again', async () => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    await beat('vad-1', 2000);
    expect((await gathered()).instances).toMatchObject({ applied: 1 });
    await pass(6000);
    expect(told.all).toHaveLength(1);
    await pass(1000);
    expect((await gathered()).instances).toMatchObject({ applied: 0, offline: 1 });
    await beat('vad-1', 2000);
    expect((await gathered()).instances).toMatchObject({ applied: 1, offline: 0 });
  });

  it('is offline after three default intervals when it was never heard: its retained health may be all that is left of it', async () => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    await gathered();
    await pass(15_000);
    expect(told.all).toHaveLength(1);
    await pass(1000);
    expect((await gathered()).instances).toMatchObject({ applied: 0, offline: 1 });
  });

  it('is online after its next report, and may fall silent again', async () => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    await beat('vad-1', 1000);
    await gathered();
    await pass(4000);
    expect((await gathered()).instances.offline).toBe(1);
    await report(healthOf('vad-1', running(target)));
    expect((await gathered()).instances).toMatchObject({ applied: 1, offline: 0 });
    await pass(4000);
    expect((await gathered()).instances).toMatchObject({ applied: 0, offline: 1 });
  });
});

describe('an instance that sends keepalives', () => {
  it.each([7_200_000, -7_200_000])('is not taken for silent when the wall clock jumps by %d ms', async (jump) => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    expect((await gathered()).instances.applied).toBe(1);
    wallClockJump += jump;
    now += jump;
    await pass(2000);
    expect(told.all).toHaveLength(1);
    await pass(14_000);
    expect((await gathered()).instances.offline).toBe(1);
  });
});

describe('an offline instance', () => {
  it('is remembered for a day after it fell silent', async () => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    await gathered();
    await pass(16_000);
    expect((await gathered()).instances.offline).toBe(1);
    now += 86_400_000;
    await pass(1000);
    expect((await gathered()).instances.offline).toBe(0);
  });

  const died = { state: 'offline', event: 'lost', ok: false } as const;

  it('is marked offline by its Last Will, and remembered for a day', async () => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    await gathered();
    await report(healthOf('vad-1', died));
    expect(await gathered()).toMatchObject({
      instances: { applied: 0, offline: 1 },
      stragglers: [{ instance: 'vad-1', standing: 'offline', version: 2 }],
    });
    now += 86_400_000;
    vi.advanceTimersByTime(1000);
    await settle();
    expect(told.all).toHaveLength(2);
    now += 1;
    vi.advanceTimersByTime(1000);
    expect((await gathered()).instances.offline).toBe(0);
  });

  it('is not taken for offline by the Last Will of an earlier session', async () => {
    watch.target(target);
    await report(healthOf('vad-1', { ...running(target), session: 's2' }));
    await gathered();
    await report(healthOf('vad-1', { ...died, session: 's1' }));
    await report(healthOf('vad-2', running(target)));
    expect((await gathered()).instances).toMatchObject({ applied: 2, offline: 0 });
  });

  it('is forgotten at once when its retained health is removed from the broker', async () => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    await gathered();
    await fleet.publish('system/health/vad-1', new Uint8Array(), { retain: true });
    expect((await gathered()).instances.applied).toBe(0);
    await fleet.publish('system/health/vad-9', new Uint8Array(), { retain: true });
  });

  it('is forgotten before its day when ten thousand are offline', async () => {
    watch.target(target);
    for (let batch = 0; batch < 12; batch++) {
      await Promise.all(Array.from({ length: 900 }, (_, index) => report(healthOf(`vad-${batch}-${index}`, died))));
    }
    vi.advanceTimersByTime(1000);
    await settle();
    vi.advanceTimersByTime(1000);
    await settle();
    expect(told.all.at(-1)?.instances.offline).toBe(10_000);
  });
});

describe('a contract', () => {
  it('is checked with every document while its instance is live, and no longer afterwards', async () => {
    const digest = await announce({ type: 'object', properties: { threshold: { maximum: 0.65 } } });
    await report(healthOf('old-build', { contract: digest }));
    await settle();
    vi.advanceTimersByTime(100);
    await settle();
    const ask = (id: string) =>
      engine.request({ service: 'vad', author: 'ann', op: 'merge', patch: { threshold: 0.9 } }, id, {
        requester: 'ann',
      });
    expect(await ask('1')).toMatchObject({
      status: 'rejected',
      problem: { errors: [{ pointer: '/threshold', instance: 'old-build' }] },
    });
    await report(healthOf('old-build', { contract: digest, state: 'offline', event: 'shutdown' }));
    await settle();
    vi.advanceTimersByTime(100);
    await settle();
    expect((await ask('2')).status).toBe('applied');
  });

  it('is logged once a minute when it does not match its topic', async () => {
    await announce({ type: 'object' }, { digest: `sha256:${'0'.repeat(64)}` });
    await announce({ type: 'object' }, { service: 'asr' });
    await announce({ type: 'object', properties: {} }, { schema: { type: 'string' } });
    await settle();
    expect(warnings).toMatchObject([
      { code: 'message_unexpected', dropped: 0, msg: 'a contract message could not be read' },
    ]);
    now += 60_000;
    await announce({ type: 'object' }, { digest: `sha256:${'1'.repeat(64)}` });
    await settle();
    expect(warnings[1]).toMatchObject({ dropped: 2 });
  });

  it('changes nothing when it is removed from the broker or malformed', async () => {
    await fleet.publish(`config/vad/contract/${'0'.repeat(64)}`, new Uint8Array(), { retain: true });
    await fleet.publish('config/vad/contract/none', 'x');
    await settle();
    expect(warnings).toEqual([]);
  });
});

describe('an unreadable report', () => {
  it('is logged once a minute for each kind, and changes nothing', async () => {
    watch.target(target);
    for (let index = 0; index < 20; index++) await fleet.publish(`system/health/eve-${index}`, 'no health');
    await fleet.publish('system/keepalive/eve', 'no keepalive');
    await settle();
    expect(warnings.map(({ msg }) => msg)).toEqual([
      'a health message could not be read',
      'a keepalive message could not be read',
    ]);
    expect((await gathered()).instances).toEqual({
      applied: 0,
      pending: 0,
      rejected: 0,
      restartPending: 0,
      offline: 0,
    });
  });

  it('includes a report on the topic of another instance; reports of the authority itself are ignored', async () => {
    watch.target(target);
    await report(healthOf('vad-1', running(target)), 'system/health/vad-2');
    await report(healthOf('config-authority', running(target)));
    await beat('config-authority');
    await beat('never-heard-of');
    await report(healthOf('vad-3', running(target)), 'system/health/not a name');
    expect((await gathered()).instances.applied).toBe(0);
    expect(warnings).toHaveLength(1);
  });

  it('does not hide a fault of the authority', async () => {
    const faults: string[] = [];
    const bus = broker.connect({ onFault: ({ message }) => faults.push(message) });
    stack.defer(() => bus.stop());
    await bus.start();
    const broken = {
      ...contracts,
      announce: () => {
        throw new TypeError('a fault of ours');
      },
    };
    const other = createInstanceWatch({
      bus,
      contracts: broken,
      tracker: createConvergenceTracker(),
      topics: createTopics(),
      writer,
      id: 'other',
      logger,
      now: () => now,
    });
    await bus.subscribe('marker', () => {}).ready;
    await announce({ type: 'object' });
    await settle();
    expect(faults).toEqual(['the handler of config/+/contract/+ threw: a fault of ours']);
    await other.stop();
  });
});

describe('a stopped instance watch', () => {
  it('receives and publishes nothing more, and leaves no timer', async () => {
    watch.target(target);
    await watch.stop();
    await report(healthOf('vad-1', running(target)));
    vi.advanceTimersByTime(10_000);
    await settle();
    expect(told.all).toEqual([]);
    await watch.stop();
  });
});

describe('the time since which an instance is in its state', () => {
  const known = () => watch.list().map(({ since, health: { config } }) => [since, config?.version]);
  const will = { ok: false, state: 'offline', event: 'lost', ...running(snapshotOf(1, {})) } as const;

  it('is the arrival of its Last Will, with the version it ran until then', async () => {
    const said: Health[] = [];
    watch.onHealth((health) => said.push(health));
    await report(healthOf('vad-1', running(target)));
    await settle();
    now += 90_000;
    await report(healthOf('vad-1', will));
    await settle();
    expect(known()).toEqual([['2026-06-01T00:01:30.000Z', 2]]);
    expect(said.at(-1)).toMatchObject({ event: 'lost', config: { version: 2 } });
  });

  it('is that of its own report when that was retained, and is unknown for a retained Last Will', async () => {
    await watch.stop();
    await report(healthOf('vad-1', running(target)));
    await report(healthOf('vad-2', will));
    now += 90_000;
    watch = openWatch();
    await settle();
    expect(known()).toEqual([
      ['2026-05-31T23:59:00.000Z', 2],
      [null, undefined],
    ]);
  });

  it('is the moment it was found silent', async () => {
    await report(healthOf('vad-1', running(target)));
    await settle();
    await pass(17_000);
    expect(known()).toEqual([['2026-06-01T00:00:16.000Z', 2]]);
  });
});

describe('a listener of the instance watch', () => {
  it('gets every instance, each report, and each new summary', async () => {
    const said: Health[] = [];
    const summaries: Convergence[] = [];
    const ends = [watch.onHealth((health) => said.push(health)), watch.onConvergence((each) => summaries.push(each))];
    watch.target(target);
    await report(healthOf('vad-1', running(target)));
    await settle();
    await vi.advanceTimersByTimeAsync(100);
    expect(watch.list()).toEqual([
      {
        standing: 'applied',
        silent: false,
        since: '2026-06-01T00:00:00.000Z',
        health: healthOf('vad-1', running(target)),
      },
    ]);
    expect(said.map(({ instance }) => instance)).toEqual(['vad-1']);
    expect(summaries.at(-1)).toMatchObject({ service: 'vad', version: 2, instances: { applied: 1 } });
    for (const end of ends) end();
    await report(healthOf('vad-2', running(target)));
    await settle();
    await vi.advanceTimersByTimeAsync(100);
    expect(watch.list()).toHaveLength(2);
    expect([said, summaries.filter(({ instances }) => instances.applied === 2)]).toEqual([[said[0]], []]);
  });
});
