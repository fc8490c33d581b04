import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openNodeContainer } from '@setpoint/test-support/disk/node-container';
import { sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const runInContainer = await openNodeContainer();

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'setpoint-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs it to its end, and reads the line of JSON that it printed last. */
async function seenBy(program: URL, diskBytes: number) {
  const { code, output } = (await runInContainer?.(program, { diskBytes, readOnly: folder })) ?? {};
  expect(code, output).toBe(0);
  return JSON.parse(output?.trim().split('\n').at(-1) ?? '');
}

const megabyte = 1_048_576;

describe.skipIf(!runInContainer)('on a disk that is full', () => {
  it('Client-08-Last-Good: a service follows the broker, keeps the version before, and keeps again when there is room', {
    timeout: 120_000,
  }, async () => {
    await writeFile(join(folder, 'vad@config-authority.json'), sealSnapshot(snapshotOf(1, { threshold: 0.1 })));
    const seen = await seenBy(
      new URL(import.meta.resolve('@setpoint/test-support/disk/client-on-full-disk')),
      megabyte / 4,
    );
    const told = (why: string) => [
      expect.stringContaining(`could not record on disk which version is being applied: Error: ${why}`),
      expect.stringContaining(`the last good snapshot could not be kept: Error: ${why}`),
    ];
    // Its mark was made when there was room, and what it lived with before is set aside.
    const kept = ['vad@config-authority.json', 'vad@config-authority.json.before'];
    expect(seen.full).toEqual({
      state: 'live',
      threshold: 0.2,
      kept: 1,
      files: [...kept, 'vad@config-authority.json.applying'].toSorted(),
      logs: expect.arrayContaining(told('ENOSPC').slice(1)),
    });
    expect(seen.alone).toEqual({ state: 'cache', threshold: 0.1 });
    expect(seen.fresh).toEqual({
      state: 'live',
      threshold: 0.2,
      logs: expect.arrayContaining(told('ENOSPC').slice(1)),
    });
    expect(seen.roomAgain).toEqual({ state: 'live', threshold: 0.3 });
    expect(seen.left).toEqual(kept);
    expect(seen.readOnly).toEqual({ state: 'live', threshold: 0.3, logs: expect.arrayContaining(told('EROFS')) });
    expect(seen.readOnlyAlone).toMatchObject({ state: 'cache', threshold: 0.1 });
  });

  it('Store-01-Full-Disk: the authority refuses changes, loses none, starts, and goes on when there is room', {
    timeout: 120_000,
  }, async () => {
    const seen = await seenBy(
      new URL(import.meta.resolve('@setpoint/test-support/disk/authority-on-full-disk')),
      4 * megabyte,
    );
    const refused = {
      status: 'rejected',
      code: 'store_unavailable',
      detail:
        'The store could not be written (database or disk is full); nothing was changed, the same request can be sent again',
    };
    expect(seen.before).toEqual({ status: 'applied' });
    // What was applied before and while it got full, and nothing of what was refused.
    const { applied } = seen.full;
    expect(applied.length).toBeGreaterThan(1);
    expect(seen.full).toEqual({ answer: refused, applied, logged: applied });
    expect(seen.fuller).toEqual({ answer: refused, logged: applied });
    // After a `kill -9`, on the full disk.
    const last = applied.at(-1);
    expect(seen.startedFull).toEqual({ version: last, n: last, logged: applied, answer: refused });
    const all = [...applied, last + 1];
    expect(seen.roomAgain).toEqual({ answer: { status: 'applied' }, applied: all, logged: all });
    expect([seen.stopped, seen.check]).toEqual([0, 'ok']);

    // Starts on a full disk: a later one comes about, a first one says what is missing and leaves nothing half-written.
    expect([seen.laterStart, seen.isKeyFileLeftAlone]).toEqual(['up', true]);
    expect(seen.firstStart).toEqual({
      code: 1,
      said: expect.stringMatching(
        /^setpoint: .*signing-key\.json could not be written \(ENOSPC.*the disk must have room$/,
      ),
      files: [],
    });
    expect(seen.firstStore).toEqual({
      code: 1,
      said: expect.stringMatching(/^setpoint: .*setpoint\.db could not be opened \(.*the disk must have room$/),
    });
    expect(seen.retried).toBe('up');
    expect(seen.readOnly).toEqual({
      code: 1,
      said: expect.stringMatching(/^setpoint: \/read-only can't be written \(EROFS\); .*$/),
    });
  });
});
