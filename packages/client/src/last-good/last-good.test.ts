import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createMemoryBroker } from '@setpoint/bus/memory';
import {
  createEnvelopeWriter,
  createSigner,
  createSigningKey,
  type JsonObject,
  type Snapshot,
  type TrustedKeys,
  trustedKeyOf,
} from '@setpoint/protocol';
import { createInbox, sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { connect } from '../connect/connect.ts';

let directory: string;
let file: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'setpoint-'));
  file = join(directory, 'vad@config-authority.json');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

/** Starts a service where no broker is: it has what the disk has, or the defaults. */
async function startAlone(options: { trustedKeys?: TrustedKeys; authority?: string; prefix?: string } = {}) {
  const logs: string[] = [];
  const log = (fields: object, message: string): void => {
    const { err } = fields as { err?: Error };
    logs.push(`${message}${err ? `: ${err.message}` : ''}`);
  };
  await using connection = await connect({
    bus: (busOptions) => createMemoryBroker({ allow: () => false }).connect(busOptions),
    service: 'vad',
    schema: z.object({ threshold: z.number().default(0.5) }),
    cacheDir: directory,
    startTimeoutMs: 1,
    logger: { debug: () => {}, info: log, warn: log, error: log },
    ...options,
  });
  return { state: connection.state, threshold: connection.current.threshold, logs };
}

const key = createSigningKey();
const trustedKeys = { keys: [trustedKeyOf(key, 'authority')] };
const good = snapshotOf(3, { threshold: 0.7 });
const signed = sealSnapshot(good, createSigner(key));
const sealAs = (authority: string, snapshot: Snapshot): Uint8Array =>
  createEnvelopeWriter({ source: `/authority/${authority}` }).seal({
    type: 'setpoint.snapshot.v1',
    subject: snapshot.service,
    data: snapshot,
  }).bytes;

describe('Client-08-Last-Good: the last good snapshot', () => {
  it('a service starts on the last good snapshot without a broker', async () => {
    await writeFile(file, signed);
    expect(await startAlone({ trustedKeys })).toMatchObject({ state: 'cache', threshold: 0.7 });
  });

  it.each<[string, Uint8Array | string, RegExp]>([
    ['empty', '', /the file is empty/],
    ['torn in its first half', signed.slice(0, 100), /no signature/],
    ['torn before its last byte', signed.slice(0, -1), /no signature/],
    ['half of one and half of another', Buffer.concat([signed.slice(0, 300), signed]), /signature/],
    ['tampered with', String(signed).replace('0.7', '0.9'), /signature/],
    ['signed by a stranger', sealSnapshot(good, createSigner(createSigningKey())), /key/],
    ['not signed', sealSnapshot(good), /no signature/],
    ['zeros, as a file system leaves them after a power cut', new Uint8Array(500), /signature/],
    ['of another service', sealSnapshot(snapshotOf(3, {}, { service: 'asr' }), createSigner(key)), /of asr/],
    ['another kind of file', '{"hello":"world"}', /signature/],
  ])('a last good snapshot that is %s is ignored, with the reason in the log', async (_, bytes, reason) => {
    await writeFile(file, bytes);
    const { state, threshold, logs } = await startAlone({ trustedKeys });
    expect([state, threshold]).toEqual(['defaults', 0.5]);
    const [line] = logs.filter((each) => each.startsWith('the last good snapshot is ignored: '));
    expect(line).toMatch(reason);
    // It is evidence, and the next good one takes its place.
    expect(Buffer.from(await readFile(file))).toEqual(Buffer.from(bytes));
  });

  it.each<[string, Uint8Array | string, RegExp]>([
    ['torn', signed.slice(0, 100), /./],
    ['tampered with', String(sealSnapshot(good)).replace('0.7', '0.9'), /its values do not have its digest/],
    ['a list', '[]', /./],
  ])('without trusted keys, a last good snapshot that is %s is ignored', async (_, bytes, reason) => {
    await writeFile(file, bytes);
    const { state, logs } = await startAlone();
    expect(state).toBe('defaults');
    expect(logs.find((each) => each.startsWith('the last good snapshot is ignored: '))).toMatch(reason);
  });

  it('the last good snapshot of another authority is ignored, whatever its epoch, and stays untouched beside it', async () => {
    await writeFile(file, sealAs('other', snapshotOf(1, { threshold: 0.9 }, { epoch: 99 })));
    const { state, logs } = await startAlone();
    expect(state).toBe('defaults');
    expect(logs.join()).toContain(
      'comes from /authority/other, and this service listens to /authority/config-authority',
    );
    const others = join(directory, 'vad@other.json');
    await writeFile(others, sealAs('other', snapshotOf(4, { threshold: 0.4 })));
    await writeFile(file, sealSnapshot(good));
    expect((await startAlone({ authority: 'other' })).threshold).toBe(0.4);
    expect((await startAlone()).threshold).toBe(0.7);
  });

  it('the last good snapshot of another environment is not used', async () => {
    await writeFile(file, sealSnapshot(good));
    expect((await startAlone({ prefix: 'acme/prod' })).state).toBe('defaults');
  });

  it('a last good snapshot under the file name of an earlier release is taken over silently', async () => {
    await writeFile(join(directory, 'vad.json'), sealSnapshot(good));
    const { state, threshold, logs } = await startAlone();
    expect([state, threshold]).toEqual(['cache', 0.7]);
    expect(await readdir(directory)).toEqual(['vad@config-authority.json']);
    expect(logs.filter((each) => each.includes('last good'))).toEqual([
      'no live snapshot: started on the last good one',
    ]);
  });

  it('a last good snapshot under the earlier name is left to the authority it came from', async () => {
    await writeFile(join(directory, 'vad.json'), sealAs('other', good));
    expect((await startAlone()).state).toBe('defaults');
    expect(await readdir(directory)).toEqual(['vad.json']);
  });

  it('a folder in place of the last good snapshot is ignored, with the reason in the log', async () => {
    await mkdir(file);
    const { state, logs } = await startAlone();
    expect(state).toBe('defaults');
    expect(logs.join()).toContain('the last good snapshot is ignored: EISDIR');
  });
});

interface Kept {
  readonly child: ChildProcess;
  /** Resolves at the first line that begins so. */
  line(start: string): Promise<string>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

const program = fileURLToPath(import.meta.resolve('@setpoint/test-support/kept-process'));

/** A service as a process of its own; `shell` is done in it before it begins. */
function startProcess(
  live: number,
  hangsAt: number,
  { shell = ':', uid }: { shell?: string; uid?: number } = {},
): Kept {
  const command = `${shell}; exec '${process.execPath}' '${program}' '${directory}' ${live} ${hangsAt}`;
  const child = spawn('sh', ['-c', command], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(uid !== undefined && { uid }),
  });
  children.push(child);
  const ended = new Promise<void>((settle) => child.once('exit', () => settle()));
  const lines = createInbox<string>();
  const all: string[] = [];
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', lines.put);
  return {
    child,
    async line(start) {
      for (;;) {
        const found = all.find((each) => each.startsWith(start));
        if (found !== undefined) return found;
        const next = await Promise.race([lines.next(), ended.then(() => undefined)]);
        if (next === undefined) throw new Error(`the process ended without "${start}": ${all.join('; ')}`);
        all.push(next);
      }
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

describe('Client-08-Last-Good: a failing disk', () => {
  const isRoot = process.getuid?.() === 0;
  const nobody = 65_534;

  it('a disk that does not let the file be read is survived and logged', async () => {
    await chmod(directory, 0o755);
    await writeFile(file, sealSnapshot(good));
    await chmod(file, 0);
    // Root reads everything.
    const kept = startProcess(0, 0, isRoot ? { uid: nobody } : {});
    expect(await kept.line('log the last good snapshot is ignored')).toContain('EACCES');
    expect(await kept.line('up')).toBe('up 0.5 defaults');
    await kept.kill();
  });

  it('a disk that takes no file is survived and logged, and the service follows the broker', async () => {
    await chmod(directory, 0o555);
    const kept = startProcess(3, 0, isRoot ? { uid: nobody } : {});
    expect(await kept.line('log the last good snapshot could not be kept')).toContain('EACCES');
    expect(await kept.line('log could not record on disk which version is being applied')).toContain('EACCES');
    expect(await kept.line('up')).toBe('up 0.3 live');
    await kept.kill();
    await chmod(directory, 0o755);
  });

  it('a full disk is survived and logged, and keeps the previous file', async () => {
    await writeFile(file, sealSnapshot(snapshotOf(2, { threshold: 0.2 })));
    // No file may grow: what a full disk says to a write, without the right to mount one.
    const kept = startProcess(3, 0, { shell: "trap '' XFSZ; ulimit -f 0" });
    expect(await kept.line('log the last good snapshot could not be kept')).toMatch(/EFBIG|ENOSPC/);
    expect(await kept.line('up')).toBe('up 0.3 live');
    await kept.kill();
    expect(JSON.parse(await readFile(file, 'utf8')).data.version).toBe(2);
    // Nothing else but second names of what is there, and the mark.
    expect((await readdir(directory)).sort()).toEqual(
      ['', '.applying', '.before'].map((ending) => `vad@config-authority.json${ending}`),
    );
  });
});

describe('a version that kills the process', () => {
  const mark = (): Promise<JsonObject> => readFile(`${file}.applying`, 'utf8').then((text) => JSON.parse(text));
  const isKept = (version: number): Promise<void> =>
    vi.waitFor(async () => expect(await readFile(file, 'utf8')).toContain(`"version":${version},`), 10_000);
  /** As if a process had lived with it for ten seconds. */
  const liveWith = async (version: number): Promise<void> => {
    const kept = startProcess(version, 0);
    await kept.line('up');
    await isKept(version);
    await kept.kill();
    await rm(`${file}.applying`);
  };
  const dieInCommit = async (): Promise<void> => {
    const kept = startProcess(1, 2);
    await kept.line('committing 2');
    await kept.kill();
  };

  it('a version that killed two processes while it was committed is not tried again: the service starts on the one before, and logs that', async () => {
    await dieInCommit();
    expect(await mark()).toMatchObject({ version: 2, tries: 1 });
    await dieInCommit();
    expect(await mark()).toMatchObject({ version: 2, tries: 2 });
    const third = startProcess(2, 0);
    expect(await third.line('up')).toBe('up 0.1 cache quarantined');
    expect(await third.line('log a snapshot was not applied')).toContain('version 2 is in quarantine');
    await third.kill();
    // Still so at the next start, until there is another version.
    const fourth = startProcess(2, 3);
    expect(await fourth.line('up')).toBe('up 0.1 cache quarantined');
    await fourth.line('committing 3');
    await fourth.kill();
    const fifth = startProcess(3, 0);
    expect(await fifth.line('up')).toBe('up 0.3 live');
    await fifth.kill();
  });

  it('a version that killed one process in its commit and one at its start is not tried again either', async () => {
    await dieInCommit();
    const second = startProcess(2, 0);
    expect(await second.line('up')).toBe('up 0.2 live');
    // It did not live with it for ten seconds.
    await second.kill();
    const third = startProcess(2, 0);
    expect(await third.line('up')).toBe('up 0.1 cache quarantined');
    await third.kill();
  });

  it('Client-44-Probation: a version that killed two processes soon after it was applied is not tried again, not even from disk, and the one before is used', async () => {
    await liveWith(1);
    for (const tries of [1, 2]) {
      const kept = startProcess(2, 0);
      expect(await kept.line('up')).toBe('up 0.2 live');
      expect(await mark()).toMatchObject({ version: 2, tries });
      await isKept(2);
      await kept.kill();
    }
    const alone = startProcess(0, 0);
    expect(await alone.line('log the last good snapshot is in quarantine')).toContain('the one before it counts');
    expect(await alone.line('up')).toBe('up 0.1 cache');
    await alone.kill();
  }, 60_000);

  it('a version that a process survived is never suspected', async () => {
    await liveWith(2);
    for (let round = 0; round < 3; round++) {
      const kept = startProcess(2, 0);
      expect(await kept.line('up')).toBe('up 0.2 live');
      await kept.kill();
      expect(await readdir(directory)).toEqual(['vad@config-authority.json']);
    }
  });
});
