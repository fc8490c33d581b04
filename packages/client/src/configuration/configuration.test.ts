import { createKeyRing, createSigner, createSigningKey, type JsonObject, trustedKeyOf } from '@setpoint/protocol';
import { createInbox, sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { follow, openConfiguration as open, received } from '../../test/opened-configuration.ts';
import { ChangeRefused } from '../transaction/handler-error.ts';
import type { Change } from '../transaction/handler-step.ts';

const plain = z.looseObject({ threshold: z.number().max(1).default(0.5) });
type Plain = z.output<typeof plain>;

/** A schema whose answer to each document waits until the test gives it. */
function gatedSchema() {
  const asked = createInbox<{ values: JsonObject; answer: (isGood: boolean) => void }>();
  const schema = z.looseObject({}).refine((values) => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    asked.put({ values: values as JsonObject, answer: resolve });
    return promise;
  }, 'was found bad');
  return { schema, asked };
}

describe('the first document', () => {
  it('the first document comes into force, is kept on disk and reported', async () => {
    const { configuration, apply, remembered } = open(plain);
    expect(configuration.report()).toEqual({ source: 'none', pendingRestart: [], masked: [] });
    expect([configuration.state, configuration.current, configuration.stamp]).toEqual([
      'starting',
      undefined,
      undefined,
    ]);
    expect(await apply(snapshotOf(2, { threshold: 0.7 }))).toEqual({
      kind: 'applied',
      isFirst: true,
      restartRequired: [],
    });
    expect(configuration.current).toEqual({ threshold: 0.7 });
    expect(configuration.stamp).toMatchObject({ epoch: 7, version: 2 });
    expect(configuration.state).toBe('live');
    expect(remembered).toEqual([2]);
    const { digest } = snapshotOf(2, { threshold: 0.7 });
    expect(configuration.report()).toEqual({
      source: 'live',
      epoch: 7,
      version: 2,
      digest,
      appliedAt: '2026-06-01T00:00:00.000Z',
      observed: { epoch: 7, version: 2 },
      lastAttempt: { epoch: 7, version: 2, digest, outcome: 'applied' },
      pendingRestart: [],
      masked: [],
    });
  });

  it('the first document calls no handler, because nothing changed', async () => {
    const { configuration, apply } = open(plain);
    follow(configuration, { commit: () => Promise.reject(new Error('called')) });
    expect(await apply(snapshotOf(1))).toMatchObject({ kind: 'applied', isFirst: true });
  });

  it('a first snapshot that does not fit leaves no document, and a later one is the first', async () => {
    const opened = open(plain);
    expect(await opened.apply(snapshotOf(1, { threshold: 2 }))).toMatchObject({
      kind: 'rejected',
      error: {
        code: 'document_invalid',
        message: expect.stringMatching(/^version 1 does not fit the schema of this build: \/threshold /),
        faults: [{ pointer: '/threshold' }],
      },
    });
    expect(opened.configuration.current).toBeUndefined();
    expect(opened.configuration.state).toBe('starting');
    expect(opened.configuration.report()).toMatchObject({
      source: 'none',
      observed: { epoch: 7, version: 1 },
      lastAttempt: { version: 1, outcome: 'rejected', code: 'document_invalid', pointer: '/threshold' },
    });
    expect(await opened.apply(snapshotOf(2))).toMatchObject({ kind: 'applied', isFirst: true });
    expect(opened.firsts).toBe(1);
  });
});

describe('the defaults', () => {
  it('the defaults make a complete document', async () => {
    const opened = open(plain);
    expect(await opened.configuration.takeDefaults()).toBe(true);
    expect(opened.configuration.current).toEqual({ threshold: 0.5 });
    expect(opened.configuration.state).toBe('defaults');
    expect(opened.configuration.report()).toEqual({
      source: 'defaults',
      appliedAt: '2026-06-01T00:00:00.000Z',
      pendingRestart: [],
      masked: [],
    });
    expect(opened.firsts).toBe(1);
    expect(await opened.configuration.takeDefaults()).toBe(true);
    expect(opened.outcomes.all).toHaveLength(1);
  });

  it('the defaults make no document when a required value has none', async () => {
    const { configuration } = open(z.object({ host: z.string() }));
    expect(await configuration.takeDefaults()).toBe(false);
    expect(configuration.current).toBeUndefined();
  });

  it('the defaults are validated by an asynchronous schema', async () => {
    const schema = plain.refine(async () => true);
    expect(await open(schema).configuration.takeDefaults()).toBe(true);
    expect(await open(plain.refine(async () => false)).configuration.takeDefaults()).toBe(false);
  });

  it('the defaults make no document when the schema throws', async () => {
    const schema = plain.transform((): Plain => {
      throw new Error('not without a document');
    });
    expect(await open(schema).configuration.takeDefaults()).toBe(false);
  });

  it('the defaults give way to a live document that is being validated', async () => {
    const { schema, asked } = gatedSchema();
    const { configuration, offer, outcomes } = open(schema);
    offer(snapshotOf(1, { a: 1 }));
    const live = await asked.next();
    const taken = configuration.takeDefaults();
    live.answer(true);
    expect(await taken).toBe(true);
    expect(configuration.state).toBe('live');
    expect(configuration.current).toEqual({ a: 1 });
    expect(outcomes.all).toEqual([{ kind: 'applied', isFirst: true, restartRequired: [] }]);
  });

  it('the defaults give way to a live document that arrives while they are validated', async () => {
    const { schema, asked } = gatedSchema();
    const { configuration, offer } = open(schema);
    const taken = configuration.takeDefaults();
    const defaults = await asked.next();
    offer(snapshotOf(1, { a: 1 }));
    const live = await asked.next();
    defaults.answer(true);
    live.answer(true);
    (await asked.next()).answer(true);
    expect(await taken).toBe(true);
    expect(configuration.state).toBe('live');
  });

  it('the defaults are not taken after a stop', async () => {
    const { schema, asked } = gatedSchema();
    const { configuration } = open(schema);
    const taken = configuration.takeDefaults();
    const defaults = await asked.next();
    await configuration.stop();
    defaults.answer(true);
    (await asked.next()).answer(true);
    expect(await taken).toBe(false);
    expect(configuration.current).toBeUndefined();
  });

  it('the first live document is a change from the defaults', async () => {
    const { configuration, apply, outcomes } = open(plain);
    await configuration.takeDefaults();
    await outcomes.next();
    const changes: Change<Plain>[] = [];
    follow(configuration, { commit: (change) => void changes.push(change) });
    await apply(snapshotOf(3, { threshold: 0.5, frames: 30 }, { restartRequired: ['/threshold'] }));
    expect(changes).toEqual([
      {
        current: { threshold: 0.5, frames: 30 },
        previous: { threshold: 0.5 },
        changed: ['/frames'],
        restartRequired: [],
        version: 3,
        previousVersion: 0,
        isReturn: false,
      },
    ]);
    expect(configuration.report().pendingRestart).toEqual([]);
  });

  it('the first live document needs a restart when its defaults cannot be compared with it', async () => {
    const schema = plain.transform(({ threshold }) => ({ percent: threshold * 100 }));
    const { configuration, apply, outcomes } = open(schema);
    await configuration.takeDefaults();
    await outcomes.next();
    expect(await apply(snapshotOf(1, { threshold: 0.5 }, { restartRequired: ['/threshold'] }))).toMatchObject({
      restartRequired: ['/threshold'],
    });
  });
});

describe('a change', () => {
  it('a change brings a new frozen document, with the pointers that changed', async () => {
    const { configuration, apply } = open(z.looseObject({}));
    await apply(snapshotOf(1, { vad: { threshold: 0.5 }, list: [1], cold: 1 }));
    const before = configuration.current;
    const changes: Change<unknown>[] = [];
    follow(configuration, { commit: (change) => void changes.push(change) });
    const outcome = await apply(
      snapshotOf(4, { vad: { threshold: 0.6 }, list: [1, 2], cold: 2 }, { restartRequired: ['/cold'] }),
    );
    expect(outcome).toEqual({ kind: 'applied', isFirst: false, restartRequired: ['/cold'] });
    expect(changes).toEqual([
      {
        current: { vad: { threshold: 0.6 }, list: [1, 2], cold: 2 },
        previous: { vad: { threshold: 0.5 }, list: [1], cold: 1 },
        changed: ['/vad/threshold', '/list', '/cold'],
        restartRequired: ['/cold'],
        version: 4,
        previousVersion: 1,
        isReturn: false,
      },
    ]);
    expect(configuration.current).not.toBe(before);
    expect(changes[0]?.previous).toBe(before);
    expect(() => {
      (configuration.current as { list: number[] }).list.push(3);
    }).toThrow(TypeError);
  });

  it('readers see a change from the swap on, and it counts as applied after the last step', async () => {
    const { configuration, apply, offer, outcomes } = open(plain);
    await apply(snapshotOf(1));
    const seen: unknown[] = [];
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    follow(configuration, {
      prepare: () => void seen.push(configuration.current?.threshold),
      commit: () => {
        seen.push(configuration.current?.threshold);
        reached.resolve();
        return go.promise;
      },
    });
    offer(snapshotOf(2, { threshold: 0.9 }));
    await reached.promise;
    expect(seen).toEqual([0.5, 0.9]);
    expect(configuration.stamp?.version).toBe(2);
    expect(configuration.report()).toMatchObject({ version: 1, lastAttempt: { version: 1 } });
    go.resolve();
    await outcomes.next();
    expect(configuration.report()).toMatchObject({ version: 2 });
  });

  it('a version that only repeats the content is applied without calling a handler', async () => {
    const { configuration, apply } = open(plain);
    await apply(snapshotOf(1, { threshold: 0.7 }));
    follow(configuration, { commit: () => Promise.reject(new Error('called')) });
    expect(await apply(snapshotOf(2, { threshold: 0.7 }))).toMatchObject({ kind: 'applied' });
    expect(configuration.stamp?.version).toBe(2);
  });

  it('a change does not call a handler that has unsubscribed', async () => {
    const { configuration, apply } = open(plain);
    await apply(snapshotOf(1));
    const seen: number[] = [];
    const leave = follow(configuration, { commit: ({ version }) => void seen.push(version) });
    await apply(snapshotOf(2, { threshold: 0.6 }));
    leave();
    await apply(snapshotOf(3, { threshold: 0.7 }));
    expect(seen).toEqual([2]);
  });

  it('a change that a handler refuses leaves the old document, and the rejection names the setting', async () => {
    const { configuration, apply, remembered } = open(plain);
    await apply(snapshotOf(1, { threshold: 0.5 }));
    const before = configuration.current;
    follow(configuration, {
      commit: ({ current }) => {
        if (current.threshold > 0.8) throw new ChangeRefused('/threshold', 'too loud');
      },
    });
    expect(await apply(snapshotOf(2, { threshold: 0.9 }))).toMatchObject({
      kind: 'rejected',
      error: {
        code: 'handler_failed',
        message: 'version 2, commit of a handler of the whole document: too loud',
        faults: [{ pointer: '/threshold', message: 'too loud' }],
      },
    });
    expect(configuration.current).toBe(before);
    expect(configuration.state).toBe('live');
    expect(remembered).toEqual([1]);
    expect(configuration.report()).toMatchObject({
      version: 1,
      observed: { version: 2 },
      lastAttempt: {
        version: 2,
        outcome: 'rejected',
        message: 'version 2, commit of a handler of the whole document: too loud',
        pointer: '/threshold',
      },
    });
  });
});

describe('snapshots that arrive together', () => {
  it('snapshots are applied one at a time, and of those that wait only the newest', async () => {
    const { schema, asked } = gatedSchema();
    const { configuration, offer, outcomes } = open(schema);
    offer(snapshotOf(1, { n: 1 }));
    const first = await asked.next();
    offer(snapshotOf(2, { n: 2 }));
    offer(snapshotOf(4, { n: 4 }));
    offer(snapshotOf(3, { n: 3 }));
    expect(configuration.observed).toEqual({ epoch: 7, version: 4 });
    expect(asked.all).toHaveLength(1);
    first.answer(true);
    await outcomes.next();
    const second = await asked.next();
    expect(second.values).toEqual({ n: 4 });
    second.answer(true);
    await outcomes.next();
    expect(asked.all.map(({ values }) => values)).toEqual([{ n: 1 }, { n: 4 }]);
    expect(configuration.stamp?.version).toBe(4);
  });

  it.each(Array.from({ length: 12 }, (_, steps) => steps))(
    'a snapshot that arrives %i steps after an outcome is not lost',
    async (steps) => {
      const { configuration, offer, outcomes } = open(plain);
      offer(snapshotOf(1));
      await outcomes.next();
      for (let step = 0; step < steps; step++) await undefined;
      offer(snapshotOf(2, { threshold: 0.2 }));
      expect(await outcomes.next()).toMatchObject({ kind: 'applied' });
      expect(configuration.stamp?.version).toBe(2);
    },
  );

  it('a snapshot that arrives again while it is applied is applied once', async () => {
    const { schema, asked } = gatedSchema();
    const { offer, outcomes } = open(schema);
    offer(snapshotOf(1, { n: 1 }));
    const first = await asked.next();
    offer(snapshotOf(1, { n: 1 }));
    first.answer(true);
    await outcomes.next();
    expect(await outcomes.next()).toEqual({ kind: 'skipped', reason: 'duplicate' });
    expect(asked.all).toHaveLength(1);
  });

  it('a version with another content is refused, also while the first one is applied', async () => {
    const { schema, asked } = gatedSchema();
    const { configuration, offer, outcomes } = open(schema);
    offer(snapshotOf(1, { n: 1 }));
    const first = await asked.next();
    offer(snapshotOf(1, { n: 'another' }));
    first.answer(true);
    await outcomes.next();
    expect(await outcomes.next()).toMatchObject({ kind: 'refused', error: { code: 'version_reused' } });
    expect(configuration.current).toEqual({ n: 1 });
  });

  it('a version with another content is refused while the first one still waits', async () => {
    const { schema, asked } = gatedSchema();
    const { configuration, offer, outcomes } = open(schema);
    offer(snapshotOf(1, { n: 1 }));
    const first = await asked.next();
    offer(snapshotOf(2, { n: 2 }));
    offer(snapshotOf(2, { n: 'another' }));
    expect(await outcomes.next()).toMatchObject({ kind: 'refused', error: { code: 'version_reused' } });
    first.answer(true);
    await outcomes.next();
    (await asked.next()).answer(true);
    await outcomes.next();
    expect(configuration.current).toEqual({ n: 2 });
  });

  it('a handler is never called while another change is under way', async () => {
    const { configuration, apply, offer, outcomes } = open(plain);
    await apply(snapshotOf(1));
    let isBusy = false;
    const versions: number[] = [];
    follow(configuration, {
      commit: async ({ version }) => {
        expect(isBusy).toBe(false);
        isBusy = true;
        await new Promise(setImmediate);
        isBusy = false;
        versions.push(version);
      },
    });
    offer(snapshotOf(2, { threshold: 0.2 }));
    offer(snapshotOf(3, { threshold: 0.3 }));
    offer(snapshotOf(4, { threshold: 0.4 }));
    await outcomes.next();
    await outcomes.next();
    expect(versions).toEqual([2, 4]);
  });
});

describe('snapshots that are not applied', () => {
  it('a duplicate is skipped', async () => {
    const { configuration, apply, firsts } = open(plain);
    await apply(snapshotOf(1));
    const before = configuration.current;
    expect(await apply(snapshotOf(1))).toEqual({ kind: 'skipped', reason: 'duplicate' });
    expect(configuration.current).toBe(before);
    expect(firsts).toBe(0);
  });

  it('an older version is skipped', async () => {
    const { apply } = open(plain);
    await apply(snapshotOf(5));
    expect(await apply(snapshotOf(4, { threshold: 1 }))).toEqual({ kind: 'skipped', reason: 'stale' });
  });

  it('a version with another content is refused, and counts as observed', async () => {
    const { configuration, apply } = open(plain);
    await apply(snapshotOf(5));
    expect(await apply(snapshotOf(5, { threshold: 1 }))).toMatchObject({
      kind: 'refused',
      error: { code: 'version_reused' },
    });
    expect(configuration.observed).toEqual({ epoch: 7, version: 5 });
    expect(configuration.current).toEqual({ threshold: 0.5 });
  });

  it('a snapshot that cannot be read or trusted is refused', async () => {
    const key = createSigningKey();
    const keys = createKeyRing({ keys: [trustedKeyOf(key, 'authority')] });
    const { configuration, outcomes } = open(plain, { keys });
    configuration.offer(sealSnapshot(snapshotOf(1)));
    expect(await outcomes.next()).toMatchObject({ kind: 'refused', error: { code: 'signature_missing' } });
    expect(configuration.observed).toBeUndefined();
    configuration.offer(sealSnapshot(snapshotOf(1), createSigner(key)));
    expect(await outcomes.next()).toMatchObject({ kind: 'applied' });
  });

  it('a deletion leaves the document of a running process in force', async () => {
    const { configuration, apply, outcomes } = open(plain);
    await apply(snapshotOf(1));
    configuration.offer(new Uint8Array());
    expect(await outcomes.next()).toEqual({ kind: 'deleted' });
    expect(configuration.current).toEqual({ threshold: 0.5 });
    expect(configuration.state).toBe('live');
  });
});

describe('a document that failed', () => {
  const openFailing = async () => {
    const opened = open(plain);
    await opened.apply(snapshotOf(1));
    let calls = 0;
    let isBroken = true;
    follow(opened.configuration, {
      commit: ({ current }) => {
        if (current.threshold !== 0.9) return;
        calls += 1;
        if (isBroken) throw new Error('broken');
      },
      revert: () => {},
    });
    expect(await opened.apply(snapshotOf(2, { threshold: 0.9 }))).toMatchObject({ kind: 'rejected' });
    return {
      ...opened,
      mend: () => {
        isBroken = false;
      },
      get calls() {
        return calls;
      },
    };
  };

  it('a document that a handler failed is tried again when it is delivered again, because the reason may have passed', async () => {
    const failing = await openFailing();
    failing.mend();
    expect(await failing.apply(snapshotOf(2, { threshold: 0.9 }))).toMatchObject({ kind: 'applied' });
    expect([failing.calls, failing.configuration.stamp?.version]).toEqual([2, 2]);
  });

  it('a document that failed is tried again as another version', async () => {
    const failing = await openFailing();
    expect(await failing.apply(snapshotOf(3, { threshold: 0.9 }))).toMatchObject({ kind: 'rejected' });
    failing.mend();
    expect(await failing.apply(snapshotOf(4, { threshold: 0.9 }))).toMatchObject({ kind: 'applied' });
    expect(failing.calls).toBe(3);
  });

  it('a document that does not fit the schema is not tried again, and its new version is rejected at once', async () => {
    let looks = 0;
    const { configuration, apply } = open(plain.refine(() => ++looks > 0));
    await apply(snapshotOf(1));
    await apply(snapshotOf(2, { threshold: 2 }));
    const before = looks;
    const again = snapshotOf(3, { threshold: 2 });
    expect(await apply(snapshotOf(2, { threshold: 2 }))).toEqual({ kind: 'skipped', reason: 'failed_before' });
    expect(await apply(again)).toEqual({ kind: 'skipped', reason: 'failed_before' });
    expect(looks).toBe(before);
    expect(configuration.report()).toMatchObject({
      version: 1,
      observed: { version: 3 },
      lastAttempt: { version: 3, digest: again.digest, outcome: 'rejected', code: 'document_invalid' },
    });
  });

  it('a document that failed does not keep other content from being applied', async () => {
    const failing = await openFailing();
    expect(await failing.apply(snapshotOf(3, { threshold: 0.8 }))).toMatchObject({ kind: 'applied' });
    expect(failing.configuration.report()).toMatchObject({ version: 3, lastAttempt: { outcome: 'applied' } });
  });

  it('a document that failed is tried again after other content was applied', async () => {
    const failing = await openFailing();
    await failing.apply(snapshotOf(3, { threshold: 0.8 }));
    failing.mend();
    expect(await failing.apply(snapshotOf(4, { threshold: 0.9 }))).toMatchObject({ kind: 'applied' });
    expect(failing.calls).toBe(2);
  });
});

describe('the last good snapshot', () => {
  it('the process starts on the last good snapshot, and does not write it again', async () => {
    const { configuration, outcomes, remembered } = open(plain);
    configuration.setFloor(snapshotOf(3));
    expect(await configuration.takeCached(received(snapshotOf(3)))).toBe(true);
    expect(configuration.state).toBe('cache');
    expect(configuration.report()).toMatchObject({ source: 'cache', version: 3 });
    expect(remembered).toEqual([]);
    expect(outcomes.all).toEqual([{ kind: 'applied', isFirst: true, restartRequired: [] }]);
  });

  it('the last good snapshot becomes live when the broker has the same one', async () => {
    const { configuration, apply, outcomes } = open(plain);
    await configuration.takeCached(received(snapshotOf(3)));
    await outcomes.next();
    expect(await apply(snapshotOf(3))).toEqual({ kind: 'confirmed' });
    expect(configuration.state).toBe('live');
    expect(configuration.report().source).toBe('live');
    expect(await apply(snapshotOf(3))).toEqual({ kind: 'skipped', reason: 'duplicate' });
  });

  it('a last good snapshot that the broker has too is applied as the live one', async () => {
    const { configuration, apply } = open(plain);
    configuration.setFloor(snapshotOf(3));
    expect(await apply(snapshotOf(3))).toMatchObject({ kind: 'applied' });
    expect(configuration.state).toBe('live');
  });

  it('an older snapshot of the broker is stale compared with the last good one', async () => {
    const { configuration, apply } = open(plain);
    configuration.setFloor(snapshotOf(3));
    expect(await apply(snapshotOf(2))).toEqual({ kind: 'skipped', reason: 'stale' });
    expect(await apply(snapshotOf(3, { threshold: 1 }))).toMatchObject({
      kind: 'refused',
      error: { code: 'version_reused' },
    });
    expect(configuration.current).toBeUndefined();
  });

  it('the last good snapshot does not replace a live one that was applied first', async () => {
    const { configuration, apply } = open(plain);
    await apply(snapshotOf(5));
    expect(await configuration.takeCached(received(snapshotOf(3)))).toBe(true);
    expect(configuration.stamp?.version).toBe(5);
    expect(configuration.state).toBe('live');
  });

  it('the last good snapshot gives way to a live one that is being validated', async () => {
    const { schema, asked } = gatedSchema();
    const { configuration, offer, outcomes } = open(schema);
    configuration.setFloor(snapshotOf(3, { n: 3 }));
    offer(snapshotOf(3, { n: 3 }));
    const live = await asked.next();
    const taken = configuration.takeCached(received(snapshotOf(3, { n: 3 })));
    live.answer(true);
    expect(await taken).toBe(true);
    expect(configuration.state).toBe('live');
    expect(outcomes.all).toHaveLength(1);
  });

  it('the last good snapshot is taken when the live one is rejected', async () => {
    const { schema, asked } = gatedSchema();
    const { configuration, offer } = open(schema);
    configuration.setFloor(snapshotOf(3, { n: 3 }));
    offer(snapshotOf(4, { n: 4 }));
    const live = await asked.next();
    const taken = configuration.takeCached(received(snapshotOf(3, { n: 3 })));
    live.answer(false);
    (await asked.next()).answer(true);
    expect(await taken).toBe(true);
    expect(configuration.state).toBe('cache');
    expect(configuration.report()).toMatchObject({
      version: 3,
      observed: { version: 4 },
      lastAttempt: { version: 4, outcome: 'rejected' },
    });
  });

  it('a last good snapshot that no longer fits is not taken', async () => {
    const { configuration, outcomes } = open(plain);
    expect(await configuration.takeCached(received(snapshotOf(3, { threshold: 2 })))).toBe(false);
    expect(outcomes.all).toMatchObject([{ kind: 'rejected' }]);
    configuration.waitForSnapshot();
    expect(configuration.state).toBe('waiting');
  });
});

describe('settings that wait for a restart', () => {
  const cold = { restartRequired: ['/model'] };
  const values = (path: string, threshold = 0.5): JsonObject => ({ model: { path }, threshold });

  it('a pending restart appears with the change, and disappears when the value returns', async () => {
    const { configuration, apply } = open(z.looseObject({}));
    const pending = () => configuration.report().pendingRestart;
    await apply(snapshotOf(1, values('a'), cold));
    expect(pending()).toEqual([]);
    expect(await apply(snapshotOf(2, values('b'), cold))).toMatchObject({ restartRequired: ['/model/path'] });
    expect(pending()).toEqual(['/model/path']);
    expect(await apply(snapshotOf(3, values('b', 0.6), cold))).toMatchObject({ restartRequired: [] });
    expect(pending()).toEqual(['/model/path']);
    expect(await apply(snapshotOf(4, values('a', 0.6), cold))).toMatchObject({ restartRequired: ['/model/path'] });
    expect(pending()).toEqual([]);
  });

  it("which settings need a restart follows the present snapshot's schema", async () => {
    const { configuration, apply } = open(z.looseObject({}));
    await apply(snapshotOf(1, values('a')));
    await apply(snapshotOf(2, values('b')));
    expect(configuration.report().pendingRestart).toEqual([]);
    await apply(snapshotOf(3, values('b', 0.6), cold));
    expect(configuration.report().pendingRestart).toEqual(['/model/path']);
  });
});

describe('a schema of any kind', () => {
  it('a schema may produce dates, maps and bytes', async () => {
    const schema = z.object({ at: z.string() }).transform(({ at }) => ({
      at: new Date(at),
      names: new Map([['a', 1]]),
      bytes: new Uint8Array([1, 2]),
      list: [{ nested: true }],
    }));
    const { configuration, apply } = open(schema);
    expect(await apply(snapshotOf(1, { at: '2026-06-01T00:00:00Z' }))).toMatchObject({ kind: 'applied' });
    const { current } = configuration;
    expect(current?.at.getTime()).toBe(1_780_272_000_000);
    expect(current?.names.get('a')).toBe(1);
    expect([...(current?.bytes ?? [])]).toEqual([1, 2]);
    expect(Object.isFrozen(current?.list[0])).toBe(true);
    expect(await apply(snapshotOf(2, { at: '2026-06-02T00:00:00Z' }))).toMatchObject({ kind: 'applied' });
  });

  it('a schema may be asynchronous', async () => {
    const schema = z.object({ host: z.string() }).refine(async ({ host }) => host !== 'nowhere', { path: ['host'] });
    const { configuration, apply } = open(schema);
    await apply(snapshotOf(1, { host: 'here' }));
    expect(await apply(snapshotOf(2, { host: 'nowhere' }))).toMatchObject({
      kind: 'rejected',
      error: { code: 'document_invalid', faults: [{ pointer: '/host' }] },
    });
    expect(configuration.current).toEqual({ host: 'here' });
  });

  it.each([
    ['an error', new Error('the library broke'), /threw: Error: the library broke$/],
    ['a text', 'just a text', /threw: just a text$/],
    ['a value without a text', Object.create(null), /threw: something that has no text$/],
    ['an error without a message', Object.assign(new Error('x'), { message: undefined }), /threw: Error: Error$/],
  ])('a schema may throw %s', async (_, thrown, message) => {
    const schema = z.object({}).transform((): object => {
      throw thrown;
    });
    const { apply } = open(schema);
    expect(await apply(snapshotOf(1))).toMatchObject({
      kind: 'rejected',
      error: { code: 'document_invalid', message: expect.stringMatching(message) },
    });
  });

  it('a schema may report every item of a long list, and the health report stays short', async () => {
    const { configuration, apply } = open(z.object({ list: z.array(z.number()) }));
    const outcome = await apply(snapshotOf(1, { list: Array.from({ length: 20_000 }, () => 'wrong') }));
    if (outcome.kind !== 'rejected') throw new Error('it was not rejected');
    expect(outcome.error.faults).toHaveLength(50);
    expect(outcome.error.message).toMatch(/; and 19950 more$/);
    expect(JSON.stringify(configuration.report()).length).toBeLessThan(20_000);
  });

  describe('a schema that never answers', () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
    afterEach(() => void vi.useRealTimers());

    it('a schema that never answers is given up after the time limit of a handler', async () => {
      const { schema, asked } = gatedSchema();
      const { configuration, offer, outcomes } = open(schema);
      offer(snapshotOf(1, { n: 1 }));
      await asked.next();
      const stopping = configuration.stop();
      await vi.advanceTimersByTimeAsync(1000);
      expect(await outcomes.next()).toMatchObject({
        kind: 'rejected',
        error: { code: 'apply_timeout', message: expect.stringMatching(/^the schema did not finish within 1000 ms/) },
      });
      await stopping;
    });
  });
});

describe('an error about a document', () => {
  const secrets = { secrets: ['/token', '/list', '/missing', '/login', '/flag', '/pin'] };
  const values = (token: string): JsonObject => ({
    token,
    list: ['item-of-the-list'],
    login: { password: 12_345_678, hint: null },
    flag: true,
    pin: 'abc',
  });

  /** Applies 1, then 2, whose handler throws `thrown`. */
  async function failWith(thrown: unknown, after = 'the-new-token') {
    const { configuration, apply, revertFaults } = open(z.looseObject({}));
    await apply(snapshotOf(1, values('the-old-token'), secrets));
    const fail = (): never => {
      throw thrown;
    };
    follow(configuration, { commit: fail, revert: fail });
    const outcome = await apply(snapshotOf(2, values(after), secrets));
    if (outcome.kind !== 'rejected') throw new Error('it was not rejected');
    return { error: outcome.error, attempt: configuration.report().lastAttempt, revertFault: revertFaults[0] as Error };
  }

  const said = (text: string, step = 'commit'): string =>
    `version 2, ${step} of a handler of the whole document: ${text}`;
  const isMixed = '; and not every handler could go back: restart this process';

  it('an error repeats no secret, new or old, in its message, faults, stack or report', async () => {
    const text = 'the-new-token, the-old-token, item-of-the-list, 12345678';
    const { error, attempt } = await failWith(new Error(text));
    const hidden = '*** REDACTED ***, *** REDACTED ***, *** REDACTED ***, *** REDACTED ***';
    expect(error.message).toBe(said(hidden) + isMixed);
    expect(error.faults[0]?.message).toBe(hidden);
    expect(attempt?.message).toBe(error.message);
    expect(error.cause).toBeUndefined();
    for (const secret of text.split(', ')) expect(error.stack).not.toContain(secret);
    expect(error.stack).toContain('configuration.test.ts');
  });

  it('an error repeats no secret of what a handler threw while it reverted', async () => {
    const { revertFault } = await failWith(new Error('no way back with the-old-token'));
    expect(revertFault.message).toBe(said('no way back with *** REDACTED ***', 'revert'));
    expect(revertFault.stack).not.toContain('the-old-token');
  });

  it('an error hides the whole of a secret that begins like another one', async () => {
    const { error } = await failWith(new Error('the-old-token was tried'), 'the-old');
    expect(error.message).toBe(said('*** REDACTED *** was tried') + isMixed);
  });

  it('an error hides a secret also in the form that JSON writes', async () => {
    const pem = '-----BEGIN-----\n"abc"\n';
    const { error } = await failWith(new Error(`can't use ${JSON.stringify({ token: pem })}`), pem);
    expect(error.message).toBe(said('can\'t use {"token":"*** REDACTED ***"}') + isMixed);
  });

  it('an error stays readable when a secret is empty, a boolean or very short', async () => {
    const { error } = await failWith(new Error('undefined is not a function; null, true, abc'));
    expect(error.message).toBe(said('undefined is not a function; null, true, abc') + isMixed);
  });

  it('an error stays short, however long the thrown message is', async () => {
    const { error, attempt } = await failWith(new Error('x'.repeat(2_000_000)));
    expect(error.message).toHaveLength(4000);
    expect(attempt?.message).toMatch(/…$/);
    expect(error.faults[0]?.message).toHaveLength(500);
  });
});

describe('stop', () => {
  it('stop lets the change under way finish, and takes no other', async () => {
    const { configuration, apply, offer, outcomes } = open(plain);
    await apply(snapshotOf(1));
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    follow(configuration, { prepare: () => reached.resolve(), commit: () => go.promise });
    offer(snapshotOf(2, { threshold: 0.2 }));
    offer(snapshotOf(3, { threshold: 0.3 }));
    await reached.promise;
    let isStopped = false;
    const stopping = configuration.stop().then(() => {
      isStopped = true;
    });
    offer(snapshotOf(4, { threshold: 0.4 }));
    await new Promise(setImmediate);
    expect(isStopped).toBe(false);
    go.resolve();
    await stopping;
    expect(configuration.state).toBe('stopped');
    expect(configuration.stamp?.version).toBe(2);
    expect(outcomes.all).toHaveLength(2);
    await configuration.stop();
    configuration.offer(new Uint8Array());
    expect(outcomes.all).toHaveLength(2);
  });
});
