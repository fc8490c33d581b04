import { execFileSync } from 'node:child_process';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { midnight, sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { received } from '../../test/opened-configuration.ts';
import { createLastGoodStore, type LastGoodStore } from './last-good-store.ts';

let cacheDir: string;
let file: string;
let logs: string[];
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'setpoint-'));
  file = join(cacheDir, 'vad@config-authority.json');
  logs = [];
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

const log = (fields: object, message: string): void => {
  logs.push(`${message}: ${(fields as { err: Error }).err.message}`);
};

const openShelf = (): LastGoodStore =>
  createLastGoodStore(
    { cacheDir, prefix: '', service: 'vad', authority: 'config-authority', keys: undefined, now: () => midnight },
    { debug: log, info: log, warn: log, error: log },
  );

const versionOnDisk = async (): Promise<number> => JSON.parse(await readFile(file, 'utf8')).data.version;

describe('a folder that two processes share', () => {
  it('a shared folder keeps the newest version, whichever process writes last', async () => {
    const [first, second] = [openShelf(), openShelf()];
    await Promise.all([first.read(), second.read()]);
    await first.remember(received(snapshotOf(2)));
    await first.remember(received(snapshotOf(3)));
    await second.remember(received(snapshotOf(2)));
    expect(await versionOnDisk()).toBe(3);
    await second.remember(received(snapshotOf(1, {}, { epoch: 8 })));
    expect([await versionOnDisk(), (await first.read())?.snapshot.epoch]).toEqual([1, 8]);
    expect(logs).toEqual([]);
  });

  it('a shared folder replaces an untrusted file that claims to be newer', async () => {
    await writeFile(file, String(sealSnapshot(snapshotOf(9, { threshold: 0.5 }))).replace('0.5', '0.6'));
    await openShelf().remember(received(snapshotOf(2)));
    expect(await versionOnDisk()).toBe(2);
  });
});

describe('Client-22-Hung-Disk: a disk that hangs', () => {
  /** A pipe that nobody writes to answers as late as a disk that is away. */
  async function hang(path: string): Promise<() => Promise<void>> {
    execFileSync('/usr/bin/env', ['mkfifo', path]);
    return async () => {
      const both = await open(path, 'r+');
      await both.write('{}');
      await both.close();
    };
  }

  it('a disk that hangs while the last good snapshot is read is given up, logged and not used for anything else', async () => {
    const release = await hang(file);
    const shelf = openShelf();
    expect(await shelf.read()).toBeUndefined();
    await shelf.remember(received(snapshotOf(1)));
    expect(logs).toEqual([
      'the last good snapshot is ignored: the disk did not answer within 2000 ms',
      'the last good snapshot could not be kept: the disk does not answer; what is kept on it is left alone until it does',
    ]);
    await release();
  });

  it('a disk that hangs while a version is recorded does not keep it from being applied', async () => {
    const release = await hang(`${file}.applying`);
    const { applyingRecord } = openShelf();
    await applyingRecord?.begin(snapshotOf(1));
    expect(logs).toEqual([
      'could not record on disk which version is being applied: the disk did not answer within 2000 ms',
    ]);
    await applyingRecord?.end(true);
    await release();
  });
});
