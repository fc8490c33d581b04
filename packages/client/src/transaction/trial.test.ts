import { SetpointError } from '@setpoint/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChangeRefused } from './handler-error.ts';
import type { Change, ChangeHandler, Subscriber } from './handler-step.ts';
import { hasVerify, verifyChange } from './trial.ts';

const change: Change<string> = {
  current: 'new',
  previous: 'old',
  changed: ['/a', '/b'],
  restartRequired: [],
  version: 2,
  previousVersion: 1,
  isReturn: false,
};
const handlerOf = (verify: ChangeHandler<string>['verify'], soakMs = 0, timeoutMs?: number): Subscriber<string> => ({
  pointer: '/a',
  handler: { commit: () => {}, ...(verify && { verify }), soakMs, ...(timeoutMs !== undefined && { timeoutMs }) },
});
const prove = (...followers: Subscriber<string>[]): Promise<void> => verifyChange(followers, change, { timeoutMs: 50 });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('a trial', () => {
  it('a trial takes place only when a handler has a probe', async () => {
    expect(hasVerify([handlerOf(undefined, 100)])).toBe(false);
    expect(hasVerify([handlerOf(undefined), handlerOf(() => {})])).toBe(true);
    await prove(handlerOf(undefined, 100));
  });

  it('a trial calls a probe once when it has no soak time, with the change and a signal', async () => {
    const seen: unknown[] = [];
    await prove(handlerOf((each, { signal }) => void seen.push(each, signal.aborted)));
    expect(seen).toEqual([change, false]);
  });

  it.each([[undefined], [true], [null], [0]])('a trial succeeds when the probe returns %s', async (answer) => {
    await prove(handlerOf(() => answer));
    await prove(handlerOf(async () => answer));
  });

  it('a trial calls the probe again when the soak time is over, and not before', async () => {
    const asked: number[] = [];
    let isOver = false;
    const running = prove(handlerOf(() => void asked.push(asked.length), 1000)).then(() => {
      isOver = true;
    });
    await vi.advanceTimersByTimeAsync(999);
    expect([asked, isOver]).toEqual([[0], false]);
    await vi.advanceTimersByTimeAsync(1);
    await running;
    expect(asked).toEqual([0, 1]);
  });

  it.each<[string, ChangeHandler<string>['verify'], string, string]>([
    ['answers false', () => false, 'it answered false', ''],
    ['answers false later', async () => false, 'it answered false', ''],
    ['throws', () => Promise.reject(new Error('no route')), 'no route', ''],
    ['throws a text', () => Promise.reject('no route'), 'no route', ''],
    ['names a setting', () => Promise.reject(new ChangeRefused('/a', 'no route')), 'no route', '/a'],
  ])('a trial fails when a probe %s', async (_, verify, reason, pointer) => {
    await expect(prove(handlerOf(verify))).rejects.toMatchObject({
      code: 'verify_failed',
      message: `version 2, verify of /a: ${reason}`,
      faults: [{ pointer, message: reason }],
    });
  });

  it('a trial fails when a probe does not answer in time, and aborts its signal', async () => {
    let reason: unknown;
    const hung = handlerOf(
      (_, { signal }) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
        });
        return new Promise(() => {});
      },
      0,
      20,
    );
    const failed = expect(prove(hung)).rejects.toMatchObject({
      code: 'verify_failed',
      message:
        'version 2, verify of /a: it did not finish within 20 ms; raise its timeoutMs or do the work outside of it',
    });
    await vi.advanceTimersByTimeAsync(20);
    await failed;
    expect(reason).toMatchObject({ code: 'apply_timeout' });
  });

  it('a trial ends for all handlers with the first failure, also for those that soak or are being asked', async () => {
    let isAborted = false;
    let asked = 0;
    const failed = expect(
      prove(
        handlerOf((_, { signal }) => {
          signal.addEventListener('abort', () => {
            isAborted = true;
          });
          return new Promise(() => {});
        }),
        handlerOf(() => void asked++, 10_000),
        handlerOf(() => false),
      ),
    ).rejects.toMatchObject({ code: 'verify_failed' });
    await failed;
    expect([isAborted, asked]).toEqual([true, 1]);
  });

  it('a trial that fails before another handler begins to soak ends for that one as well', async () => {
    const gate = Promise.withResolvers<void>();
    const soaking = handlerOf(() => gate.promise, 10_000);
    const failed = expect(
      prove(
        soaking,
        handlerOf(() => false),
      ),
    ).rejects.toThrow('it answered false');
    gate.resolve();
    await failed;
    await vi.advanceTimersByTimeAsync(0);
  });

  it('a trial that ends with a stop is not a failure of the document', async () => {
    const stopping = new AbortController();
    const running = verifyChange([handlerOf(() => true, 1000)], change, { timeoutMs: 50, stopping: stopping.signal });
    const stopped = expect(running).rejects.toMatchObject({ code: 'stopped' });
    await vi.advanceTimersByTimeAsync(10);
    stopping.abort(new SetpointError('stopped', ''));
    await stopped;
  });
});
