import type { BusError, BusFault, BusStatus } from '@setpoint/bus';
import { describe, expect } from 'vitest';
import { hear, reached, text } from './recorder.ts';
import type { TestBed } from './test-bed.ts';

/** How a bus starts, tells its status, and stops. */
export function describeConnection({ test, create, connect, stopBroker, startBroker }: TestBed): void {
  describe('start', () => {
    test('starts once when start is called twice', async () => {
      const bus = create();
      await Promise.all([bus.start(), bus.start()]);
      expect(bus.status).toEqual({ kind: 'connected', session: 1 });
    });

    test('stops when the signal of start aborts', async () => {
      await stopBroker();
      const bus = create();
      const controller = new AbortController();
      const stopped = reached(bus, (status) => status.kind === 'closed');
      const started = expect(bus.start({ signal: controller.signal })).rejects.toThrow('enough');
      controller.abort(new Error('enough'));
      await started;
      await stopped;
    });

    test('does not start when the signal is aborted already', async () => {
      const bus = create();
      await expect(bus.start({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
      expect(bus.status).toEqual({ kind: 'idle' });
    });
  });

  describe('the status', () => {
    test('tells every status of a life in order', async () => {
      const bus = create();
      const told: BusStatus[] = [bus.status];
      bus.onStatus((status) => told.push(status));
      await bus.start();
      const reconnected = reached(bus, (status) => status.kind === 'connected' && status.session === 2);
      bus.reconnect('a test wants another session');
      await reconnected;
      await bus.stop();
      expect(bus.status).toEqual({ kind: 'closed' });
      expect(told).toEqual([
        { kind: 'idle' },
        { kind: 'connecting', attempt: 0 },
        { kind: 'connected', session: 1 },
        { kind: 'reconnecting', attempt: 0, reason: 'a test wants another session' },
        { kind: 'connected', session: 2 },
        { kind: 'draining' },
        { kind: 'closed' },
      ]);
    });

    test('counts the attempts to connect and says why they failed', async () => {
      await stopBroker();
      const bus = create();
      const failed = reached(bus, (status) => status.kind === 'connecting' && status.attempt === 1);
      const started = bus.start();
      expect(await failed).toEqual({ kind: 'connecting', attempt: 1, reason: expect.stringMatching(/.+/) });
      await startBroker(true);
      await started;
      expect(bus.status).toEqual({ kind: 'connected', session: 1 });
    });

    test('tells the status to every listener although one throws, and to none that has left', async () => {
      const faults: BusFault[] = [];
      const bus = create({ onFault: (fault) => faults.push(fault) });
      const told: string[] = [];
      bus.onStatus(() => {
        throw new Error('broken listener');
      });
      bus.onStatus(async () => {
        throw new Error('broken later');
      });
      const leave = bus.onStatus(({ kind }) => told.push(`early ${kind}`));
      bus.onStatus(({ kind }) => told.push(kind));
      await bus.start();
      leave();
      await bus.stop();
      expect(told).toEqual(['early connecting', 'connecting', 'early connected', 'connected', 'draining', 'closed']);
      expect(faults[0]?.kind).toBe('handler_threw');
      expect(faults.map(({ cause }) => (cause as Error).message)).toContain('broken later');
    });
  });

  describe('a probe', () => {
    test('answers a probe with true when the broker is there', async () => {
      const bus = await connect();
      if (!bus.probe) return;
      expect(await bus.probe()).toBe(true);
      expect(await Promise.all([bus.probe(), bus.probe()])).toEqual([true, true]);
    });

    test('answers a probe with false without a connection', async () => {
      const bus = create();
      if (!bus.probe) return;
      expect(await bus.probe()).toBe(false);
      await bus.start();
      await stopBroker();
      await reached(bus, (status) => status.kind === 'reconnecting');
      expect(await bus.probe()).toBe(false);
    });
  });

  describe('the Last Will', () => {
    const will = (root: string, payload: string) => () =>
      ({ topic: `${root}/will`, payload, qos: 1, retain: true }) as const;

    test('has the Last Will sent and retained when the connection ends abruptly', async (root) => {
      const watcher = await connect();
      const heard = await hear(watcher, `${root}/will`);
      const bus = await connect({ will: will(root, 'lost') });
      await bus.stop({ abrupt: true });
      expect(text(await heard.next())).toBe('lost');
      const late = await hear(await connect(), `${root}/will`);
      expect(text(await late.next())).toBe('lost');
    });

    test('has no Last Will sent at a graceful stop', async (root) => {
      const watcher = await connect();
      const heard = await hear(watcher, `${root}/will`);
      const bus = await connect({ will: will(root, 'lost') });
      await bus.stop();
      await watcher.publish(`${root}/will`, 'marker');
      expect(text(await heard.next())).toBe('marker');
    });

    test('asks for a new Last Will for each connection', async (root) => {
      const watcher = await connect();
      const heard = await hear(watcher, `${root}/will`);
      let current = 0;
      const bus = create({ will: () => will(root, `session ${current}`)() });
      current = 1;
      await bus.start();
      current = 2;
      const reconnected = reached(bus, (status) => status.kind === 'connected' && status.session === 2);
      bus.reconnect('a test wants another session');
      expect(text(await heard.next())).toBe('session 1');
      await reconnected;
      await bus.stop({ abrupt: true });
      expect(text(await heard.next())).toBe('session 2');
    });

    test("reports a Last Will that can't be made, and connects without one", async () => {
      const faults: BusFault[] = [];
      const bus = create({
        onFault: (fault) => faults.push(fault),
        will: () => {
          throw new Error('no will');
        },
      });
      await bus.start();
      expect(faults[0]).toMatchObject({ kind: 'handler_threw', message: 'the Last Will could not be made: no will' });
    });
  });

  describe('stop', () => {
    test('waits for publishes under way when it stops', async (root) => {
      const bus = await connect();
      const sent = Array.from({ length: 50 }, (_, index) => bus.publish(`${root}/a`, `${index}`));
      await bus.stop();
      const ends = await Promise.allSettled(sent);
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(50);
    });

    test('stops once when stop is called twice, at once and later', async () => {
      const bus = await connect();
      await Promise.all([bus.stop(), bus.stop()]);
      await bus.stop({ abrupt: true });
      expect(bus.status).toEqual({ kind: 'closed' });
    });

    test('can be stopped before the start', async () => {
      const bus = create();
      await bus.stop();
      expect(bus.status).toEqual({ kind: 'closed' });
    });

    test('can be stopped while it connects, which rejects start', async () => {
      await stopBroker();
      const bus = create();
      const failed = reached(bus, (status) => status.kind === 'connecting' && status.attempt === 1);
      const started = expect(bus.start()).rejects.toMatchObject({ code: 'stopped' });
      await failed;
      await bus.stop();
      await started;
      expect(bus.status).toEqual({ kind: 'closed' });
    });

    test('can be stopped in the moment it connects', async () => {
      const bus = create();
      const started = expect(bus.start()).rejects.toMatchObject({ code: 'stopped' });
      await bus.stop();
      await started;
    });

    test('refuses every call after the stop', async (root) => {
      const bus = await connect();
      await bus.stop();
      await expect(bus.start()).rejects.toMatchObject({ code: 'stopped' });
      await expect(bus.publish(`${root}/a`, 'x')).rejects.toMatchObject({ code: 'stopped' });
      expect(() => bus.subscribe(`${root}/a`, () => {})).toThrow(expect.objectContaining({ code: 'stopped' }));
      bus.reconnect('nothing happens');
      expect(bus.status).toEqual({ kind: 'closed' });
    });

    test('delivers nothing once stop was called', async (root) => {
      const bus = await connect();
      const heard = await hear(bus, `${root}/a`);
      const stopped = bus.stop();
      const other = await connect();
      await other.publish(`${root}/a`, 'too late');
      await stopped;
      expect(heard.texts).toEqual([]);
    });

    test('rejects at the stop what still waits for a connection', async (root) => {
      const bus = create();
      const waiting: Promise<BusError> = bus.publish(`${root}/a`, 'x').then(
        () => Promise.reject(new Error('it was published')),
        (error) => error,
      );
      await bus.stop();
      expect((await waiting).code).toBe('stopped');
    });

    test('stops when the scope of await using ends', async () => {
      const bus = create();
      {
        await using scoped = bus;
        await scoped.start();
      }
      expect(bus.status).toEqual({ kind: 'closed' });
    });
  });
}
