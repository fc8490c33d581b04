import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { snapshotOf } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createApplyingRecord } from './applying-record.ts';
import type { ApplyingRecord } from './crash-loop-guard.ts';

let directory: string;
let file: string;
let faults: unknown[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'setpoint-'));
  file = join(directory, 'made', 'vad.applying');
  faults = [];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** What a process begins with. */
async function open(path = file): Promise<ApplyingRecord> {
  const quarantine = createApplyingRecord(path, (cause) => void faults.push(cause));
  await quarantine.open();
  return quarantine;
}
/** A process of this number that dies while it applies a version. */
async function die(version: number): Promise<void> {
  await (await open()).begin(snapshotOf(version));
  await makeForeign();
}
/** As if another start of this process had made the mark. */
async function makeForeign(): Promise<void> {
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), life: 'another' }));
}
/** What the system says of the start of a process; any text where it says nothing. */
const lifeOf = (pid: number | undefined): Promise<string | undefined> =>
  readFile(`/proc/${pid}/stat`, 'utf8').then(
    (stat) => stat.split(') ').at(-1)?.split(' ')[19],
    () => 'unknown',
  );
const two = snapshotOf(2);

describe('a version that was being applied when the process died', () => {
  it('a version is suspect after one death, and held back after two', async () => {
    expect((await open()).suspects(two)).toBe(false);
    await die(2);
    const second = await open();
    expect([second.suspects(two), second.holds(two)]).toEqual([true, false]);
    await die(2);
    const third = await open();
    expect([third.suspects(two), third.holds(two)]).toEqual([true, true]);
    expect((await open()).holds(two)).toBe(true);
  });

  it('a version is cleared when the second process survived it', async () => {
    await die(2);
    const second = await open();
    await second.begin(two);
    await second.end(true);
    expect(await readdir(join(directory, 'made'))).toEqual([]);
    expect(second.suspects(two)).toBe(false);
    await die(2);
    expect((await open()).holds(two)).toBe(false);
  });

  it('a death is not forgotten when an older version is applied first', async () => {
    await die(2);
    const second = await open();
    await second.begin(snapshotOf(1));
    await second.end(true);
    await second.begin(two);
    await makeForeign();
    expect((await open()).holds(two)).toBe(true);
  });

  it('a version that another process survived is not suspected when this one dies', async () => {
    const quarantine = await open();
    quarantine.trust(two);
    await quarantine.begin(two);
    expect(await open().then((next) => next.suspects(two))).toBe(false);
    await quarantine.begin(snapshotOf(3));
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ version: 3 });
    // The third one was not applied.
    await quarantine.begin(two);
    expect(await readdir(join(directory, 'made'))).toEqual([]);
  });

  it('a version is not suspected by another connection of the same process', async () => {
    await (await open()).begin(two);
    const other = await open();
    expect(other.suspects(two)).toBe(false);
    await other.begin(two);
    expect((await open()).holds(two)).toBe(false);
  });

  it('a version is cleared when a newer version survived in between', async () => {
    await die(2);
    await die(3);
    await rm(file);
    await die(2);
    expect((await open()).holds(two)).toBe(false);
  });

  it.each([
    ['another version of the same content', snapshotOf(3)],
    ['another content', snapshotOf(2, { threshold: 0.9 })],
    ['another epoch', snapshotOf(2, {}, { epoch: 8 })],
  ])('the record of a version does not count for %s', async (_, other) => {
    await die(2);
    await die(2);
    expect((await open()).holds(other)).toBe(false);
  });

  it('the record is readable by its owner alone, and holds nothing of the document', async () => {
    await die(2);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(Object.keys(JSON.parse(await readFile(file, 'utf8')))).toEqual([
      'epoch',
      'version',
      'digest',
      'tries',
      'host',
      'pid',
      'life',
    ]);
  });
});

describe('the record of a version being applied', () => {
  const mark = {
    epoch: 7,
    version: 2,
    digest: two.digest,
    tries: 2,
    host: hostname(),
    pid: process.pid,
    life: 'another',
  };
  const holdsAfter = async (text: string): Promise<boolean> => {
    file = join(directory, 'mark');
    await writeFile(file, text);
    return (await open()).holds(two);
  };

  it('a complete record counts', async () => {
    expect(await holdsAfter(JSON.stringify(mark))).toBe(true);
  });

  it.each([
    ['is torn', '{"epoch":7,'],
    ['is empty', ''],
    ['is a list', '[]'],
    ['lacks its number', JSON.stringify({ ...mark, tries: undefined })],
    ['lacks its digest', JSON.stringify({ ...mark, digest: 1 })],
    ['lacks its version', JSON.stringify({ ...mark, version: null })],
    ['lacks its epoch', JSON.stringify({ ...mark, epoch: '7' })],
    ['comes from another machine', JSON.stringify({ ...mark, host: 'elsewhere' })],
  ])('a record does not count when it %s', async (_, text) => {
    expect(await holdsAfter(text)).toBe(false);
  });

  it('a record does not count while the process that wrote it lives, because it shares the folder', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const ended = new Promise((settle) => child.once('exit', settle));
    const text = JSON.stringify({ ...mark, pid: child.pid, life: await lifeOf(child.pid) });
    expect(await holdsAfter(text)).toBe(false);
    // Also one that may not be asked.
    expect(await holdsAfter(JSON.stringify({ ...mark, pid: 1, life: await lifeOf(1) }))).toBe(false);
    child.kill('SIGKILL');
    await ended;
    expect(await holdsAfter(text)).toBe(true);
  });

  it.each([
    [0, false],
    [1, true],
  ])('a record of a process that ended by exit(%i) counts: %s', async (code, counts) => {
    const program = `
      import { createApplyingRecord } from ${JSON.stringify(new URL('applying-record.ts', import.meta.url).href)};
      await createApplyingRecord(${JSON.stringify(file)}, console.error).begin(${JSON.stringify(mark)});
      process.exit(${code});`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], { stdio: 'inherit' });
    expect(await new Promise((settle) => child.once('exit', settle))).toBe(code);
    expect((await open()).suspects(mark)).toBe(counts);
  });

  it.runIf(process.platform === 'linux')(
    'a record counts when its process id belongs to another process now',
    async () => {
      expect(await holdsAfter(JSON.stringify({ ...mark, pid: 1, life: 'another' }))).toBe(true);
    },
  );

  it.runIf(process.platform === 'linux')(
    'counts where its process is over, and only its parent has not asked',
    async () => {
      const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 60']);
      try {
        const pid = Number(await new Promise((settle) => parent.stdout.once('data', settle)));
        await vi.waitFor(async () => expect(await readFile(`/proc/${pid}/stat`, 'utf8')).toContain(' Z '), 30_000);
        expect(await holdsAfter(JSON.stringify({ ...mark, pid, life: await lifeOf(pid) }))).toBe(true);
      } finally {
        parent.kill('SIGKILL');
      }
    },
  );

  it('a record that cannot be written or removed is logged, and nothing fails', async () => {
    await writeFile(join(directory, 'made'), 'a file where a folder should be');
    const quarantine = await open();
    await quarantine.begin(two);
    expect(faults).toMatchObject([{ code: expect.stringMatching(/ENOTDIR|EEXIST/) }]);
    await quarantine.end(true);
    await quarantine.end(true);
    expect(faults).toHaveLength(2);
  });
});
