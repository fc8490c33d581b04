import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import { type Health, openMessage } from '@setpoint/protocol';
import { createInbox } from '@setpoint/test-support/samples';
import { beforeEach, describe, expect, it } from 'vitest';
import { connect } from './connect.ts';

const logger = { debug() {}, info() {}, warn() {}, error() {} };

describe('House-20-No-Schema: a process that connects without a schema', () => {
  let broker: MemoryBroker;
  beforeEach(() => {
    broker = createMemoryBroker();
  });

  it('a connection without a schema sends and receives messages with no option but a service and a broker', async () => {
    await using lamp = await connect({ bus: broker.connect, service: 'lamp', logger });
    await using remote = await connect({ bus: broker.connect, service: 'remote', logger });
    const messages = createInbox<unknown>();
    await lamp.messenger.subscribe('lamp/on', ({ data }) => messages.put(data));
    expect(await remote.messenger.publish('lamp/on', { on: true })).toMatchObject({ status: 'sent' });
    expect(await messages.next()).toEqual({ on: true });
  });

  it('a connection without a schema reports health without configuration and contract, and shutdown at the end', async () => {
    await using watcher = broker.connect({ clientId: 'watcher' });
    await watcher.start();
    const reports = createInbox<Health>();
    const contracts: string[] = [];
    await watcher.subscribe('system/health/+', ({ payload }) =>
      reports.put(openMessage('setpoint.health.v1', payload, { now: Date.now() }).data),
    ).ready;
    await watcher.subscribe('+/+/contract/#', ({ topic }) => void contracts.push(topic)).ready;
    const lamp = await connect({ bus: broker.connect, service: 'lamp', instance: 'lamp-1', logger });
    const report = await reports.next();
    expect(report).toMatchObject({ instance: 'lamp-1', service: 'lamp', state: 'ready', event: 'ready' });
    expect([report.config, report.contract]).toEqual([undefined, undefined]);
    expect(lamp.health()).toEqual(report);
    await lamp.stop();
    expect(await reports.next()).toMatchObject({ state: 'offline', event: 'shutdown' });
    expect(contracts).toEqual([]);
  });

  it('a connection without a schema starts without the broker after startTimeoutMs, and sends its messages later', async () => {
    const { promise: reachable, resolve: reach } = Promise.withResolvers<void>();
    await using lamp = await connect({
      bus: (options) => {
        const bus = broker.connect(options);
        const start = bus.start.bind(bus);
        return Object.assign(bus, { start: async () => reachable.then(() => start()) });
      },
      service: 'lamp',
      startTimeoutMs: 1,
      logger,
    });
    expect(lamp.bus.status.kind).not.toBe('connected');
    expect(await lamp.messenger.publish('lamp/on', { on: true })).toMatchObject({ status: 'queued' });
    reach();
  });

  it('a connection without a schema is refused when an option needs one', async () => {
    const options = { bus: broker.connect, service: 'lamp', logger };
    const fault = {
      code: 'options_invalid',
      faults: [{ pointer: '/schema', message: 'must be a zod schema (version 4)' }],
    };
    // @ts-expect-error the types refuse it too
    await expect(connect({ ...options, schema: undefined })).rejects.toMatchObject(fault);
    await expect(connect({ ...options, ...{ withoutSnapshot: 'wait' } })).rejects.toMatchObject(fault);
  });

  it('a connection without a schema ends its start when the signal aborts', async () => {
    const starting = connect({
      bus: (options) => Object.assign(broker.connect(options), { start: () => new Promise<void>(() => {}) }),
      service: 'lamp',
      signal: AbortSignal.timeout(1),
      logger,
    });
    await expect(starting).rejects.toMatchObject({ code: 'stopped' });
  });
});
