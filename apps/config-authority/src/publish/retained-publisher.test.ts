import type { BusStatus } from '@setpoint/bus';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRetainedPublisher } from './retained-publisher.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** Lets everything happen that is under way. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function open(isRefused: (key: string) => boolean = () => false) {
  let status: BusStatus = { kind: 'connected' } as BusStatus;
  const listeners = new Set<(status: BusStatus) => void>();
  const attempts: string[] = [];
  const ends: (() => void)[] = [];
  const failed: string[] = [];
  const publisher = createRetainedPublisher<number>({
    bus: {
      get status() {
        return status;
      },
      onStatus(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    publish(key, state) {
      attempts.push(`${key} ${state}`);
      return new Promise((resolve, reject) =>
        ends.push(() => (isRefused(key) ? reject(new Error('refused')) : resolve())),
      );
    },
    onFailed: (key, state) => failed.push(`${key} ${state}`),
  });
  return {
    publisher,
    attempts,
    failed,
    waiting: ends,
    async answer() {
      for (const end of ends.splice(0)) end();
      await settle();
    },
    async connect(kind: 'connected' | 'connecting') {
      status = { kind } as BusStatus;
      for (const listener of listeners) listener(status);
      await settle();
    },
  };
}

describe('the publisher of retained states', () => {
  it('Isolation-01-Many-Services: has at most 64 messages under way, and publishes 10,000 in the end', async () => {
    const { publisher, attempts, waiting, answer } = open();
    for (let i = 0; i < 10_000; i++) publisher.enqueue(`s-${i}`, 1);
    expect(attempts).toHaveLength(64);
    while (!publisher.isEmpty) {
      expect(waiting.length).toBeLessThanOrEqual(64);
      await answer();
    }
    expect(new Set(attempts).size).toBe(10_000);
    expect(attempts).toHaveLength(10_000);
  });

  it('Isolation-03-One-Retry-Chain: retries after 1, 2, 4 and at most 60 seconds, whatever changed meanwhile', async () => {
    const { publisher, attempts, answer } = open(() => true);
    publisher.enqueue('a', 1);
    await answer();
    for (const [i, seconds] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
      // Changes in between start no chain of their own.
      for (let change = 0; change < 100; change++) publisher.enqueue('a', i + 2);
      await vi.advanceTimersByTimeAsync(seconds * 1000 - 1);
      expect(attempts).toHaveLength(i + 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(attempts.at(-1)).toBe(`a ${i + 2}`);
      await answer();
    }
  });

  it('Isolation-03-One-Retry-Chain: publishes all others while one key is refused', async () => {
    const { publisher, attempts, failed, answer } = open((key) => key === 'large');
    publisher.enqueue('large', 1);
    for (let i = 0; i < 200; i++) publisher.enqueue(`s-${i}`, 1);
    for (let round = 0; round < 10; round++) await answer();
    expect(new Set(attempts).size).toBe(201);
    expect(failed).toEqual(['large 1']);
  });

  it('retries everything at once at the next connection', async () => {
    const { publisher, attempts, answer, connect } = open((key) => key === 'a' && attempts.length < 2);
    publisher.enqueue('a', 1);
    await answer();
    await connect('connecting');
    publisher.enqueue('b', 1);
    expect(attempts).toEqual(['a 1']);
    await connect('connected');
    expect(attempts.slice(1).sort()).toEqual(['a 1', 'b 1']);
    await answer();
    expect(publisher.isEmpty).toBe(true);
  });

  it('publishes only the newest state of a key that came while an older one was under way', async () => {
    const { publisher, attempts, answer } = open();
    publisher.enqueue('a', 1);
    publisher.enqueue('a', 2);
    publisher.enqueue('a', 3);
    await answer();
    await answer();
    expect(attempts).toEqual(['a 1', 'a 3']);
    expect(publisher.isEmpty).toBe(true);
  });
});
