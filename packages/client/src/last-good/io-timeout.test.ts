import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createIoTimeout } from './io-timeout.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a disk', () => {
  it('a disk that answers is waited for, whether it succeeds or fails', async () => {
    const { run } = createIoTimeout();
    expect(await run(async () => 7)).toBe(7);
    await expect(run(() => Promise.reject(new Error('ENOSPC')))).rejects.toThrow('ENOSPC');
    expect(await run(async () => 8)).toBe(8);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('a disk that hangs is given up after two seconds, and not used again until it has answered', async () => {
    const { run } = createIoTimeout();
    const answer = Promise.withResolvers<void>();
    const given = expect(run(() => answer.promise)).rejects.toThrow('did not answer within 2000 ms');
    await vi.advanceTimersByTimeAsync(2000);
    await given;
    let asked = 0;
    const ask = async (): Promise<number> => ++asked;
    await expect(run(ask)).rejects.toThrow('left alone until it does');
    answer.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(await run(ask)).toBe(1);
  });

  it('a disk that hung gets the operations that must not be skipped once it answers', async () => {
    const { run, runWhenFree } = createIoTimeout();
    const steps: string[] = [];
    await runWhenFree(async () => void steps.push('at once'));
    const answer = Promise.withResolvers<void>();
    const given = expect(run(() => answer.promise.then(() => void steps.push('late')))).rejects.toThrow();
    await vi.advanceTimersByTimeAsync(2000);
    await given;
    await runWhenFree(async () => void steps.push('after it'));
    expect(steps).toEqual(['at once']);
    answer.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(steps).toEqual(['at once', 'late', 'after it']);
  });
});
