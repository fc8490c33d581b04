import type { Snapshot } from '@setpoint/protocol';
import { createInbox, snapshotOf } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { follow, openConfiguration, received } from '../../test/opened-configuration.ts';
import type { ApplyingRecord } from '../last-good/crash-loop-guard.ts';
import { type PolicyOptions, resolvePolicy } from '../options/policy.ts';
import type { Change } from '../transaction/handler-step.ts';
import type { ConfigurationOptions } from './configuration.ts';
import { createLiveDocument } from './live-document.ts';
import type { ProviderStateChange } from './provider-state.ts';

const plain = z.looseObject({ threshold: z.number().max(1).default(0.5) });
const service = z.object({
  vad: z.object({ threshold: z.number().default(0.5), frames: z.number().default(30) }).prefault({}),
  log: z.object({ level: z.enum(['debug', 'info']).default('info') }).prefault({}),
  list: z.array(z.number()).default([]),
  key: z.string().default('none'),
});
const policyOf = (options: PolicyOptions) =>
  resolvePolicy(options, (_, message) => {
    throw new Error(message);
  });
const fail = (message: string) => (): never => {
  throw new Error(message);
};

describe('subscriptions to places', () => {
  const open = async () => {
    const opened = openConfiguration(service);
    await opened.apply(snapshotOf(1, { vad: { threshold: 0.5, frames: 30 }, list: [1, 2], key: 'a' }));
    return { ...opened, document: createLiveDocument(opened.configuration) };
  };

  it('subscriptions to places fire once per change, in one transaction, in the order they were added', async () => {
    const { apply, document } = await open();
    const steps: unknown[] = [];
    document.on('/vad', {
      prepare: ({ value }) => void steps.push(['prepare vad', value.threshold, document.current.vad.threshold]),
      commit: ({ value }) => void steps.push(['commit vad', value.threshold, document.current.vad.threshold]),
    });
    document.on('/vad/threshold', ({ value, previousValue }) => void steps.push(['threshold', value, previousValue]));
    document.on('/vad/frames', () => void steps.push('frames'));
    document.on('/list/0', () => void steps.push('first of the list'));
    document.on('/list/1', ({ value }) => void steps.push(['second of the list', value]));
    document.on('/key', () => void steps.push('key'));
    document.on('', ({ changed }) => void steps.push(['all', changed]));
    document.onChange(({ version }) => void steps.push(['change', version]));
    await apply(snapshotOf(2, { vad: { threshold: 0.6, frames: 30 }, list: [1, 3], key: 'a' }));
    expect(steps).toEqual([
      ['prepare vad', 0.6, 0.5],
      ['commit vad', 0.6, 0.6],
      ['threshold', 0.6, 0.5],
      ['second of the list', 3],
      ['all', ['/vad/threshold', '/list']],
      ['change', 2],
    ]);
  });

  it('only subscriptions whose place changed take part in reverting a change', async () => {
    const { apply, document } = await open();
    const seen: unknown[] = [];
    document.on('/vad/threshold', ({ value, isReturn }) => void seen.push([value, isReturn]));
    document.on('/key', ({ value, isReturn }) => void seen.push([value, isReturn]));
    document.on('/vad', fail('not that'));
    expect(await apply(snapshotOf(2, { vad: { threshold: 0.6, frames: 30 }, list: [1, 2], key: 'a' }))).toMatchObject({
      kind: 'rejected',
    });
    expect(seen).toEqual([
      [0.6, false],
      [0.5, true],
    ]);
    expect(document.current.vad.threshold).toBe(0.5);
  });

  it('a subscription to a place is not called after it has ended', async () => {
    const { apply, document } = await open();
    let calls = 0;
    const leave = document.on('/key', () => void calls++);
    await apply(snapshotOf(2, { key: 'b' }));
    leave();
    await apply(snapshotOf(3, { key: 'c' }));
    expect(calls).toBe(1);
  });
});

describe('a version on trial', () => {
  const open = async () => {
    const opened = openConfiguration(plain);
    await opened.apply(snapshotOf(1, { threshold: 0.1 }));
    return { ...opened, document: createLiveDocument(opened.configuration) };
  };

  it('a version on trial is in force, and counts as applied once its probe succeeds', async () => {
    const { document, configuration, apply, offer, outcomes, remembered } = await open();
    const go = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    follow(configuration, {
      commit: () => {},
      verify: () => {
        reached.resolve();
        return go.promise;
      },
    });
    offer(snapshotOf(2, { threshold: 0.2 }));
    await reached.promise;
    expect([document.current.threshold, document.trial?.version]).toEqual([0.2, 2]);
    expect(configuration.report()).toMatchObject({ version: 1, observed: { version: 2 } });
    expect(remembered).toEqual([1]);
    go.resolve();
    expect(await outcomes.next()).toMatchObject({ kind: 'applied' });
    expect(configuration.report()).toMatchObject({ version: 2, lastAttempt: { outcome: 'applied' } });
    expect(document.trial).toBeUndefined();
    expect(remembered).toEqual([1, 2]);
    expect(await apply(snapshotOf(2, { threshold: 0.2 }))).toMatchObject({ reason: 'duplicate' });
  });

  it('a trial that fails is reverted by a transaction of its own, and rejected', async () => {
    const { document, configuration, apply, remembered } = await open();
    const steps: unknown[] = [];
    const note =
      (step: string) =>
      ({ current, version, isReturn }: Change<z.output<typeof plain>>): void =>
        void steps.push([step, current.threshold, version, isReturn, document.current.threshold]);
    follow(configuration, {
      prepare: note('prepare'),
      commit: note('commit'),
      revert: note('revert'),
      verify: ({ current }) => current.threshold < 0.5,
    });
    expect(await apply(snapshotOf(2, { threshold: 0.9 }))).toMatchObject({
      kind: 'rejected',
      error: {
        code: 'verify_failed',
        message: 'version 2, verify of a handler of the whole document: it answered false',
      },
    });
    expect(steps).toEqual([
      ['prepare', 0.9, 2, false, 0.1],
      ['commit', 0.9, 2, false, 0.9],
      ['prepare', 0.1, 1, true, 0.9],
      ['commit', 0.1, 1, true, 0.1],
    ]);
    expect([document.current.threshold, document.stamp?.version]).toEqual([0.1, 1]);
    expect(remembered).toEqual([1]);
    expect(configuration.report()).toMatchObject({
      version: 1,
      lastAttempt: { version: 2, outcome: 'rejected', code: 'verify_failed', pointer: '/threshold' },
    });
  });

  it('a version that failed its trial is not tried again, but its content is as another version', async () => {
    const { configuration, apply } = await open();
    let asked = 0;
    follow(configuration, { commit: () => {}, verify: () => ++asked > 1 });
    await apply(snapshotOf(2, { threshold: 0.9 }));
    expect(await apply(snapshotOf(2, { threshold: 0.9 }))).toEqual({ kind: 'skipped', reason: 'failed_before' });
    expect(asked).toBe(1);
    expect(await apply(snapshotOf(3, { threshold: 0.9 }))).toMatchObject({ kind: 'applied' });
    expect(configuration.report()).toMatchObject({ version: 3, lastAttempt: { version: 3, outcome: 'applied' } });
  });

  /** A version 2 on trial for an hour, whatever its probe says; `seen` has what was committed. */
  const openOnTrial = async (verify: (change: Change<z.output<typeof plain>>) => unknown = () => true) => {
    const opened = await open();
    const seen: number[] = [];
    const asked = createInbox<number>();
    follow(opened.configuration, {
      prepare: ({ current }) => {
        if (current.threshold === 0.666) throw new Error('not that one');
      },
      commit: ({ version }) => void seen.push(version),
      verify: (change) => {
        asked.put(change.version);
        return verify(change);
      },
      soakMs: 3_600_000,
    });
    opened.offer(snapshotOf(2, { threshold: 0.2 }));
    await asked.next();
    return { ...opened, seen, asked };
  };

  it('Client-43-Trial-Gives-Way: a trial gives way to a newer version at once, without a revert in between', async () => {
    const { document, configuration, offer, seen, asked, remembered } = await openOnTrial();
    offer(snapshotOf(3, { threshold: 0.1 }));
    expect(await asked.next()).toBe(3);
    expect(seen).toEqual([2, 3]);
    expect([document.current.threshold, document.trial?.version]).toEqual([0.1, 3]);
    // Nothing is proven but the first one.
    expect(configuration.report()).toMatchObject({ version: 1, lastAttempt: { version: 1 } });
    expect(remembered).toEqual([1]);
    await configuration.stop();
  });

  it('a trial does not begin when a newer version came while it was committed', async () => {
    const { document, configuration, offer, outcomes } = await open();
    const [reached, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const asked: number[] = [];
    follow(configuration, {
      commit: ({ version }) => {
        if (version !== 2) return;
        reached.resolve();
        return go.promise;
      },
      verify: ({ version }) => void asked.push(version),
      soakMs: 1,
    });
    offer(snapshotOf(2, { threshold: 0.2 }));
    await reached.promise;
    offer(snapshotOf(3, { threshold: 0.3 }));
    go.resolve();
    expect(await outcomes.next()).toMatchObject({ kind: 'applied' });
    expect([document.stamp?.version, asked]).toEqual([3, [3, 3]]);
  });

  it('a trial does not give way to the same version again, nor to an older one', async () => {
    const { configuration, offer, asked, document, outcomes } = await openOnTrial();
    offer(snapshotOf(2, { threshold: 0.2 }));
    offer(snapshotOf(1, { threshold: 0.1 }));
    await new Promise(setImmediate);
    expect([asked.all.length, document.trial?.version]).toEqual([1, 2]);
    expect(outcomes.all.map(({ kind }) => kind)).toEqual(['applied', 'skipped']);
    await configuration.stop();
  });

  it.each([
    ['does not fit', 2],
    ['is refused by a handler', 0.666],
  ])('a trial starts over when the newer version %s', async (_, threshold) => {
    const { document, configuration, offer, seen, asked, outcomes } = await openOnTrial();
    offer(snapshotOf(3, { threshold }));
    expect(await asked.next()).toBe(2);
    expect([document.current.threshold, document.trial?.version]).toEqual([0.2, 2]);
    expect(outcomes.all).toMatchObject([{ kind: 'applied' }, { kind: 'rejected' }]);
    expect(seen.every((version) => version === 2)).toBe(true);
    // What is newer was refused, whatever becomes of this one.
    expect(configuration.report()).toMatchObject({ version: 1, lastAttempt: { version: 3, outcome: 'rejected' } });
    await configuration.stop();
  });

  it('a failed trial goes back to the last proven version, not to one that gave way', async () => {
    const { document, offer, seen, asked, outcomes } = await openOnTrial(({ version }) => version !== 3);
    offer(snapshotOf(3, { threshold: 0.3 }));
    await asked.next();
    await new Promise(setImmediate);
    expect(outcomes.all).toMatchObject([{ kind: 'applied' }, { error: { code: 'verify_failed' } }]);
    expect(seen).toEqual([2, 3, 1]);
    expect([document.current.threshold, document.stamp?.version, document.trial]).toEqual([0.1, 1, undefined]);
  });

  it('a change that needs a restart is announced also for a version that gave way', async () => {
    const { configuration, apply, offer } = openConfiguration(plain);
    const cold = { restartRequired: ['/model'] };
    await apply(snapshotOf(1, { model: 'a' }, cold));
    const restarts: (readonly string[])[] = [];
    configuration.onRestartRequired(({ restartRequired }) => void restarts.push(restartRequired));
    const reached = Promise.withResolvers<void>();
    const leave = follow(configuration, { commit: () => {}, verify: () => reached.resolve(), soakMs: 3_600_000 });
    offer(snapshotOf(2, { model: 'b' }, cold));
    await reached.promise;
    leave();
    expect(await apply(snapshotOf(3, { model: 'b', threshold: 0.3 }, cold))).toMatchObject({
      restartRequired: ['/model'],
    });
    expect(restarts).toEqual([['/model']]);
  });

  it('a trial is reverted also when what its probe threw cannot be read', async () => {
    const { document, configuration, apply } = await open();
    follow(configuration, {
      commit: () => {},
      verify: () => {
        throw Object.assign(new Error(), { message: undefined });
      },
    });
    expect(await apply(snapshotOf(2, { threshold: 0.2 }))).toMatchObject({ error: { code: 'verify_failed' } });
    expect([document.current.threshold, document.stamp?.version]).toEqual([0.1, 1]);
  });

  it('a failed trial is reverted by the handlers that are still subscribed, and by no other', async () => {
    const { configuration, apply } = await open();
    const seen: string[] = [];
    const leave = follow(configuration, { commit: ({ version }) => void seen.push(`gone ${version}`) });
    follow(configuration, {
      commit: () => {},
      verify: () => {
        leave();
        follow(configuration, { commit: ({ version }) => void seen.push(`new ${version}`) });
        return false;
      },
    });
    await apply(snapshotOf(2, { threshold: 0.2 }));
    expect(seen).toEqual(['gone 2', 'new 1']);
  });

  it('a version stays in force as a whole when a handler refuses to revert it, and that is reported', async () => {
    const { document, configuration, apply, revertFaults, remembered } = await open();
    const seen: number[] = [];
    follow(configuration, { commit: ({ version }) => void seen.push(version) });
    follow(configuration, {
      prepare: ({ isReturn }) => {
        if (isReturn) throw new Error('the old model is gone');
      },
      commit: () => {},
      verify: ({ version }) => version !== 2,
    });
    expect(await apply(snapshotOf(2, { threshold: 0.2 }))).toMatchObject({ error: { code: 'verify_failed' } });
    expect(revertFaults).toMatchObject([
      { message: expect.stringMatching(/^version 1, prepare of .*: the old model is gone$/) },
    ]);
    expect([document.current.threshold, document.stamp?.version, seen.at(-1)]).toEqual([0.2, 2, 2]);
    expect(configuration.report()).toMatchObject({ version: 2, lastAttempt: { version: 2, outcome: 'rejected' } });
    expect(remembered).toEqual([1]);
    expect(await apply(snapshotOf(3, { threshold: 0.1 }))).toMatchObject({ kind: 'applied' });
  });

  it('a trial that a stop cuts short neither reverts nor rejects its version', async () => {
    const { document, configuration, offer, outcomes } = await open();
    const reached = Promise.withResolvers<void>();
    follow(configuration, { commit: () => {}, verify: () => reached.resolve(), soakMs: 60_000 });
    offer(snapshotOf(2, { threshold: 0.2 }));
    await reached.promise;
    await configuration.stop();
    expect(document.current.threshold).toBe(0.2);
    expect(outcomes.all).toHaveLength(1);
    expect(configuration.report()).toMatchObject({ version: 1, lastAttempt: { version: 1 } });
  });

  it('a failed trial repeats no secret that its probe or a reverting handler threw', async () => {
    const { configuration, apply, revertFaults } = await open();
    const secret = { secrets: ['/token'] };
    await apply(snapshotOf(2, { token: 'old-secret' }, secret));
    follow(configuration, {
      prepare: ({ isReturn }) => {
        if (isReturn) throw new Error('no old-secret');
      },
      commit: () => {},
      verify: fail('no new-secret'),
    });
    const outcome = await apply(snapshotOf(3, { token: 'new-secret' }, secret));
    expect(JSON.stringify([outcome, configuration.report(), revertFaults.map(String)])).not.toMatch(/(old|new)-secret/);
  });
});

describe('a stop', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it('a stop aborts the signal of a handler, waits 1.5 s and goes on without it', async () => {
    const { configuration, apply, offer, outcomes } = openConfiguration(plain, { applyTimeoutMs: 60_000 });
    await apply(snapshotOf(1, { threshold: 0.1 }));
    const reached = Promise.withResolvers<AbortSignal>();
    const reverted: number[] = [];
    follow(configuration, {
      commit: (_, { signal }) => {
        reached.resolve(signal);
        return new Promise(() => {});
      },
      revert: ({ version }) => {
        reverted.push(version);
        return new Promise(() => {});
      },
    });
    offer(snapshotOf(2, { threshold: 0.2 }));
    const signal = await reached.promise;
    let isStopped = false;
    const stopping = configuration.stop().then(() => {
      isStopped = true;
    });
    expect([signal.aborted, signal.reason]).toMatchObject([true, { code: 'stopped' }]);
    await vi.advanceTimersByTimeAsync(1499);
    expect([isStopped, reverted]).toEqual([false, []]);
    await vi.advanceTimersByTimeAsync(1);
    await stopping;
    expect(reverted).toEqual([2]);
    expect(configuration.current?.threshold).toBe(0.1);
    expect(outcomes.all).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('overrides of this machine', () => {
  const overrides = { allow: ['/log'], values: { '/log/level': 'debug' } };
  const open = () => openConfiguration(service, { policy: policyOf({ overrides }) });

  it('overrides replace the published values, and are reported as masked', async () => {
    const { configuration, apply } = open();
    expect(configuration.report().masked).toEqual([]);
    await apply(snapshotOf(1, { log: { level: 'info' }, key: 'a' }));
    expect(configuration.current).toMatchObject({ log: { level: 'debug' }, key: 'a' });
    expect(configuration.report()).toMatchObject({ version: 1, masked: ['/log/level'] });
  });

  it('a published change below an override is no change here', async () => {
    const { configuration, apply } = open();
    await apply(snapshotOf(1, { log: { level: 'info' } }));
    const changes: (readonly string[])[] = [];
    follow(configuration, { commit: ({ changed }) => void changes.push(changed) });
    await apply(snapshotOf(2, { log: { level: 'debug' } }));
    await apply(snapshotOf(3, { log: { level: 'info' }, key: 'b' }));
    expect(changes).toEqual([['/key']]);
  });

  it('overrides also apply to the defaults and to the last good document', async () => {
    const defaults = open();
    await defaults.configuration.takeDefaults();
    expect(defaults.configuration.current?.log.level).toBe('debug');
    expect(defaults.configuration.report().masked).toEqual(['/log/level']);
    const cached = open();
    await cached.configuration.takeCached(received(snapshotOf(1, { key: 'a' })));
    expect(cached.configuration.current?.log.level).toBe('debug');
  });

  it('an override that does not fit is named as the likely reason of the rejection', async () => {
    const values = { '/log/level': 'loud' };
    const { apply } = openConfiguration(service, { policy: policyOf({ overrides: { allow: ['/log'], values } }) });
    expect(await apply(snapshotOf(1))).toMatchObject({
      kind: 'rejected',
      error: {
        code: 'document_invalid',
        message: expect.stringContaining("(with this machine's overrides of /log/level): /log/level "),
      },
    });
  });

  it('an override of a secret is masked like the secret', async () => {
    const policy = policyOf({ overrides: { allow: ['/key'], values: { '/key': 'my-own-secret' } } });
    const { configuration, apply } = openConfiguration(service, { policy });
    await apply(snapshotOf(1, { key: 'a' }, { secrets: ['/key'] }));
    follow(configuration, { commit: fail('no my-own-secret') });
    const outcome = await apply(snapshotOf(2, { list: [1] }, { secrets: ['/key'] }));
    expect(outcome).toMatchObject({ error: { message: expect.stringMatching(/: no \*\*\* REDACTED \*\*\*;/) } });
  });
});

describe('the boot policy', () => {
  const strict = z.object({ key: z.string(), mode: z.string().default('normal'), size: z.number().max(10).default(1) });
  const open = (boot: PolicyOptions['boot']) => openConfiguration(strict, { policy: policyOf({ boot: boot ?? {} }) });

  it('a boot default replaces the last good value, and is reported as masked', async () => {
    const { configuration, apply, outcomes } = open({ '/mode': { default: 'safe' } });
    await configuration.takeCached(received(snapshotOf(3, { key: 'k', mode: 'fast' })));
    expect(configuration.current).toEqual({ key: 'k', mode: 'safe', size: 1 });
    expect(configuration.report()).toMatchObject({ source: 'cache', version: 3, masked: ['/mode'] });
    await outcomes.next();
    const modes: string[] = [];
    follow(configuration, { commit: ({ current }) => void modes.push(current.mode) });
    // The same version: the live one takes the place of what stood in for it.
    expect(await apply(snapshotOf(3, { key: 'k', mode: 'fast' }))).toMatchObject({ kind: 'applied' });
    expect(modes).toEqual(['fast']);
    expect(configuration.report()).toMatchObject({ source: 'live', masked: [] });
    expect(await apply(snapshotOf(3, { key: 'k', mode: 'fast' }))).toMatchObject({ reason: 'duplicate' });
  });

  it('a boot default makes a last good document fit, also one that was rejected as the live one', async () => {
    const { configuration, apply } = open({ '/size': { default: 2 } });
    expect(await apply(snapshotOf(3, { key: 'k', size: 99 }))).toMatchObject({ kind: 'rejected' });
    expect(await configuration.takeCached(received(snapshotOf(3, { key: 'k', size: 99 })))).toBe(true);
    expect(configuration.current?.size).toBe(2);
  });

  it('a boot default supplies a value for which the schema has no default', async () => {
    const { configuration } = open({ '/key': { default: 'none' }, '/mode': { default: 'safe' } });
    expect(await configuration.takeDefaults()).toBe(true);
    expect(configuration.current).toEqual({ key: 'none', mode: 'safe', size: 1 });
  });

  it('a kept setting takes its last good value also when the last good document no longer fits', async () => {
    const { configuration } = open({ '/key': 'keep_last_good' });
    const cached = received(snapshotOf(3, { key: 'kept', mode: 'fast', size: 99 }));
    expect(await configuration.takeCached(cached)).toBe(false);
    expect(await configuration.takeDefaults(cached)).toBe(true);
    expect(configuration.current).toEqual({ key: 'kept', mode: 'normal', size: 1 });
    expect(configuration.state).toBe('defaults');
  });

  it("a kept setting never takes the schema's default", async () => {
    const { configuration } = open({ '/mode': 'keep_last_good', '/key': { default: 'none' } });
    expect(await configuration.takeDefaults()).toBe(false);
    expect(await configuration.takeDefaults(received(snapshotOf(3, { key: 'k' })))).toBe(false);
  });
});

describe('the provider state', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());
  const staleness = { softMs: 100, hardMs: 300 };

  it('the provider state follows the document, its outcome and the silence of the authority', async () => {
    const levels: string[] = [];
    const { configuration, apply } = openConfiguration(plain, {
      policy: policyOf({ staleness }),
      onStaleness: (level) => void levels.push(level),
    });
    const document = createLiveDocument(configuration);
    const changes: ProviderStateChange[] = [];
    const leave = document.onState((change) => void changes.push(change));
    expect(document.providerState).toBe('NOT_READY');
    await apply(snapshotOf(1));
    await apply(snapshotOf(2, { threshold: 2 }));
    await apply(snapshotOf(3));
    vi.advanceTimersByTime(100);
    vi.advanceTimersByTime(200);
    configuration.heardAuthority();
    expect(document.providerState).toBe('READY');
    await configuration.stop();
    configuration.heardAuthority();
    expect(changes.map(({ state, previous }) => `${previous} ${state}`)).toEqual([
      'NOT_READY READY',
      'READY STALE',
      'STALE READY',
      'READY STALE',
      'STALE ERROR',
      'ERROR READY',
      'READY NOT_READY',
    ]);
    expect(levels).toEqual(['soft', 'hard', 'fresh']);
    expect(vi.getTimerCount()).toBe(0);
    leave();
  });

  it('the provider state is FATAL after a long silence when a setting may only be live', async () => {
    const policy = policyOf({ staleness, boot: { '/threshold': 'refuse' } });
    const { configuration, apply } = openConfiguration(plain, { policy });
    await apply(snapshotOf(1));
    vi.advanceTimersByTime(100);
    expect(configuration.providerState).toBe('STALE');
    vi.advanceTimersByTime(200);
    expect(configuration.providerState).toBe('FATAL');
    await configuration.stop();
  });

  it('every state listener is called, also when one of them throws', async () => {
    const faults: unknown[] = [];
    const { configuration, apply } = openConfiguration(plain, { onListenerFailed: (cause) => void faults.push(cause) });
    const seen: string[] = [];
    configuration.onState(fail('broken'));
    const leave = configuration.onState(({ state }) => void seen.push(state));
    await apply(snapshotOf(1));
    leave();
    await configuration.stop();
    expect(seen).toEqual(['READY']);
    expect(faults).toMatchObject([{ message: 'broken' }, { message: 'broken' }]);
  });
});

describe('a change that needs a restart', () => {
  it('a change that needs a restart is handed to the service after it was reported', async () => {
    const opened = openConfiguration(plain);
    const document = createLiveDocument(opened.configuration);
    const cold = { restartRequired: ['/model'] };
    await opened.apply(snapshotOf(1, { model: 'a' }, cold));
    const seen: unknown[] = [];
    const leave = document.onRestartRequired(({ version, restartRequired }) =>
      seen.push([version, restartRequired, opened.outcomes.all.length]),
    );
    await opened.apply(snapshotOf(2, { model: 'a', threshold: 0.2 }, cold));
    await opened.apply(snapshotOf(3, { model: 'b', threshold: 0.2 }, cold));
    leave();
    await opened.apply(snapshotOf(4, { model: 'c', threshold: 0.2 }, cold));
    expect(seen).toEqual([[3, ['/model'], 3]]);
  });
});

describe('a version that a process died of', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  const open = (state: { holds?: number } = {}) => {
    const steps: string[] = [];
    const applyingRecord: ApplyingRecord = {
      open: async () => {},
      holds: ({ version }) => version === state.holds,
      suspects: () => false,
      trust: () => {},
      begin: async ({ version }) => void steps.push(`begin ${version}`),
      end: async () => void steps.push('end'),
    };
    const remember = async ({ snapshot }: { snapshot: Snapshot }) => void steps.push(`remember ${snapshot.version}`);
    const opened = openConfiguration(plain, { applyingRecord, remember });
    return { ...opened, steps };
  };

  it('a version is recorded before its first step and cleared after its last, whether it succeeded or not', async () => {
    const { configuration, apply, steps } = open();
    await apply(snapshotOf(1));
    follow(configuration, { commit: () => void steps.push('commit') });
    await apply(snapshotOf(2, { threshold: 0.2 }));
    await apply(snapshotOf(3, { threshold: 2 }));
    expect(steps).toEqual([
      ...['begin 1', 'remember 1'],
      ...['begin 2', 'commit', 'remember 2'],
      // The third one was not applied: it is the second one of which this process may still die.
      ...['begin 3', 'begin 2'],
    ]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(steps.at(-1)).toBe('end');
    expect(await apply(snapshotOf(4, { threshold: 3 }))).toMatchObject({ kind: 'rejected' });
    expect(steps.slice(-2)).toEqual(['begin 4', 'end']);
  });

  it('a version that killed two processes is not tried again, and a new version is', async () => {
    const { configuration, apply, steps } = open({ holds: 2 });
    expect(await apply(snapshotOf(2, { threshold: 0.2 }))).toMatchObject({
      kind: 'rejected',
      error: { code: 'quarantined', message: expect.stringMatching(/^version 2 is in quarantine: two processes/) },
    });
    expect(configuration.report()).toMatchObject({ lastAttempt: { version: 2, code: 'quarantined' } });
    expect(steps).toEqual([]);
    await configuration.takeCached(received(snapshotOf(1)));
    expect(configuration.current?.threshold).toBe(0.5);
    expect(await apply(snapshotOf(3, { threshold: 0.3 }))).toMatchObject({ kind: 'applied' });
  });

  it('content that killed two processes is tried again as another version, because an operator asked for it', async () => {
    const { apply } = open({ holds: 2 });
    await apply(snapshotOf(2, { threshold: 0.2 }));
    expect(await apply(snapshotOf(2, { threshold: 0.2 }))).toEqual({ kind: 'skipped', reason: 'failed_before' });
    expect(await apply(snapshotOf(3, { threshold: 0.2 }))).toMatchObject({ kind: 'applied' });
  });

  it('a version that killed two processes is not started on from disk either', async () => {
    const { configuration, outcomes } = open({ holds: 2 });
    expect(await configuration.takeCached(received(snapshotOf(2)))).toBe(false);
    expect(outcomes.all).toMatchObject([{ error: { code: 'quarantined' } }]);
  });

  it('a version is cleared once the process has run on it for ten seconds, from the broker or from disk', async () => {
    const live = open();
    await live.apply(snapshotOf(2));
    await vi.advanceTimersByTimeAsync(9_999);
    expect(live.steps).toEqual(['begin 2', 'remember 2']);
    await vi.advanceTimersByTimeAsync(1);
    expect(live.steps).toEqual(['begin 2', 'remember 2', 'end']);
    const cached = open();
    await cached.configuration.takeCached(received(snapshotOf(2)));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(cached.steps).toEqual(['begin 2', 'end']);
  });

  it('a stop clears a version; a newer version does not, and begins its own ten seconds', async () => {
    const stopped = open();
    await stopped.apply(snapshotOf(2));
    await stopped.configuration.stop();
    expect(stopped.steps).toEqual(['begin 2', 'remember 2', 'end']);
    const newer = open();
    await newer.apply(snapshotOf(2));
    await vi.advanceTimersByTimeAsync(9_000);
    await newer.apply(snapshotOf(3));
    await vi.advanceTimersByTimeAsync(9_999);
    expect(newer.steps).toEqual(['begin 2', 'remember 2', 'begin 3', 'remember 3']);
    await newer.configuration.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('Client-40-Surprises-Survived: callbacks of a change', () => {
  it.each<[string, Partial<ConfigurationOptions<z.output<typeof plain>>>]>([
    ['outcome', { onOutcome: fail('broken log') }],
    ['first document', { onFirst: fail('broken') }],
    [
      'outcome, and in the callback that reports it',
      { onOutcome: fail('broken log'), onListenerFailed: fail('broken too') },
    ],
  ])('a callback that throws at %s harms no later change and no stop', async (_, options) => {
    const { configuration, offer } = openConfiguration(plain, options);
    for (const version of [1, 2, 3]) {
      offer(snapshotOf(version, { threshold: version === 2 ? 2 : version / 10 }));
      await new Promise(setImmediate);
    }
    expect(configuration.stamp?.version).toBe(3);
    await configuration.stop();
  });

  it.each<[string, Partial<ConfigurationOptions<z.output<typeof plain>>>]>([
    ['tracing', { observer: { reception: () => {}, applying: fail('no') } }],
    ['the disk', { remember: () => Promise.reject(new Error('it must not')) }],
  ])('a change does not depend on %s', async (_, options) => {
    const { configuration, offer } = openConfiguration(plain, options);
    offer(snapshotOf(1, { threshold: 0.1 }));
    await new Promise(setImmediate);
    expect(configuration.report()).toMatchObject({ version: 1, lastAttempt: { version: 1 } });
    await configuration.stop();
    expect(configuration.state).toBe('stopped');
  });
});

describe('a handler', () => {
  it('a handler is refused after the stop, and for a place that the schema does not have', async () => {
    const { configuration } = openConfiguration(service);
    const document = createLiveDocument(configuration);
    expect(() => document.on('/nope' as '/key', () => {})).toThrow(
      'the schema has nothing at /nope: a handler of it would never be called; fix the pointer',
    );
    await configuration.stop();
    expect(() => document.onChange(() => {})).toThrow(expect.objectContaining({ code: 'stopped' }));
  });

  it('Client-41-Late-Commit: a handler whose commit ends much too late is brought to the document then in force', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { configuration, offer, outcomes, apply } = openConfiguration(plain, { applyTimeoutMs: 100 });
      await apply(snapshotOf(1, { threshold: 0.1 }));
      let runs = 0.1;
      follow(configuration, {
        commit: async ({ current: { threshold } }) => {
          if (threshold === 0.2) await new Promise((settle) => setTimeout(settle, 5000));
          runs = threshold;
        },
      });
      offer(snapshotOf(2, { threshold: 0.2 }));
      await vi.advanceTimersByTimeAsync(1200);
      expect(await outcomes.next()).toMatchObject({ error: { code: 'apply_timeout' } });
      expect(await apply(snapshotOf(3, { threshold: 0.3 }))).toMatchObject({ kind: 'applied' });
      await vi.advanceTimersByTimeAsync(5000);
      expect([configuration.current?.threshold, runs]).toEqual([0.3, 0.3]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('stops and secrets around a trial', () => {
  it('a stop while handlers commit begins no trial', async () => {
    const { configuration, apply, offer } = openConfiguration(service);
    await apply(snapshotOf(1, { key: 'a' }));
    const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const steps: string[] = [];
    follow(configuration, {
      commit: async () => {
        begun.resolve();
        await go.promise;
        steps.push('commit');
      },
      verify: () => void steps.push('verify'),
      soakMs: 1000,
    });
    offer(snapshotOf(2, { key: 'b' }));
    await begun.promise;
    const stopping = configuration.stop();
    go.resolve();
    await stopping;
    expect(steps).toEqual(['commit']);
  });

  it('an error of a handler is masked with the secrets of the previous version on trial too', async () => {
    const { configuration, apply, offer, outcomes } = openConfiguration(service);
    const withKey = (version: number, key: string) => ({ ...snapshotOf(version, { key }), secrets: ['/key'] });
    await apply(withKey(1, 'first-secret'));
    const asked = Promise.withResolvers<void>();
    follow(configuration, {
      commit: ({ current, previous, version }) => {
        if (version === 3) throw new Error(`can't go from ${previous.key} to ${current.key}`);
      },
      verify: () => asked.resolve(),
      soakMs: 60_000,
    });
    offer(withKey(2, 'second-secret'));
    await asked.promise;
    offer(withKey(3, 'third-secret'));
    const outcome = await outcomes.next();
    expect(outcome).toMatchObject({ kind: 'rejected' });
    expect(JSON.stringify(outcome)).not.toMatch(/(first|second|third)-secret/);
    expect(String(outcome.kind === 'rejected' && outcome.error.message)).not.toMatch(/(first|second|third)-secret/);
    await configuration.stop();
  });
});
