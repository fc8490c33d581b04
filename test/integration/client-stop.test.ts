import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Connection, type ConnectOptions, connect } from '@setpoint/client';
import {
  availableFreezableBrokers,
  availableSocketBrokers,
  type BrokerHarness,
} from '@setpoint/test-support/brokers/brokers';
import { freePort } from '@setpoint/test-support/free-port';
import { hangMs } from '@setpoint/test-support/hang';
import { reached } from '@setpoint/test-support/heard';
import { sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { openScriptedBroker } from '@setpoint/test-support/scripted-broker';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';

const schema = z.object({ threshold: z.number().default(0.5) });
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const never = (): Promise<never> => new Promise(() => {});

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

async function tookMs(work: Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work;
  return performance.now() - beganMs;
}

describe.each(await availableSocketBrokers())('Client-06-Stop: on $name, a client stops', ({ open }) => {
  let broker: BrokerHarness;
  let prefix: string;
  let tests = 0;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());
  beforeEach(() => {
    tests += 1;
    prefix = `stop${tests}`;
  });

  async function service(options: Partial<ConnectOptions<typeof schema>> = {}) {
    const connection: Connection<{ threshold: number }> = await connect({
      url: String(broker.url),
      prefix,
      service: 'vad',
      schema,
      cacheDir: false,
      logger: silent,
      ...options,
    });
    stack.use(connection);
    return connection;
  }

  async function publishVersion(version: number): Promise<void> {
    await using bus = broker.connect();
    await bus.start();
    const bytes = sealSnapshot(snapshotOf(version, { threshold: version / 10 }));
    await bus.publish(`${prefix}/config/vad/snapshot`, bytes, { retain: true });
  }

  it('although a change handler hangs', async () => {
    await publishVersion(1);
    const connection = await service();
    const entered = Promise.withResolvers<void>();
    connection.onChange({
      prepare: () => {
        entered.resolve();
        return never();
      },
      commit: () => undefined,
    });
    await publishVersion(2);
    await entered.promise;
    expect(await tookMs(connection.stop())).toBeLessThan(hangMs);
    expect(connection.bus.status).toEqual({ kind: 'closed' });
    expect(connection.current).toEqual({ threshold: 0.1 });
  });

  it('although a message handler hangs', async () => {
    const connection = await service({ startTimeoutMs: 0 });
    const entered = Promise.withResolvers<void>();
    const subscription = connection.messenger.subscribe('work', () => {
      entered.resolve();
      return never();
    });
    await subscription.ready;
    await connection.messenger.publish('work', { x: 1 });
    await entered.promise;
    expect(await tookMs(connection.stop())).toBeLessThan(hangMs);
  });

  it('although the broker does not answer any more', async () => {
    const deaf = await openScriptedBroker((packet, client) => {
      if (packet.cmd === 'connect') client.send({ cmd: 'connack', sessionPresent: false, reasonCode: 0 });
    });
    stack.defer(() => deaf.close());
    const connection = await service({ url: deaf.url, startTimeoutMs: 0 });
    await reached(connection.bus, ({ kind }) => kind === 'connected');
    expect(await tookMs(connection.stop())).toBeLessThan(hangMs);
  });

  it('when stop is called twice at once and again later', async () => {
    const connection = await service({ startTimeoutMs: 0 });
    await Promise.all([connection.stop(), connection.stop()]);
    await connection.stop();
    expect(connection.bus.status).toEqual({ kind: 'closed' });
  });

  it('while it is connecting, and while it is connecting again', async () => {
    const nobody = await service({ url: `mqtt://127.0.0.1:${await freePort()}`, startTimeoutMs: 0 });
    expect(nobody.bus.status.kind).toBe('connecting');
    expect(await tookMs(nobody.stop())).toBeLessThan(hangMs);
    const deaf = await openScriptedBroker(() => undefined);
    stack.defer(() => deaf.close());
    const unanswered = await service({ url: deaf.url, startTimeoutMs: 0 });
    await expect.poll(() => deaf.connects.length, { timeout: hangMs }).toBe(1);
    expect(unanswered.bus.status.kind).toBe('connecting');
    expect(await tookMs(unanswered.stop())).toBeLessThan(hangMs);
    const connection = await service({ startTimeoutMs: 0 });
    await reached(connection.bus, ({ kind }) => kind === 'connected');
    await broker.stop();
    await reached(connection.bus, ({ kind }) => kind === 'reconnecting');
    expect(await tookMs(connection.stop())).toBeLessThan(hangMs);
    expect(connection.bus.status).toEqual({ kind: 'closed' });
    await broker.start({ keepRetained: true });
  });

  it('while it waits to start, when the start is aborted', async () => {
    const controller = new AbortController();
    const started = service({
      url: `mqtt://127.0.0.1:${await freePort()}`,
      withoutSnapshot: 'wait',
      signal: controller.signal,
    });
    controller.abort();
    await expect(started).rejects.toMatchObject({ code: 'stopped' });
  });

  it('and leaves no handle open, so that the process ends by itself, hung handlers or not', async () => {
    await publishVersion(1);
    const deaf = await openScriptedBroker(() => undefined);
    stack.defer(() => deaf.close());
    const script = `
      const { connect } = await import(${JSON.stringify(import.meta.resolve('@setpoint/client'))});
      const { z } = await import(${JSON.stringify(import.meta.resolve('zod'))});
      const never = () => new Promise(() => {});
      const options = (url) => ({ url, prefix: '${prefix}', service: 'vad', schema: z.object({ threshold: z.number().default(1) }), cacheDir: false });
      const connection = await connect(options('${broker.url}'));
      const down = await connect({ ...options('mqtt://127.0.0.1:1'), startTimeoutMs: 0 });
      const unanswered = await connect({ ...options('${deaf.url}'), startTimeoutMs: 0 });
      connection.onChange(never);
      const hung = Promise.withResolvers();
      await connection.messenger.subscribe('work', () => { hung.resolve(); return never(); }).ready;
      await connection.messenger.publish('work', { x: 1 });
      await hung.promise;
      await Promise.all([connection.stop(), down.stop(), unanswered.stop()]);
      console.log('stopped');
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      timeout: hangMs,
    });
    expect(stdout).toBe('stopped\n');
  });
});

describe.each(await availableFreezableBrokers())(
  'Client-06-Stop: while $name is frozen, a client stops',
  ({ open }) => {
    it('whether it was connected or not, and with a message that it could not send', async () => {
      const broker = await open();
      stack.defer(() => broker.close());
      const options = {
        url: broker.url,
        service: 'vad',
        schema,
        cacheDir: false as const,
        startTimeoutMs: 0,
        logger: silent,
      };
      const connected: Connection<unknown> = await connect(options);
      stack.use(connected);
      await reached(connected.bus, ({ kind }) => kind === 'connected');
      await broker.freeze();
      const late: Connection<unknown> = await connect({ ...options, service: 'asr' });
      stack.use(late);
      const unsent = connected.messenger.publish('work', { x: 1 });
      expect(await tookMs(Promise.all([connected.stop(), late.stop()]))).toBeLessThan(hangMs);
      expect((await unsent).status).toBe('dropped');
      expect([connected.bus.status.kind, late.bus.status.kind]).toEqual(['closed', 'closed']);
    });
  },
);
